-- Catches a right that a role lacks: everything here runs as a login that has its group role and nothing else.
begin;
select no_plan();
create role orrery_test_server login in role orrery_session;
create role orrery_test_dba login in role orrery_admin;
create role orrery_test_viewer login in role orrery_viewer;
select orrery_test.cluster_running('t');
select orrery.cluster_grant('t', l) from unnest(array['orrery_test_server', 'orrery_test_dba', 'orrery_test_viewer']) l;
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
select orrery_test.me(:login) as login_me, orrery_test.me(:grid) as grid_me, orrery_test.me(:chat) as chat_me \gset

select orrery_test.as_login('orrery_test_dba', 'select orrery.account_create(''pat'')') as code \gset
select matches(:'code'::text, '^[A-Z2-9-]{19}$', 'a DBA creates an account');
select orrery_test.as_login('orrery_test_dba', 'select orrery.character_create(''pat'', ''Ann'', ''grid'', ''aldra-1'')') as ann \gset
select is((select name from orrery.character where character_id::text = :'ann'), 'Ann', 'and a character');
select alike(orrery_test.as_login('orrery_test_dba', 'select space.skill_train(''Ann'', ''mining'')'), '20%', 'which learns');
select is(orrery_test.as_login('orrery_test_viewer', 'select character || skill || training from space.skill_status'), 'Annmining1', 'a viewer sees it');
select is(orrery_test.as_login('orrery_test_viewer', 'select count(*) from space.place_list'), '16', 'and the places of its cluster');

select is(orrery_test.as_login('orrery_test_server', format('select orrery.server_start_info(%s) #>> ''{world,name}''', :'grid_me')), 'Aldra 1', 'a grid starts');
select is(orrery_test.as_login('orrery_test_server', format('select orrery.cluster_key_publish(%s, %L)', :'login_me', (select jsonb_build_array(encode(public_key, 'hex')) from orrery.cluster_key where cluster = 't'))), '', 'login publishes its key');
select alike(orrery_test.as_login('orrery_test_server', format('select orrery.account_password_set(%s, ''pat'', %L, ''$argon2id$1'', ''192.0.2.9:1'')', :'login_me', :'code')), '{%', 'the player sets a password');
select alike(orrery_test.as_login('orrery_test_server', format('select orrery.login_begin(%s, %L)', :'login_me', '[{"name":"pat","address":"192.0.2.9:1"}]')), '%argon2id%', 'and logs in');
select orrery_test.as_login('orrery_test_server', format('select orrery.session_open(%s, (select to_jsonb(array_agg(account_id)) from orrery.account))', :'login_me')) as denied \gset
select is(:'denied'::text, '42501', 'no table can be read');
select orrery_test.as_login('orrery_test_server', format('select orrery.session_open(%s, %L) -> 0', :'login_me', (select jsonb_build_array(jsonb_build_object('account_id', account_id)) from orrery.account where name = 'pat'))) as opened \gset
select is(:'opened'::jsonb #>> '{characters,0,details,training,skill}', 'mining', 'a session, with what the game says');
select orrery_test.as_login('orrery_test_server', format('select orrery.session_select(%s, %L) -> 0', :'login_me',
  jsonb_build_array(:'opened'::jsonb || jsonb_build_object('character_id', :ann)))) as selected \gset
select is(:'selected'::jsonb ->> 'status', 'ready', 'handed over');
select is(orrery_test.as_login('orrery_test_server', format('select orrery.server_sync(%s) #>> ''{arrivals,0,name}''', :'grid_me')), 'Ann', 'the grid is told');
select is(orrery_test.as_login('orrery_test_server', format('select orrery.session_end(%s, %L)', :'grid_me', jsonb_build_array(jsonb_build_object(
  'session_id', :'opened'::jsonb -> 'session_id', 'epoch', :'selected'::jsonb #> '{owner,epoch}', 'reason', 'logout')))), '', 'and ends it');
select is((select state from orrery.session where cluster = 't'), 'ended', 'ended');
select orrery.character_create('pat', 'Bea', 'grid', 'velo-3', 't') as bea \gset
select orrery_test.as_login('orrery_test_server', format('select orrery.session_open(%s, %L) -> 0', :'login_me', (select jsonb_build_array(jsonb_build_object('account_id', account_id)) from orrery.account where name = 'pat'))) as opened \gset
select is(orrery_test.as_login('orrery_test_server', format('select orrery.session_select(%s, %L) #>> ''{0,status}''', :'login_me',
  jsonb_build_array(:'opened'::jsonb || jsonb_build_object('character_id', :bea)))), 'waiting', 'a place that is not up is asked for');
select is((select count(*)::int from orrery.server where cluster = 't' and key = 'velo-3'), 1, 'by that request');

select orrery.timer_schedule('skill_training', :'ann', orrery.clock() - interval '1 second', '{}', 't');
select isnt(orrery_test.as_login('orrery_cron', 'select ''ticked'' || coalesce(orrery.tick()::text, '''')'), '42501', 'the tick''s login ticks');
select is((select level from space.skill_status where character = 'Ann'), 1, 'and what was due has been done');
select is(orrery_test.as_login('orrery_cron', 'select orrery.account_create(''x'', null, ''t'')'), '42501', 'and may do nothing else');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery.timer_kind_set(''x'', ''space.skill_training_fire'', ''x'')'), 'OR010', 'a DBA of one cluster names no handler for all');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery.hook_set(''cluster_created'', ''space.cluster_created'')'), 'OR010', 'nor a hook');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery.server_kind_set(''login'', ''{"world_function":"space.world"}'')'), 'OR010', 'nor a world that the tick would call');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery.server_kind_set(''grid'', ''{"world_function":"space.world","sessions_max":5}'')'), '', 'but keeps the one there is');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery.tick(''-infinity'')'), 'OR010', 'and does not tick for all');
select is(orrery_test.as_login('orrery_test_server', 'select orrery.timer_cancel(''x'', ''y'')'), '42501', 'a server is no DBA');
select is(orrery_test.as_login('orrery_test_viewer', 'select space.skill_train(''Ann'', ''mining'')'), '42501', 'nor is a viewer');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery.session_key(''x'', 1, 1, 1)'), '42501', 'keys are derived for nobody');
select * from finish();
rollback;
