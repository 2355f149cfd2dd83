-- Catches a player who stays without chat when his chat server died, or who is given to a second one beside a first that knows him.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann \gset
select orrery_test.answer(:a, 'chat_channels', '''[]''');
create function pg_temp.chat_of(p_login bigint, p_session bigint) returns text language sql as $$
  select orrery_test.one(p_login, 'session_resolve', jsonb_build_object('address', '192.0.2.9:1', 'session_id', p_session, 'handshake_hash', repeat('ab', 64),
    'proof', encode(orrery.hmac_sha256(decode(repeat('ab', 64), 'hex'), x.resolve_key), 'hex'))) #>> '{chat,server_id}'
  from orrery.session_secret x where x.session_id = p_session $$;
select is(pg_temp.chat_of(:login, :ann), :'a', 'it is ready: he stays');
update orrery.server set state = 'stopping' where server_id = :a;
select is(pg_temp.chat_of(:login, :ann), :'b', 'it is not: he is given to the other');
select results_eq('select server_id, taken, ended from orrery.attachment', format('values (%s::bigint, false, false)', :b), 'which is told');
update orrery.server set state = 'stopped' where server_id = :b;
select is(pg_temp.chat_of(:login, :ann), null, 'none is ready');
select orrery_test.server_made('t', 'chat', 'c', 'starting') as c \gset
update orrery.attachment set server_id = :c;
select orrery_test.server_made('t', 'chat', 'd');
select is(pg_temp.chat_of(:login, :ann), null, 'one that starts may know him: it is waited for');
select is((select server_id from orrery.attachment), :c::bigint, 'he is its');
select * from finish();
rollback;
