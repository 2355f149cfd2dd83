-- Catches sessions that are all given to one of two chat servers, or to one that is not ready.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select is(orrery.chat_servers('t'), array[:a, :b]::bigint[], 'by kind and key');
select orrery_test.account_made('t', 'p' || n), orrery.character_create('p' || n, 'P' || n, 'grid', 'aldra-1', 't') from generate_series(1, 4) n;
select orrery_test.selected(:login, (o ->> 'session_id')::bigint, (o ->> 'epoch')::bigint, c.character_id)
from orrery."character" c cross join lateral (select orrery_test.opened(:login, c.account_id) as o offset 0) o order by c.character_id;
select is((select array_agg(n order by n) from (select count(*) as n from orrery.attachment where server_id in (:a, :b) group by server_id) c), array[2, 2]::bigint[], 'half of the sessions each');
update orrery.server set state = 'stopping' where server_id = :a;
select is(orrery.chat_servers('t'), array[:b]::bigint[], 'only those that are ready');
select is(orrery.chat_servers('u'), '{}', 'of that cluster');
select * from finish();
rollback;
