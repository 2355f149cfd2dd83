-- Catches a replacement that is resumed though nobody paused it.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":1}}', 't');
select throws_ok($$select orrery.fleet_resume('f', 't')$$, 'OR002', null, 'nobody did');
update orrery.fleet set paused = 'test', paused_version = 1;
select orrery.fleet_resume('f', 't');
select is((select (paused, paused_version)::text from orrery.fleet), '(,)', 'it goes on');
select * from finish();
rollback;
