-- Catches a player who comes back and is not told why his session ended, and a root from which keys of such a session could be derived.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other,
  orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
create temp table player (name text primary key, account bigint, session bigint, epoch bigint, root bytea);
-- A player in play at the grid, of whom it knows.
create function pg_temp.plays(p_login bigint, p_name text, p_device bigint default null) returns void language plpgsql as $$
declare
  v_account bigint := coalesce((select account_id from orrery.account where name = p_name), orrery_test.account_made('t', p_name));
  v_opened  jsonb;
  v_playing jsonb;
begin
  if p_device is not null then
    update orrery.device set account_id = v_account where device_id = p_device;
  end if;
  v_opened := orrery_test.opened(p_login, v_account, '192.0.2.9:1', p_device);
  v_playing := orrery_test.selected(p_login, (v_opened ->> 'session_id')::bigint, (v_opened ->> 'epoch')::bigint,
    orrery.character_create(p_name, p_name, 'grid', 'aldra-1', 't'));
  insert into player
  values (p_name, v_account, (v_opened ->> 'session_id')::bigint, (v_playing #>> '{owner,epoch}')::bigint, decode(v_opened ->> 'root', 'hex'));
  perform orrery_test.answer(s.server_id, 'server_sync',
    format('%L', jsonb_build_array(jsonb_build_object('session_id', p.session, 'epoch', p.epoch, 'role', 'owner'))))
  from player p, orrery.server s where p.name = p_name and s.kind = 'grid' and s.state = 'ready';
end
$$;
create function pg_temp.ended_by_server(p_grid bigint, p_name text, p_reason text) returns void language sql as $$
  select orrery_test.answer(p_grid, 'session_end', format('%L', jsonb_build_array(
    jsonb_build_object('session_id', session, 'epoch', epoch, 'reason', p_reason, 'detail', 'for the log')))) from player where name = p_name $$;
-- What a login server answers the player's client.
create function pg_temp.ask(p_login bigint, p_name text, p_root bytea default null, p_hash text default repeat('5a', 64)) returns jsonb
language sql as $$
  select orrery_test.one(p_login, 'session_resolve', jsonb_build_object('address', '192.0.2.9:1', 'session_id', session, 'handshake_hash', p_hash,
    'proof', encode(orrery.hmac_sha256(decode(repeat('5a', 64), 'hex'), orrery.hmac_sha256('orrery/1 resolve', coalesce(p_root, root))), 'hex')))
  from player where name = p_name $$;
create function pg_temp.told(p_login bigint, p_name text, p_reason text) returns setof text language sql as $$
  select is(pg_temp.ask(p_login, p_name), jsonb_build_object('status', 'ended', 'reason', p_reason), p_name || ': ' || p_reason)
  union all select is(pg_temp.ask(p_login, p_name, sha256(root)), '{"status":"ended","reason":"unknown"}', p_name || ': a wrong proof')
  from player where name = p_name
  union all select is(pg_temp.ask(p_login, p_name, null, repeat('5b', 64)), '{"status":"ended","reason":"unknown"}',
    p_name || ': one of another connection')
  union all select is((select array_agg(x.root is null) from orrery.session_secret x join player p on p.session = x.session_id where p.name = p_name),
    array[true], p_name || ': its root is gone') $$;

insert into orrery.device (cluster, account_id, public_key, name, enrolled_at)
values ('t', orrery_test.account_made('t', 'owner'), decode(repeat('ab', 32), 'hex'), 'phone', now()) returning device_id as d \gset
select pg_temp.plays(:login, n) from unnest(array['leaver', 'kicked', 'kicked-mutely', 'again', 'overruled', 'cheat', 'expired', 'silent']) n;
select pg_temp.plays(:login, 'lost-phone', :d);
select is(pg_temp.ask(:other, name) ->> 'status', 'ready', name || ' plays') from player;
select is((select count(*) from orrery.session_secret where root is not null), (select count(*) from player), 'who plays has a root');
select pg_temp.ended_by_server(:grid, 'leaver', 'logout'), pg_temp.ended_by_server(:grid, 'silent', 'lapse');
select orrery.session_kick(session, 'spam: twice') from player where name = 'kicked';
select orrery.session_kick(session) from player where name = 'kicked-mutely';
select orrery.account_ban('cheat', 'cheats', null, 't');
select orrery.device_revoke('lost-phone', :d, 't');
select orrery_test.opened(:login, account) from player where name in ('again', 'overruled');
select is(pg_temp.ask(:other, 'again'), '{"status":"ended","reason":"superseded"}', 'released, not ended yet');
select pg_temp.ended_by_server(:grid, 'again', 'superseded');
select pg_temp.told(:other, n, r) from (values ('leaver', 'logout'), ('silent', 'lapse'), ('kicked', 'kicked: spam: twice'),
  ('kicked-mutely', 'kicked'), ('cheat', 'banned for good: cheats'), ('lost-phone', 'kicked: the device was revoked'),
  ('again', 'superseded')) v (n, r);
update orrery.session set token_expires_at = orrery.clock() from player where session = session_id and name = 'expired';
select orrery_test.clock_advance('11 s');
update orrery.agent_heartbeat set beat_at = orrery.clock();
select orrery.tick_idle();
select pg_temp.ended_by_server(:grid, 'expired', 'token expired');
select pg_temp.told(:other, 'expired', 'token expired');

select pg_temp.plays(:login, 'orphan');
select orrery.server_exited(:grid, (select epoch from orrery.server where server_id = :grid), 'test', 'signal 9');
select pg_temp.told(:other, 'overruled', 'superseded');
select is(pg_temp.ask(:other, 'orphan') ->> 'status', 'waiting', 'one whose server died waits');
select orrery_test.clock_advance('61 s');
select orrery.tick_idle();
select pg_temp.told(:other, 'orphan', 'lapse');

update orrery.server set state = 'starting', agent_id = orrery_test.agent_made(), on_isolation = 'stop',
  token_hash = sha256(convert_to(orrery_test.token_of(:grid), 'UTF8')) where server_id = :grid;
update orrery.server set state = 'ready' where server_id = :grid;
select pg_temp.plays(:login, n) from unnest(array['saved', 'unsaved']) n;
select orrery.cluster_shutdown(0, 't');
select orrery.cluster_advance('t');
select pg_temp.ended_by_server(:grid, 'saved', 'shutdown');
select orrery.server_exited(server_id, epoch, 'test', 'exit status 0') from orrery.server where cluster = 't' and state = 'stopping';
select orrery.cluster_advance('t');
select is((select state from orrery.cluster where cluster = 't'), 'stopped', 'its cluster was shut down');
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'next') as next \gset
select pg_temp.told(:next, n, 'shutdown') from unnest(array['saved', 'unsaved']) n;
select pg_temp.told(:next, 'leaver', 'logout');

select orrery.cluster_create('u');
select orrery_test.cluster_running('u');
select orrery_test.server_made('u', 'login', 'main') as elsewhere \gset
select is(pg_temp.ask(:elsewhere, 'leaver'), '{"status":"ended","reason":"unknown"}', 'another cluster knows nothing of it');
select orrery_test.clock_advance('2 h');
select orrery.tick_purge();
select is(pg_temp.ask(:next, 'leaver'), '{"status":"ended","reason":"unknown"}', 'nor is it known for ever');
select is((select count(*) from orrery.session_secret), 0::bigint, 'nothing is kept of it then');
select * from finish();
rollback;
