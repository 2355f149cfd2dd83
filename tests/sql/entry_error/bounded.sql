-- Catches an answer as long as what was sent.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.entry_error('7', 'OR003', 'a', 'b'), '{"ref":7,"error":{"code":"OR003","message":"a","hint":"b"}}', 'its members');
select is(orrery.entry_error(null, 'OR003', 'a', 'b') -> 'ref', 'null', 'no ref');
select is(length(orrery.entry_error('7', 'OR003', repeat('x', 10000), repeat('x', 10000)) #>> '{error,message}'), 1000, 'bounded');
select * from finish();
rollback;
