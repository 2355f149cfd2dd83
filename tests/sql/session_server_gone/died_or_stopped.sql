-- Catches players thrown out because their server crashed, kept for one that was stopped, or a chat that forgets who is on it.
begin;
set local client_min_messages = warning;
select plan(14);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
create function pg_temp.opened(p_login bigint, p_name text, p_play boolean) returns bigint language plpgsql as $$
declare
  v_account bigint := orrery_test.account_made('t', p_name);
  v_character bigint := orrery.character_create(p_name, p_name, 'grid', 'aldra-1', 't');
  v_open jsonb := orrery_test.opened(p_login, v_account);
begin
  if p_play then
    perform orrery_test.selected(p_login, (v_open ->> 'session_id')::bigint, (v_open ->> 'epoch')::bigint, v_character);
  end if;
  return v_open -> 'session_id';
end
$$;
create function pg_temp.session(p_id bigint) returns text language sql as $$ select format('%s: %s by %s', state, reason, rule) from orrery.session where session_id = p_id $$;
select pg_temp.opened(:login, 'ann', true) as ann, pg_temp.opened(:login, 'bob', true) as bob, pg_temp.opened(:login, 'cid', false) as cid \gset
select orrery.session_end_all(array[:bob], 'test', 'over');
update orrery.session set taken = false where session_id = :bob;
update orrery.attachment set taken = true where session_id = :ann;

select orrery.session_server_gone(:login, true, 'test_rule', 'signal 9');
select is(pg_temp.session(:cid), 'ended: lapse: signal 9 by test_rule', 'one that had only logged in is ended');
select is((select state from orrery.session where session_id = :ann), 'playing', 'one that plays elsewhere goes on');
select orrery.session_server_gone(:grid, true, 'test_rule', 'signal 9');
select is(pg_temp.session(:ann), 'orphaned: signal 9 by test_rule', 'one in play is orphaned');
select is((select array_agg(root is null) from orrery.session_secret where session_id = :ann), array[false], 'and keeps its root');
select is((select count(*) from orrery.event where noun = 'session' and noun_id = :'ann' and to_state = 'orphaned'), 1::bigint, 'with an event');
select is(pg_temp.session(:bob), 'ended: over by test', 'one that had ended stays so');
select is((select taken from orrery.session where session_id = :bob), true, 'nobody is left to hear of it');
select orrery.session_server_gone(:grid, true, 'test_rule', 'signal 11');
select is(pg_temp.session(:ann), 'orphaned: signal 9 by test_rule', 'its replacement dies too: still orphaned');

select orrery.session_server_gone(:chat, true, 'test_rule', 'signal 9');
select is((select (taken, ended)::text from orrery.attachment where session_id = :ann), '(f,f)', 'the replacement of chat is told who is on it');
select is((select (taken, ended)::text from orrery.attachment where session_id = :bob), '(t,t)', 'and not who left');

select orrery.session_server_gone(:grid, false, 'test_rule', 'exit status 0');
select is(pg_temp.session(:ann), 'ended: shutdown: exit status 0 by test_rule', 'one whose server was stopped is ended');
select is((select array_agg(root is null) from orrery.session_secret where session_id = :ann), array[true], 'with its root');
select orrery_test.server_made('t', 'login', 'next') as next \gset
select pg_temp.opened(:next, 'dan', true) as dan \gset
select orrery.session_server_gone(:grid, false, 'test_rule', 'exit status 0');
select is(pg_temp.session(:dan), 'ended: shutdown: exit status 0 by test_rule', 'one in play too');
select lives_ok($$select orrery.session_server_gone(-1, true, 'test', 'none')$$, 'an unknown server has none');
select * from finish();
rollback;
