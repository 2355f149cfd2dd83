-- Catches a session told to who does not hold its secret, one that is lost although it goes on, or proofs that may be guessed without end.
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
create function pg_temp.ask(p_session bigint, p_proof text default null, p_more jsonb default '{}') returns jsonb language sql as $$
  select orrery_test.one((select server_id from orrery.server where kind = 'login' and key = 'other'), 'session_resolve', jsonb_build_object('address', '192.0.2.9:1', 'session_id', p_session, 'handshake_hash', repeat('5a', 64),
    'proof', coalesce(p_proof, (select encode(orrery.hmac_sha256(decode(repeat('5a', 64), 'hex'), orrery.hmac_sha256('orrery/1 resolve'::bytea, x.root)), 'hex') from orrery.session_secret x where x.session_id = p_session), repeat('00', 32))) || p_more) $$;
select is(pg_temp.ask(:s) ->> 'status', 'ready', 'it plays');
select is(pg_temp.ask(:s) -> 'owner', (select orrery.server_target(v, :grid, :e2) from orrery.server v where server_id = :other), 'there, with a key from here');
select is((pg_temp.ask(:s) #>> '{chat,server_id}')::bigint, :chat::bigint, 'chat too');
select is(pg_temp.ask(:s, repeat('00', 32)), '{"status":"ended","reason":"unknown"}', 'a wrong proof');
select is(pg_temp.ask(:s, null, jsonb_build_object('handshake_hash', repeat('5b', 64))), '{"status":"ended","reason":"unknown"}', 'of another connection');
select is(pg_temp.ask(-1), '{"status":"ended","reason":"unknown"}', 'is as a session that is not');
select a ->> 'session_id' as k, a ->> 'epoch' as ke from orrery_test.opened(:login, :kim) a \gset
select is(pg_temp.ask(:k) ->> 'reason', 'login not finished', 'one that does not play yet');
select is(orrery_test.refusal(format('select pg_temp.ask(1, %L, %L)', repeat('00', 32), m)) ->> 'code', 'OR003', m::text)
from unnest(array['{"address":null}', '{"session_id":"x"}', '{"proof":"zz"}', '{"proof":null}', '{"handshake_hash":"5a"}', '{"session_id":null}']::jsonb[]) m;
select orrery.server_exited(:grid, (select epoch from orrery.server where server_id = :grid), 'test', 'signal 9');
select is(pg_temp.ask(:s) ->> 'status', 'waiting', 'its server died');
update orrery.server set state = 'starting', agent_id = orrery_test.agent_made(), on_isolation = 'stop', token_hash = sha256(convert_to(orrery_test.token_of(:grid), 'UTF8')) where server_id = :grid;
update orrery.server set state = 'ready' where server_id = :grid;
update orrery.character set state = '{"saved":1}' where character_id = :ann;
select is(pg_temp.ask(:s, repeat('00', 32)) ->> 'status', 'ended', 'a wrong proof moves nothing');
select pg_temp.ask(:s) as a \gset
select is(:'a'::jsonb ->> 'status', 'ready', 'its replacement is given it');
select cmp_ok((:'a'::jsonb #>> '{owner,epoch}')::bigint, '>', :e2::bigint, 'under a new epoch');
select is(orrery_test.answer(:grid, 'server_sync') #> '{arrivals,0,state}', '{"saved":1}', 'with what was saved');
select is(pg_temp.ask(:s), :'a'::jsonb, 'once');
select orrery_test.opened(:login, :pat);
select is(pg_temp.ask(:s), '{"status":"ended","reason":"superseded"}', 'he plays elsewhere');
update orrery.session set release_at = null, release_reason = null, token_expires_at = now() - interval '1 s' where session_id = :s;
select is(pg_temp.ask(:s), '{"status":"ended","reason":"token expired"}', 'a token that has run out');
select orrery.setting_set('login_address_per_minute', 1);
delete from orrery.login_limit;
select is(count(*) filter (where pg_temp.ask(-1) ? 'wait_ms'), 5::bigint, 'proofs are counted as passwords are') from generate_series(1, 205);
select is(pg_temp.ask(:k, null, '{"again":true}') ->> 'status', 'ended', 'a login server that asks again for who waits is not');
select * from finish();
rollback;
