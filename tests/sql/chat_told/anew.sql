-- Catches a chat server that is not told, one that is told of who has gone, and others that are told.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :b, 'Kim') as kim \gset
update orrery.attachment set taken = true;
delete from orrery.command where verb = 'tell';
select orrery.chat_told(s.character_id, 'test') from orrery.session s where s.session_id = :ann;
select results_eq('select server_id from orrery.command where verb = ''tell''', array[:a]::bigint[], 'its server');
select results_eq('select session_id from orrery.attachment where not taken', array[:ann]::bigint[], 'of it');
select is((select count(*) from jsonb_array_elements(orrery_test.answer(:a, 'server_sync') -> 'arrivals') r where r ->> 'session_id' = :'ann'), 1::bigint, 'it arrives again');
update orrery.attachment set taken = true, ended = true;
select orrery.chat_told(s.character_id, 'test') from orrery.session s where s.session_id = :ann;
select is((select bool_and(taken) from orrery.attachment), true, 'what has ended is not told');
select * from finish();
rollback;
