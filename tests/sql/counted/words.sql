-- Catches "1 players".
begin;
select plan(4);
select is(orrery.counted(0, 'player'), '0 players', 'none');
select is(orrery.counted(1, 'player'), '1 player', 'one');
select is(orrery.counted(2, 'player'), '2 players', 'two');
select is(orrery.counted(10000000000, 'player'), '10000000000 players', 'more than an integer holds');
select * from finish();
rollback;
