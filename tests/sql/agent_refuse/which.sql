-- Catches an agent that a blank database, or a backup of before the last failover, makes stop everything.
begin;
set local client_min_messages = warning;
select no_plan();
create function pg_temp.refused(p_incarnation bigint, p_lineage text) returns text language sql as $$
  select orrery.agent_refuse('a', p_incarnation, p_lineage, (true, 5, 'x', 1, '\xabcd')::orrery.incarnation) ->> 'code'
$$;
select is(pg_temp.refused(null, null), null, 'it has obeyed none');
select is(pg_temp.refused(5, 'abcd'), null, 'this very database');
select is(pg_temp.refused(4, 'ff'), null, 'one of before the failover');
select is(pg_temp.refused(5, 'ff'), 'OR011', 'another that was restored from the same backup');
select is(pg_temp.refused(6, 'abcd'), 'OR011', 'a later one');
select is((select count(*) from orrery.event where noun = 'agent' and noun_id = 'a' and rule = 'agent_register_refused'), 1::bigint, 'one event for all in a minute');
select orrery_test.clock_advance('61 s');
select is(pg_temp.refused(6, 'abcd'), 'OR011', 'again');
select is((select count(*) from orrery.event where noun = 'agent' and noun_id = 'a' and rule = 'agent_register_refused'), 2::bigint, 'the next after a minute');
select matches(orrery.agent_refuse('a', 6, 'ab', (true, 5, 'x', 1, '\xabcd')::orrery.incarnation) ->> 'hint', 'incarnation_raise\(6\)', 'it says what would make it the authority');
select * from finish();
rollback;
