-- Catches a login server that is not told, told of another place, or told once for each of its players.
begin;
set local client_min_messages = warning;
select plan(4);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as idle, orrery_test.server_made('t', 'login', 'third') as third,
  orrery_test.server_made('t', 'grid', 'aldra-1', 'requested') as grid, orrery_test.server_made('t', 'grid', 'velo-2', 'requested') as elsewhere \gset
create function pg_temp.waits(p_login bigint, p_name text, p_key text) returns bigint language plpgsql as $$
declare
  v_account bigint := orrery_test.account_made('t', p_name);
  v_character bigint := orrery.character_create(p_name, p_name, 'grid', p_key, 't');
  v_open jsonb := orrery_test.opened(p_login, v_account);
begin
  perform orrery_test.selected(p_login, (v_open ->> 'session_id')::bigint, (v_open ->> 'epoch')::bigint, v_character);
  return v_open -> 'session_id';
end
$$;
select pg_temp.waits(:login, 'ann', 'aldra-1'), pg_temp.waits(:login, 'bob', 'aldra-1'), pg_temp.waits(:idle, 'cid', 'velo-2'), pg_temp.waits(:third, 'dan', 'aldra-1') as dan \gset
select orrery.session_end_all(array[:dan], 'test', 'over');
select orrery.server_tell_waiting('t', 'grid', 'aldra-1', '{"tell":"ready"}', 'test_rule');
select results_eq($$select server_id, verb, rule, payload from orrery.command where cluster = 't'$$,
  format($$values (%s::bigint, 'tell', 'test_rule', '{"tell":"ready","kind":"grid","key":"aldra-1"}'::jsonb)$$, :login), 'the server of those who wait, once, and no other');
select orrery.server_tell_waiting('t', 'grid', 'velo-2', '{"tell":"failed","reason":"x"}', 'test_rule');
select is((select payload from orrery.command where server_id = :idle), '{"tell":"failed","reason":"x","kind":"grid","key":"velo-2"}', 'with what it is told');
select orrery.server_tell_waiting('t', 'station', 'aldra-1', '{"tell":"ready"}', 'test_rule'), orrery.server_tell_waiting('u', 'grid', 'aldra-1', '{"tell":"ready"}', 'test_rule');
select is((select count(*) from orrery.command where cluster = 't'), 2::bigint, 'nobody waits for another kind, or in another cluster');
update orrery.server set state = 'stopping', rule = 'test' where server_id = :login;
update orrery.server set state = 'stopped', rule = 'test' where server_id = :login;
select lives_ok($$select orrery.server_tell_waiting('t', 'grid', 'aldra-1', '{"tell":"ready"}', 'test_rule')$$, 'nor can one that is gone be told');
select * from finish();
rollback;
