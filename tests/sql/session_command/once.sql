-- Catches a command that is done twice, of which the result is lost, or that another command's number stands for.
begin;
set local client_min_messages = error;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'eve') as eve \gset
select orrery.character_create('pat', 'Pat', 'grid', 'aldra-1', 't') as pat_c, orrery.character_create('eve', 'Eve', 'grid', 'aldra-1', 't') as eve_c \gset
select orrery_test.playing(:grid, :pat_c) as s, orrery_test.playing(:grid, :eve_c) as s2 \gset
delete from orrery.hook where hook = 'command';
select orrery.hook_set('command', 'orrery_test.take_order');

select is(orrery_test.command(:grid, :'s', 5, 'mine', '{"a":1}'), '{"result":{"done":{"a":1}}}', 'done');
select is((select (cluster, character_id, kind, key, name, args)::text from orrery_test.ordered), format('(t,%s,grid,aldra-1,mine,"{""a"": 1}")', :pat_c), 'by whom, where and what');
select is(orrery_test.command(:grid, :'s', 5, 'mine', '{"a":1}'), '{"result":{"done":{"a":1}}}', 'asked again it answers the same');
select is((select count(*) from orrery_test.ordered), 1::bigint, 'and is not done again');
select is(orrery_test.command(:grid, :'s', 5, 'mine', '{"a":2}'), '{"result":{"done":{"a":1}}}',
  'the same order, to which the zone that came after adds what it sees: it was done');
select is(orrery_test.command(:grid, :'s', 5, 'load', '{"a":1}') #>> '{error,code}', 'OR008', 'another command under its number');
select is(orrery_test.command(:grid, :'s2', 5, 'load'), '{"result":{"done":{}}}', 'each session counts for itself');
select is(orrery_test.command(:grid, :'s', 9223372036854775807, 'nothing'), '{"result":{}}', 'the highest number; a game that answers nothing');
select is((select count(*) from orrery_test.ordered), 3::bigint, 'so many were done');

select orrery_test.answer(:grid, 'session_command', format('%L', jsonb_build_array(
  :'s'::jsonb || '{"ref":1,"id":10,"name":"mine","args":{"n":1}}', :'s2'::jsonb || '{"ref":2,"id":10,"name":"mine","args":{"n":2}}',
  :'s'::jsonb || '{"ref":3,"id":11,"name":"refuse","args":{"n":3}}', :'s'::jsonb || '{"ref":4,"id":12,"name":"raise","args":{"n":4}}',
  :'s'::jsonb || '{"ref":5,"id":10,"name":"mine","args":{"n":1}}', :'s'::jsonb || '{"ref":6,"id":9,"name":"mine","args":{"n":5}}'))) as a \gset
select is((select string_agg(concat_ws(':', e ->> 'ref', e #>> '{result,done,n}', e #>> '{error,code}'), ' ' order by n) from jsonb_array_elements(:'a'::jsonb) with ordinality e (e, n)),
  '1:1 2:2 3:OR002 4:OR013 5:1 6:5', 'a batch, in its order; what fails spoils no other; twice in one call is once');
select is((select string_agg(args ->> 'n', ' ' order by n) from orrery_test.ordered where args ? 'n'), '1 2 5', 'done in the order given');
select is(orrery_test.answer(:grid, 'session_command', '''[]'''), '[]', 'none');

select orrery_test.answer(:grid, 'session_end', format('%L', jsonb_build_array(:'s'::jsonb || '{"reason":"logout"}')));
select is((select count(*) from orrery.session_command where session_id = (:'s'::jsonb ->> 'session_id')::bigint), 4::bigint, 'kept with the session');
update orrery.setting set value = 7200 where name = 'command_kept_s';
select orrery_test.clock_advance('3601 s');
select orrery.tick_purge();
select is((select array_agg(distinct session_id)::text from orrery.session_command), format('{%s}', :'s2'::jsonb ->> 'session_id'), 'and gone with it');
select * from finish();
rollback;
