-- Catches a constant that is not the row's, one that is made up for an unknown name, and a setting that no role can read.
begin;
select no_plan();
select is(orrery.setting('lease_ms'), (select value from orrery.setting where name = 'lease_ms'), 'as its row has it');
select is((select count(*) from orrery.setting s where orrery.setting(s.name) is distinct from s.value), 0::bigint, 'each');
update orrery.setting set value = 12345 where name = 'lease_ms';
select is(orrery.setting('lease_ms'), 12345::numeric, 'and when it is another');
select is(orrery_test.refusal('select orrery.setting(''lease'')') ->> 'code', 'OR001', 'unknown');
select is(orrery_test.refusal('select orrery.setting(null)') ->> 'code', 'OR001', 'null');
select is(orrery_test.refusal('select orrery.setting(''lease'')') ->> 'hint', 'SELECT * FROM setting_status', 'and where they are');
create role orrery_test_viewer login in role orrery_viewer;
create role orrery_test_bare login;
select is(orrery_test.as_login('orrery_test_viewer', 'select orrery.setting(''lease_ms'')'), '12345', 'a viewer reads it');
select is(orrery_test.as_login('orrery_test_bare', 'select orrery.setting(''lease_ms'')'), '42501', 'who has no role does not');
select * from finish();
rollback;
