-- Catches a session that no living server holds and that blocks the end of its cluster, or one ended under its living server,
-- which has still to save it.
begin;
set local client_min_messages = warning;
select plan(4);
select orrery_test.cluster_running('t');
select orrery_test.cluster_running('u');
create function pg_temp.at(p_cluster text, p_name text, p_server_state text, p_state text) returns bigint language plpgsql as $$
declare
  v_server bigint := orrery_test.server_made(p_cluster, 'grid', p_name, p_server_state);
  v_account bigint := orrery_test.account_made(p_cluster, p_name);
  v_character bigint;
  v_session bigint;
begin
  insert into orrery."character" (cluster, account_id, name, kind, key, created_at) values (p_cluster, v_account, p_name, 'grid', p_name, now()) returning character_id into v_character;
  insert into orrery.session (cluster, account_id, character_id, server_id, epoch, rule, state_at, opened_at)
  values (p_cluster, v_account, v_character, v_server, 1, 'test', now(), now()) returning session_id into v_session;
  update orrery.session set state = 'playing' where session_id = v_session;
  if p_state = 'orphaned' then
    update orrery.session set state = 'orphaned' where session_id = v_session;
  end if;
  return v_server;
end
$$;
select pg_temp.at('t', 'on-ready', 'ready', 'playing'), pg_temp.at('t', 'on-starting', 'starting', 'playing'), pg_temp.at('t', 'on-stopping', 'stopping', 'playing'),
  pg_temp.at('t', 'on-requested', 'requested', 'playing'), pg_temp.at('t', 'orphan', 'ready', 'orphaned'), pg_temp.at('t', 'on-stopped', 'requested', 'playing') as stopped,
  pg_temp.at('t', 'on-failed', 'requested', 'playing') as failed, pg_temp.at('u', 'elsewhere', 'requested', 'playing') \gset
update orrery.server set state = 'stopped' where server_id = :stopped;
update orrery.server set state = 'failed' where server_id = :failed;
select orrery.session_end_where_dead('t', 'test_rule', 'because');
select results_eq($$select a.name from orrery.session n join orrery.account a using (account_id) where n.state = 'ended' and n.cluster in ('t', 'u') order by a.name$$,
  $$values ('on-failed'), ('on-requested'), ('on-stopped'), ('orphan')$$, 'those whose server does not live, in this cluster');
select is((select array_agg(distinct n.reason || ' by ' || n.rule) from orrery.session n where n.state = 'ended' and n.cluster = 't'), '{"because by test_rule"}', 'for the reason given');
select orrery.session_end_where_dead('t', 'test_rule', 'again');
select is((select count(*) from orrery.session n where n.state = 'ended' and n.cluster = 't' and n.reason = 'because'), 4::bigint, 'once');
select lives_ok($$select orrery.session_end_where_dead('no such', 'test', 'none')$$, 'an unknown cluster has none');
select * from finish();
rollback;
