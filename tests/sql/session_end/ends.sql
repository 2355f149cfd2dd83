-- Catches an end that loses what was saved, keeps the secret, or is not heard by chat, or too late.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.selected(:login, :s, :e, :one) #>> '{owner,epoch}' as e2 \gset
select orrery_test.answer(:chat, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch',
  (select epoch from orrery.attachment where session_id = :s), 'role', 'chat'))));
select orrery_test.answer(:login, 'session_end', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e, 'reason', 'login_timeout'))));
select is((select state from orrery.session where session_id = :s), 'playing', 'its former owner cannot end it');
select orrery_test.answer(:grid, 'session_end', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e, 'reason', 'lapse'))));
select is((select state from orrery.session where session_id = :s), 'playing', 'nor its owner under an older epoch');
select orrery_test.answer(:grid, 'session_end', format('%L', jsonb_build_array(
  jsonb_build_object('session_id', -1, 'epoch', 1, 'reason', 'lapse'),
  jsonb_build_object('session_id', :s, 'epoch', :e2, 'reason', 'lapse', 'detail', E'silent for\n10 s', 'state', '{"x":9}'::jsonb))));
select is((select (state, reason, taken)::text from orrery.session where session_id = :s), '(ended,"lapse: silent for 10 s",t)', 'ended, and why');
select is((select state from orrery.character where character_id = :one), '{"x":9}'::jsonb, 'what was saved is kept');
select is((select array_agg(root is null) from orrery.session_secret where session_id = :s), array[true], 'the root is gone');
select is((select count(*)::int from orrery.event where noun = 'session' and noun_id = :'s' and to_state = 'ended' and reason like 'lapse%'), 1, 'one event');
select is(orrery_test.answer(:chat, 'server_sync') -> 'ended', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch',
  (select epoch from orrery.attachment where session_id = :s), 'role', 'chat', 'reason', 'lapse')), 'chat hears of it');
select orrery_test.answer(:grid, 'session_end', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'reason', 'logout'))));
select is((select reason from orrery.session where session_id = :s), 'lapse: silent for 10 s', 'ended once');
select is(orrery_test.answer(:grid, 'server_sync') -> 'ended', '[]', 'the owner knows already');
create function pg_temp.tells(p_server bigint) returns bigint language sql as $$ select count(*) from orrery.command where server_id = p_server and payload ->> 'tell' = 'sync' $$;
select is(pg_temp.tells(:chat), 0::bigint, 'of who went by himself chat hears when it asks');
create temporary table superseded as
  select a ->> 'session_id' as s, orrery_test.selected(:login, (a ->> 'session_id')::bigint, (a ->> 'epoch')::bigint, :one) #>> '{owner,epoch}' as e
  from orrery_test.opened(:login, :pat, '192.0.2.9:1') a;
select orrery_test.answer(:chat, 'server_sync');
select orrery_test.answer(:grid, 'session_end', format('%L', jsonb_build_array(jsonb_build_object('session_id', x.s::bigint, 'epoch', x.e::bigint, 'reason', 'superseded')))) from superseded x;
select is(pg_temp.tells(:chat), 1::bigint, 'of others at once');
select * from finish();
rollback;
