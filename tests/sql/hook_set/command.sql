-- Catches two games that both take a player's command.
begin;
select no_plan();
create function orrery_test.one(text, bigint, text, text, text, jsonb) returns jsonb language sql security definer as $$ select '{}'::jsonb $$;
create function orrery_test.bad(text, bigint, text, text, text, jsonb) returns jsonb language sql as $$ select '{}'::jsonb $$;
select lives_ok($$select orrery.hook_set('command', 'orrery_test.take_order')$$, 'a game');
select lives_ok($$select orrery.hook_set('command', 'orrery_test.one')$$, 'another');
select is((select array_agg(handler) from orrery.hook where hook = 'command'), array['orrery_test.one'], 'takes its place');
select lives_ok($$select orrery.hook_set('command', 'space.command_run', false)$$, 'the installation of a third');
select is((select array_agg(handler) from orrery.hook where hook = 'command'), array['orrery_test.one'], 'does not');
select throws_ok($$select orrery.hook_set('command', 'orrery_test.bad')$$, 'OR003', null, 'not SECURITY DEFINER');
select throws_ok($$select orrery.hook_set('command', 'space.cluster_created')$$, 'OR001', null, 'another hook''s');
select is((select array_agg(handler) from orrery.hook where hook = 'command'), array['orrery_test.one'], 'changes nothing');
delete from orrery.hook where hook = 'command';
select orrery.hook_set('command', 'space.command_run', false);
select is((select array_agg(handler) from orrery.hook where hook = 'command'), array['space.command_run'], 'but where there was none');
select is((select count(*) from orrery.hook where hook = 'cluster_created'), 1::bigint, 'nor do other hooks');
select * from finish();
rollback;
