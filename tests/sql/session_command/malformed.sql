-- Catches a command that is too large, has no number, or breaks the others of its batch.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat', 'grid', 'aldra-1', 't') as one \gset
select orrery_test.playing(:grid, :one) as s \gset
delete from orrery.hook where hook = 'command';
select orrery.hook_set('command', 'orrery_test.take_order');
create function pg_temp.code(p_server bigint, p_entry jsonb) returns text language sql as $$
  select orrery_test.answer(p_server, 'session_command', format('%L', jsonb_build_array(p_entry))) #>> '{0,error,code}' $$;
select :'s'::jsonb || '{"id":1,"name":"mine","args":{}}' as good \gset
select is(pg_temp.code(:grid, e.entry), 'OR003', e.entry::text) from (values
  ('{}'::jsonb), ('[]'), ('null'), ('7'),
  (:'good'::jsonb || '{"session_id":"x"}'), (:'good'::jsonb || '{"epoch":null}'),
  (:'good'::jsonb || '{"id":0}'), (:'good'::jsonb || '{"id":-1}'), (:'good'::jsonb || '{"id":"1"}'), (:'good'::jsonb || '{"id":1.5}'), (:'good'::jsonb || '{"id":9223372036854775808}'),
  (:'good'::jsonb || '{"name":""}'), (:'good'::jsonb || '{"name":"Mine"}'), (:'good'::jsonb || '{"name":7}'), (:'good'::jsonb - 'name'),
  (:'good'::jsonb || '{"args":[]}'), (:'good'::jsonb || '{"args":null}')) e (entry);
select is(pg_temp.code(:grid, :'good'::jsonb || jsonb_build_object('name', repeat('a', 33))), 'OR003', 'a name that is too long');
select is(pg_temp.code(:grid, :'good'::jsonb || jsonb_build_object('name', repeat('a', 32))), null, 'one that is not');
select is(pg_temp.code(:grid, :'good'::jsonb || jsonb_build_object('id', 2, 'args', jsonb_build_object('a', repeat('x', 4096)))), 'OR003', 'args that are too large');
select is(pg_temp.code(:grid, :'good'::jsonb || jsonb_build_object('id', 2, 'args', jsonb_build_object('a', repeat('x', 4000)))), null, 'args that are not');
select is(pg_temp.code(:grid, :'good'::jsonb - 'args' || '{"id":3}'), null, 'none');
select throws_ok(format('select orrery.session_command(%s, null)', orrery_test.me(:grid)), 'OR003', null, 'null');
select throws_ok(format('select orrery.session_command(%s, ''{}'')', orrery_test.me(:grid)), 'OR003', null, 'no array');
select throws_ok(format('select orrery.session_command(%s, %L)', orrery_test.me(:grid), (select jsonb_agg(n) from generate_series(1, 201) n)), 'OR003', null, 'too many');
select * from finish();
rollback;
