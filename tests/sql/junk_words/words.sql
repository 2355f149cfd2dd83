-- Catches a piece of junk that a grid cannot place.
begin;
select no_plan();
select is(space.junk_words(row(5, 't', 'grid', 'aldra-1', 'cobalt', 7, 100, 200, now())::space.junk), '{"id":5,"ore":"cobalt","units":7,"x_cm":100,"y_cm":200}', 'what, how much and where');
select * from finish();
rollback;
