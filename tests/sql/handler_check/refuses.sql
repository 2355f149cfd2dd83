-- Catches a game's function that would run with the rights of the control plane, and a name that makes PostgreSQL
-- complain about its syntax.
begin;
select plan(10);
select lives_ok($$select orrery.handler_check('orrery_test.note_fired', '(orrery.timer[])')$$, 'a definer with an owner of its own');
select throws_ok($$select orrery.handler_check('orrery_test.not_definer', '(orrery.timer[])')$$, 'OR003', 'orrery_test.not_definer cannot be a handler', 'no definer');
create function orrery_test.owned(p_timers orrery.timer[]) returns void language sql security definer as $$ select; $$;
select lives_ok($$select orrery.handler_check('orrery_test.owned', '(orrery.timer[])')$$, 'any other owner will do');
grant create on schema orrery_test to orrery_owner;
alter function orrery_test.owned(orrery.timer[]) owner to orrery_owner;
select throws_ok($$select orrery.handler_check('orrery_test.owned', '(orrery.timer[])')$$, 'OR003', null, 'the control plane''s own');
select throws_ok($$select orrery.handler_check('orrery_test.note_fired', '(text)')$$, 'OR001', 'no function orrery_test.note_fired(text)', 'other arguments');
select throws_ok($$select orrery.handler_check('orrery_test.nothing', '(text)')$$, 'OR001', null, 'no such function');
select throws_ok($$select orrery.handler_check('note_fired', '(orrery.timer[])')$$, 'OR001', null, 'no schema');
select throws_ok($$select orrery.handler_check('orrery_test.note_fired(orrery.timer[])', '(orrery.timer[])')$$, 'OR001', null, 'with arguments');
select throws_ok($$select orrery.handler_check('no such', '(text)')$$, 'OR001', null, 'no name');
select throws_ok($$select orrery.handler_check(null, '(text)')$$, 'OR001', null, 'null');
select * from finish();
rollback;
