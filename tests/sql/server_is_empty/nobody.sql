-- Catches a server that is stopped under somebody, or kept for somebody who has gone.
begin;
set local client_min_messages = warning;
select plan(9);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.server_made('t', 'grid', 'velo-2', 'requested') as wanted, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Two', 'grid', 'velo-2', 't') as two \gset
create function pg_temp.is_empty(p_id bigint) returns boolean language sql as $$ select orrery.server_is_empty(s) from orrery.server s where s.server_id = p_id $$;
select is(pg_temp.is_empty(:grid), true, 'nobody came yet');
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select is(pg_temp.is_empty(:login), false, 'one logs in');
select orrery_test.selected(:login, :s, :e, :two) ->> 'status' as status \gset
select is(pg_temp.is_empty(:wanted), false, 'one waits for its key');
select is(pg_temp.is_empty(:grid), true, 'and not for another');
select orrery_test.selected(:login, :s, :e, :one) ->> 'status' as status \gset
select is(pg_temp.is_empty(:grid), false, 'one is in play');
select is(pg_temp.is_empty(:chat), false, 'one is attached');
select is(pg_temp.is_empty(:wanted), true, 'nobody waits any more');
select orrery.session_end_all(array[:s], 'test', 'over');
select is(pg_temp.is_empty(:grid), true, 'it has ended');
select is(pg_temp.is_empty(:chat), true, 'there too');
select * from finish();
rollback;
