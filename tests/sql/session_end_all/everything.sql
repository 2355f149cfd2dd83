-- Catches a session that is half ended: its secret kept, its chat not told, or its account still in play.
begin;
set local client_min_messages = warning;
select plan(13);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
select orrery_test.account_made('t', 'ann') as ann, orrery_test.account_made('t', 'bob') as bob \gset
select orrery.character_create('ann', 'Ann', 'grid', 'aldra-1', 't') as c_ann, orrery.character_create('bob', 'Bob', 'grid', 'aldra-1', 't') as c_bob \gset
select a ->> 'session_id' as s_ann, a ->> 'epoch' as e_ann from orrery_test.opened(:login, :ann) a \gset
select a ->> 'session_id' as s_bob, a ->> 'epoch' as e_bob from orrery_test.opened(:login, :bob) a \gset
select orrery_test.selected(:login, :s_ann, :e_ann, :c_ann) #>> '{chat,epoch}' as chat_epoch \gset
select orrery_test.selected(:login, :s_bob, :e_bob, :c_bob) ->> 'status' as status \gset
select orrery_test.answer(:chat, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s_ann, 'epoch', :chat_epoch, 'role', 'chat')))) ->> 'x' as taken \gset
select is((select taken from orrery.attachment where session_id = :s_ann), true, 'chat has it');
select orrery.session_end_all(array[:s_ann, -1], 'test_rule', 'because');
select is((select (state, rule, reason, taken)::text from orrery.session where session_id = :s_ann), ('ended'::text, 'test_rule'::text, 'because'::text, true)::text, 'ended, for a reason');
select is((select array_agg(root is null) from orrery.session_secret where session_id = :s_ann), array[true], 'its root is gone');
select is((select (ended, taken)::text from orrery.attachment where session_id = :s_ann), '(t,f)', 'chat must hear of it');
select is((select array_agg(payload) from orrery.command where server_id = :chat), array['{"tell":"sync"}'::jsonb], 'and is told to ask');
select is(orrery_test.answer(:chat, 'server_sync') -> 'ended', jsonb_build_array(jsonb_build_object('session_id', :s_ann::bigint, 'epoch', :chat_epoch::bigint, 'role', 'chat', 'reason', 'because')),
  'it is answered');
select is((select (reason, rule)::text from orrery.event where noun = 'session' and noun_id = :'s_ann' and to_state = 'ended'), '(because,test_rule)', 'with an event');
select is((select state from orrery.session where session_id = :s_bob), 'playing', 'another one goes on');
select is((select ended from orrery.attachment where session_id = :s_bob), false, 'with its chat');
select orrery.session_end_all(array[:s_ann], 'late', 'again');
select is((select reason from orrery.session where session_id = :s_ann), 'because', 'ended once');
select is((select count(*) from orrery.event where noun = 'session' and noun_id = :'s_ann' and to_state = 'ended'), 1::bigint, 'with one event');
select lives_ok(format('select orrery_test.opened(%s, %s)', :login, :ann), 'the account may log in again');
select lives_ok($$select orrery.session_end_all('{}', 'test', 'none'), orrery.session_end_all(null, 'test', 'none')$$, 'none is nothing');
select * from finish();
rollback;
