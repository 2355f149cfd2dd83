-- Catches passwords that may be guessed without end: one name from many addresses, many names from one, by names that are not, and after a restart.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.setting_set('login_address_per_minute', 1);
create function pg_temp.tries(p_count integer, p_name text, p_address text, p_key text default null) returns bigint language sql as $$
  select count(*) filter (where v -> 'wait_ms' is null) from jsonb_array_elements(orrery_test.answer((select server_id from orrery.server where kind = 'login'), 'login_begin', quote_literal((
    select jsonb_agg(jsonb_build_object('ref', n, 'name', format(p_name, n), 'address', format(p_address, n), 'device_key', p_key)) from generate_series(1, p_count) n)))) v $$;
select is(pg_temp.tries(50, 'pat', '192.0.2.%s:1'), 10::bigint, 'ten for one name');
select is(pg_temp.tries(50, 'PaT', '198.51.100.%s:1'), 0::bigint, 'in whatever case, from wherever');
select is(pg_temp.tries(50, 'nobody', '192.0.2.%s:1'), 10::bigint, 'as many for one that is not');
insert into orrery.device (cluster, account_id, public_key, name, enrolled_at) values ('t', :pat, decode(repeat('ab', 32), 'hex'), 'phone', now());
select is(pg_temp.tries(50, 'pat', '203.0.113.%s:1', repeat('ab', 32)), 50::bigint, 'devices are not held up by it');
select is(pg_temp.tries(200, 'p%s', '192.0.2.200:%s'), 200::bigint, 'two hundred from an address');
select is(pg_temp.tries(50, 'q%s', '192.0.2.200:%s'), 0::bigint, 'no more, whatever name and port');
select is(pg_temp.tries(50, 'q%s', '192.0.2.200:%s', repeat('ab', 32)), 0::bigint, 'or device');
select is(pg_temp.tries(200, 'r%s', '[2001:db8::%s]:1'), 200::bigint, 'a /64 is one address');
select is(pg_temp.tries(50, 's%s', '[2001:db8::a:%s]:1'), 0::bigint, 'a /64 is one address');
select is(pg_temp.tries(50, 's%s', '[2001:db8:0:1::%s]:1'), 50::bigint, 'another another');
update orrery.server set epoch = orrery.epoch_next() where server_id = :login;
select is(pg_temp.tries(1, 'pat', '198.51.100.%s:1'), 0::bigint, 'a login server that was started anew forgives nothing');
select orrery_test.clock_advance('10.1 s');
select is(pg_temp.tries(50, 'pat', '198.51.100.%s:1'), 1::bigint, 'one each ten seconds');
delete from orrery.login_limit;
select is(pg_temp.tries(9, 'kim', '192.0.2.%s:1'), 9::bigint, 'nine');
select orrery_test.opened(:login, :kim, '192.0.2.9:1');
select is(pg_temp.tries(50, 'kim', '192.0.2.%s:1'), 2::bigint, 'a login that was right is given back');
select * from finish();
rollback;
