-- Catches a channel that stays, one of another sort that goes, and members whose servers do not hear of it.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :b, 'Kim') as kim \gset
select orrery_test.chat_one('chat_join', :ann, '{"name":"Miners","create":true}') #>> '{channel,channel_id}' as miners, orrery_test.chat_in(:ann, 'cluster') as everybody \gset
select orrery_test.chat_one('chat_join', :kim, '{"name":"Miners"}');
select orrery_test.chat_said(:kim, :miners, 1, 'dig'), orrery_test.chat_said(:kim, :everybody, 1, 'all');
select results_eq('select kind, name, made_by, members, said, kept from orrery.chat_status order by kind',
  $$values ('cluster', 't', null, null::bigint, 1::bigint, 1::bigint), ('created', 'Miners', 'Ann', 2, 1, 1), ('space', 'grid aldra-1', null, null, 0, null)$$, 'the channels are shown');
select results_eq('select channel, number, "from", text from orrery.chat_log order by channel', $$values ('Miners', 1::bigint, 'Kim', 'dig'), ('t', 1, 'Kim', 'all')$$, 'and what was said');
update orrery.attachment set taken = true;
select throws_ok('select orrery.chat_channel_drop(''t'', ''t'')', 'OR001', null, 'the cluster''s stays');
select lives_ok('select orrery.chat_channel_drop(''miners'', ''t'')', 'gone');
select is((select count(*) from orrery.chat_channel where channel_id = :miners), 0::bigint, 'it');
select is((select count(*) from orrery.chat_message), 1::bigint, 'and what was said there');
select is((select bool_or(taken) from orrery.attachment), false, 'both chat servers are told');
select alike((select reason from orrery.event where rule = 'chat_channel_drop' and noun = 'chat_channel'), 'channel Miners is gone, with 2 members, by %', 'the event says it');
select * from finish();
rollback;
