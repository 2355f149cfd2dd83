-- Catches an old code that goes on, or a new one that does not.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.account_create('new', null, 't') as c1 \gset
select orrery.account_code('NEW', 't') as c2 \gset
create function pg_temp.sets(p_name text, p_code text) returns jsonb language sql as $$
  select orrery_test.answer((select server_id from orrery.server where kind = 'login' and key = 'main'), 'account_password_set', format('%L, %L, ''$argon2id$x'', ''192.0.2.1:1''', p_name, p_code)) $$;
select isnt((select code_until from orrery.account_status where name = 'new'), null, 'it is shown that there is one');
select is(pg_temp.sets('new', :'c1'), null, 'the old one is void');
select isnt(pg_temp.sets('new', :'c2'), null, 'the new one is good');
select orrery.account_code('pat', 't') as c3 \gset
select is((select password_hash from orrery.account where account_id = :pat), '$argon2id$of-pat', 'the password goes on');
select orrery_test.clock_advance('25 h');
select is(pg_temp.sets('pat', :'c3'), null, 'for a day');
select is(orrery_test.refusal('select orrery.account_code(''nobody'', ''t'')') ->> 'code', 'OR001', 'nobody');
select is((select count(*) from orrery.event where rule = 'account_code'), 2::bigint, 'events');
select is((select count(*) from orrery.event where reason like '%' || :'c2' || '%' or detail::text like '%' || :'c2' || '%'), 0::bigint, 'which do not say it');
select * from finish();
rollback;
