-- Catches devices changed by who does not log in.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.selected(:login, :s, :e, :ann) #>> '{owner,epoch}' as e2 \gset
select orrery_test.answer(:grid, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner'))));
delete from orrery.command where verb = 'tell';
select a ->> 'session_id' as k, a ->> 'epoch' as ke from orrery_test.opened(:login, :kim) a \gset
create function pg_temp.name(p_server bigint, p_session bigint, p_epoch bigint) returns text language sql as $$
  select (orrery.device_session(v, p_session, p_epoch)).name from orrery.server v where v.server_id = p_server $$;
select is(pg_temp.name(:login, :k, :ke), 'kim', 'who logs in here');
select is(orrery_test.refusal(format('select pg_temp.name(%s, %L, %L)', w.server, w.session, w.epoch)) ->> 'code', 'OR007', w.what)
from (values (:other, :k, :ke, 'elsewhere'), (:login, :k, :ke - 1, 'under another epoch'), (:grid, :s, :e2, 'in play'), (:login, -1, :ke, 'nobody'), (:login, null, :ke, 'null'), (:login, :k, null, 'no epoch')) w (server, session, epoch, what);
select * from finish();
rollback;
