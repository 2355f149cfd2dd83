-- Catches a database that can never become the authority, becomes it for the wrong number, or for anybody who asks.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.incarnation_current() as i \gset
select lineage as l from orrery.incarnation \gset
select orrery_test.agent_up('a', jsonb_build_object('incarnation', :i + 3, 'lineage', 'ab')) #>> '{refused,code}' as refused \gset
select is(:'refused'::text, 'OR011', 'an agent that has obeyed a higher one');
select orrery.incarnation_raise(:i + 3) as event \gset
select is((select incarnation from orrery.incarnation), :i::bigint + 4, 'raised above what was named');
select isnt((select lineage from orrery.incarnation), :'l'::bytea, 'with a new lineage');
select matches((select reason from orrery.event where event_id = :event and noun = 'incarnation'), format('^raised from %s to %s by ', :i, :i + 4), 'the event is answered');
select is(orrery_test.agent_up('a', jsonb_build_object('incarnation', :i + 3, 'lineage', 'ab')) #>> '{database,incarnation}', (:i + 4)::text, 'it obeys now');
create temp table before as select incarnation, lineage from orrery.incarnation;
select is(orrery_test.refusal(format('select orrery.incarnation_raise(%s)', :i)) ->> 'code', 'OR002', 'it is above already');
select is(orrery_test.refusal('select orrery.incarnation_raise(null)') ->> 'code', 'OR003', 'null');
select is(orrery_test.refusal('select orrery.incarnation_raise(-1)') ->> 'code', 'OR003', 'negative');
select is(orrery_test.refusal('select orrery.incarnation_raise(9223372036854775807)') ->> 'code', 'OR003', 'one that would leave no room for epochs');
select is((select count(*) from orrery.incarnation join before using (incarnation, lineage)), 1::bigint, 'nothing was changed');
create role orrery_test_one login in role orrery_admin;
create role orrery_test_viewer login in role orrery_viewer;
select orrery_test.cluster_running('t');
select orrery.cluster_grant('t', 'orrery_test_one'), orrery.cluster_grant('*', 'orrery_test_viewer');
select is(orrery_test.as_login('orrery_test_one', 'select orrery.incarnation_raise(99)'), 'OR010', 'a DBA of one cluster');
select is(orrery_test.as_login('orrery_test_viewer', 'select orrery.incarnation_raise(99)'), '42501', 'a viewer');
select * from finish();
rollback;
