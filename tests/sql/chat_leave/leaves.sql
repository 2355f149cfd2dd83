-- Catches a channel that stays when everybody left, one that goes too early, and who is put out by another.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :b, 'Kim') as kim \gset
select orrery_test.chat_one('chat_join', :ann, '{"name":"Miners","create":true}') #>> '{channel,channel_id}' as miners, orrery_test.chat_in(:ann, 'cluster') as everybody \gset
select orrery_test.chat_one('chat_join', :kim, '{"name":"miners"}');
select orrery_test.chat_said(:ann, :miners, 1, 'dig');
select is(orrery_test.chat_one('chat_leave', :ann, jsonb_build_object('channel_id', :miners)), '{}', 'left');
select is(orrery_test.chat_one('chat_leave', :ann, jsonb_build_object('channel_id', :miners)), '{}', 'as often as one likes');
select is((select count(*) from orrery.chat_member where channel_id = :miners), 1::bigint, 'alone');
select is(orrery_test.chat_said(:kim, :miners, 1, 'alone'), 2::bigint, 'the other is still there');
select is(orrery_test.refusal(format('select orrery_test.chat_said(%s, %s, 2, ''x'')', :ann, :miners)) ->> 'code', 'OR001', 'who left speaks there no more');
select orrery_test.chat_one('chat_leave', :kim, jsonb_build_object('channel_id', :miners));
select is((select count(*) from orrery.chat_channel where channel_id = :miners), 0::bigint, 'it goes with its last member');
select is((select count(*) from orrery.chat_message where channel_id = :miners), 0::bigint, 'and what was said there');
select orrery_test.chat_one('chat_leave', :ann, jsonb_build_object('channel_id', :everybody));
select is((select count(*) from orrery.chat_channel where channel_id = :everybody), 1::bigint, 'nobody leaves the cluster''s');
select is((select array_agg(e.value #>> '{error,code}') from jsonb_array_elements(orrery_test.answer(:a, 'chat_leave', format('%L', jsonb_build_array(5, '{"session_id":1,"epoch":1,"channel_id":1}'::jsonb)))) e), array['OR003', 'OR007'], 'what makes no sense');
select is(orrery_test.answer(:a, 'chat_leave', '''[]'''), '[]', 'nothing of nothing');
select * from finish();
rollback;
