-- Catches a name that is another's, another cluster's, or of no channel that players made.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann \gset
select orrery_test.chat_one('chat_join', :ann, '{"name":"Miners","create":true}') #>> '{channel,channel_id}' as miners, orrery_test.chat_in(:ann, 'cluster') as everybody \gset
select results_eq('select character_name, channel_name from orrery.chat_character(''t'', ''ANN'', ''miners'')', $$values ('Ann', 'Miners')$$, 'whatever the case');
select is((select channel_id from orrery.chat_character('t', 'Ann', null)), null, 'without a channel');
select throws_ok('select orrery.chat_character(''u'', ''Ann'', null)', 'OR001', null, 'another cluster''s');
select throws_ok('select orrery.chat_character(''t'', null, null)', 'OR001', null, 'nobody');
select throws_ok('select orrery.chat_character(''t'', ''Ann'', ''t'')', 'OR001', null, 'the cluster''s is none that players made');
select * from finish();
rollback;
