-- Catches an error without DETAIL or HINT.
begin;
select plan(4);
select orrery_test.refusal($$select orrery.fail('OR002', 'no')$$) as bare \gset
select is(:'bare'::jsonb ->> 'code', 'OR002', 'the code');
select is(:'bare'::jsonb ->> 'message', 'no', 'the message');
select is(:'bare'::jsonb ->> 'detail', 'Nothing was changed.', 'a detail even where none is given');
select isnt(orrery_test.refusal($$select orrery.fail('OR002', 'no', 'because')$$) ->> 'hint', '', 'and a hint');
select * from finish();
rollback;
