-- Catches an effect without its result, a game's mistake that breaks the commands of others or that nobody hears of, and a refusal that stands for ever.
begin;
set local client_min_messages = error;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat', 'grid', 'aldra-1', 't') as one \gset
select orrery_test.playing(:grid, :one) as s \gset
delete from orrery.hook where hook = 'command';
select is(orrery_test.command(:grid, :'s', 1, 'mine') #>> '{error,code}', 'OR001', 'no game');
select orrery.hook_set('command', 'orrery_test.take_order');

select is(orrery_test.command(:grid, :'s', 1, 'refuse'), '{"error":{"code":"OR002","message":"the hold is full","hint":"Unload first."}}', 'what the game refuses, in its words');
select is(orrery_test.command(:grid, :'s', 1, 'refuse', '{"code":"OR006"}') #>> '{error,code}', 'OR006', 'asked again, by other words too, it is tried again');
select is((select count(*) from orrery_test.ordered), 0::bigint, 'it had no effect');
select is(orrery_test.command(:grid, :'s', 1, 'mine'), '{"result":{"done":{}}}', 'its number is free');
select is(orrery_test.command(:grid, :'s', 2, 'refuse', '{"code":"OR007"}') #>> '{error,code}', 'OR013', 'a game does not say whose the session is');
select is((select count(*) from orrery.event where noun = 'hook' and rule = 'session_command'), 1::bigint, 'a mistake of the game is an event');

select is(orrery_test.command(:grid, :'s', 2, 'raise') -> 'error', '{"code":"OR013","message":"raise cannot be done now","hint":"Something is wrong with the game: try again later."}', 'its words are not for players');
select is(orrery_test.command(:grid, :'s', 2, 'raise', jsonb_build_object('code', e.code)) #>> '{error,code}', 'OR013', e.code)
from (values ('23505'), ('22012'), ('42P01'), ('XX000'), ('53200')) e (code);
select is(orrery_test.command(:grid, :'s', 2, 'assert') #>> '{error,code}', 'OR013', 'an assertion');
select is(orrery_test.command(:grid, :'s', 2, 'number') #>> '{error,code}', 'OR013', 'a result that is no object');
select is(orrery_test.command(:grid, :'s', 2, 'much') #>> '{error,code}', 'OR013', 'one that is too large');
select is((select count(*) from orrery_test.ordered), 1::bigint, 'none of them had an effect');
select is((select count(*) from orrery.event where noun = 'hook' and rule = 'session_command'), 1::bigint, 'one event a minute');
select is((select (noun_id, cluster, detail ->> 'code')::text from orrery.event where noun = 'hook' and rule = 'session_command'), '(orrery_test.take_order,t,OR007)', 'of which function, and how');

select throws_ok(format('select orrery_test.command(%s, %L, 2, ''raise'', %L)', :grid, :'s', jsonb_build_object('code', e.code)), e.code, 'broken', e.code || ': all is tried again')
from (values ('40001'), ('40P01'), ('55P03')) e (code);
select is((select count(*) from orrery_test.ordered), 1::bigint, 'without an effect');

select is(orrery.session_command_run(s, '{"a":1}', (:'s'::jsonb ->> 'session_id')::bigint, :one, 1, 'mine', '{}'), '{"ref":{"a":1},"result":{"done":{}}}', 'by any ref')
from orrery.server s where s.server_id = :grid;
update orrery.hook set handler = 'orrery_test.gone' where hook = 'command';
select is(orrery_test.command(:grid, :'s', 2, 'mine') #>> '{error,code}', 'OR013', 'a function that is no more');
select * from finish();
rollback;
