-- Catches a number left out (as a sequence would when a transaction is lost) or given twice, a message that is said again after its answer was lost, one that is lost because another of the
-- same call is refused, and what is said directly that only one of both hears.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :b, 'Kim') as kim \gset
select orrery_test.chat_in(:ann, 'cluster') as everybody, orrery_test.chat_in(:kim, 'cluster') as kims, orrery_test.chat_in(:ann, 'space') as space,
  orrery_test.chat_in(:kim, 'direct') as kims_own, orrery_test.chat_in(:ann, 'direct') as anns_own \gset
select is(:everybody, :kims, 'both are in the channel of the cluster');
select is(orrery_test.chat_said(:ann, :everybody, 7, 'hello'), 1::bigint, 'the first');
select is(orrery_test.chat_said(:kim, :everybody, 7, 'hi'), 2::bigint, 'the next, by another server, under an id that was another''s');
select is(orrery_test.chat_said(:ann, :everybody, 7, 'hello'), 1::bigint, 'said again it is the same');
savepoint lost;
select orrery_test.chat_said(:kim, :everybody, 8, 'not committed');
rollback to savepoint lost;
select is(orrery_test.chat_said(:ann, :space, 7, 'here'), 1::bigint, 'each channel counts by itself');
select orrery_test.answer(:a, 'chat_say', format('%L', jsonb_build_array(
  orrery_test.chat_entry(:ann, jsonb_build_object('ref', 'x', 'channel_id', :everybody, 'message_id', 8, 'text', 'three')),
  '{"ref":2}', 5, null,
  orrery_test.chat_entry(:ann, jsonb_build_object('ref', 3, 'channel_id', :everybody, 'message_id', 8, 'text', 'three')),
  orrery_test.chat_entry(:kim, jsonb_build_object('ref', 4, 'channel_id', :everybody, 'message_id', 9, 'text', 'elsewhere')),
  orrery_test.chat_entry(:ann, jsonb_build_object('ref', 5, 'channel_id', :everybody, 'message_id', 9, 'text', 'four')),
  orrery_test.chat_entry(:ann, jsonb_build_object('ref', 6, 'channel_id', :everybody, 'message_id', 7, 'text', 'hello')),
  orrery_test.chat_entry(:ann, jsonb_build_object('ref', 7, 'channel_id', :space, 'message_id', 10, 'text', 'here too'))))) as batch \gset
select is((select array_agg(coalesce(e.value #>> '{said,0,number}', e.value #>> '{error,code}') order by e.n) from jsonb_array_elements(:'batch') with ordinality e (value, n)),
  array['3', 'OR003', 'OR003', 'OR003', '3', 'OR007', '4', '1', '2'], 'of a batch each is answered by itself; one twice in it is said once');
select is(orrery_test.chat_heard(:b, :everybody), array['1 Ann: hello', '2 Kim: hi', '3 Ann: three', '4 Ann: four'], 'nothing is left out');
select is((select last_number from orrery.chat_channel where channel_id = :everybody), 4::bigint, 'the channel knows');

select is(orrery_test.chat_one('chat_say', :ann, '{"to":"kIM","message_id":11,"text":"psst"}'), jsonb_build_object('from', 'Ann', 'to', 'Kim', 'said', jsonb_build_array(
  jsonb_build_object('channel_id', :anns_own::bigint, 'number', 1), jsonb_build_object('channel_id', :kims_own::bigint, 'number', 1))), 'directly: where both hear it, the sender first');
select is(orrery_test.chat_one('chat_say', :kim, '{"to":"Ann","message_id":12,"text":"what?"}') #>> '{said,0,number}', '2', 'and back');
select orrery_test.chat_one('chat_say', :ann, '{"to":"kIM","message_id":11,"text":"psst"}');
select is(orrery_test.chat_heard(:b, :kims_own), array['1 Ann to Kim: psst', '2 Kim to Ann: what?'], 'once to each');
select is(orrery_test.chat_heard(:a, :anns_own), array['1 Ann to Kim: psst', '2 Kim to Ann: what?'], 'of both');
select is(orrery_test.chat_one('chat_say', :ann, '{"to":"Ann","message_id":13,"text":"note"}') -> 'said', jsonb_build_array(jsonb_build_object('channel_id', :anns_own::bigint, 'number', 3)), 'to oneself, once');
select is(orrery.character_create('Ann', 'Cat', 'grid', 'aldra-1', 't') > 0, true, 'somebody who was never attached');
select is(jsonb_array_length(orrery_test.chat_one('chat_say', :ann, '{"to":"Cat","message_id":14,"text":"later"}') -> 'said'), 2, 'hears it when he comes');
select * from finish();
rollback;
