-- Catches a mute that is of another character, of other channels, or without an end that was given; its words.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :a, 'Kim') as kim \gset
select orrery_test.chat_in(:ann, 'cluster') as everybody, orrery_test.chat_one('chat_join', :ann, '{"name":"Miners","create":true}') #>> '{channel,channel_id}' as miners \gset
create function pg_temp.said(p_session bigint, p_channel bigint, p_id bigint) returns text language sql as $$
  select coalesce(orrery_test.refusal(format('select orrery_test.chat_said(%s, %s, %s, ''x'')', p_session, p_channel, p_id)) ->> 'message', 'said') $$;
select cmp_ok(orrery.chat_mute('Ann', null, 'shouting', 'miners', 't'), '>', 0::bigint, 'the event');
select is(pg_temp.said(:ann, :miners, 1), 'muted for good: shouting', 'muted there');
select is(pg_temp.said(:ann, :everybody, 1), 'said', 'and only there');
select is(pg_temp.said(:kim, :everybody, 1), 'said', 'and nobody else');
select orrery.chat_mute('Ann', 60, 'everywhere', p_cluster => 't');
select alike(pg_temp.said(:ann, :everybody, 2), 'muted until % UTC: everywhere', 'everywhere');
select is(pg_temp.said(:ann, :miners, 2), 'muted for good: shouting', 'the longer one is told');
select set_eq('select character, channel, penalty, reason from orrery.chat_penalties', $$values ('Ann', 'Miners', 'muted', 'shouting'), ('Ann', null, 'muted', 'everywhere')$$, 'both are shown');
select alike((select reason from orrery.event where rule = 'chat_mute' order by event_id desc limit 1), 'Ann is muted until % UTC: everywhere, by %', 'the event says it');
select throws_ok('select orrery.chat_mute(''Nobody'', 60, ''x'', p_cluster => ''t'')', 'OR001', null, 'nobody');
select * from finish();
rollback;
