-- Catches a table with a state that changes unguarded, a state that its machine does not know or never reaches or that its table
-- does not allow, and a change without a rule.
begin;
select no_plan();
select is_empty($$select c.oid::regclass from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'state' and a.atttypid = 'text'::regtype
  where c.relnamespace = 'orrery'::regnamespace and c.relkind = 'r'
    and not exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid where t.tgrelid = c.oid and p.proname = 'state_guard' and t.tgenabled = 'O'
      and t.tgtype & (1 | 2 | 4 | 16) = (1 | 2 | 4 | 16))$$, 'each table with a state has the guard, before insert and update of every row');
select set_eq('select distinct machine from orrery.transition', array['cluster', 'agent', 'server', 'command', 'session', 'allocation'], 'machines');
select set_eq(
  $$select c.relname::text, m[1] from pg_constraint k join pg_class c on c.oid = k.conrelid, regexp_matches(pg_get_constraintdef(k.oid), '''(\w+)''', 'g') m
    where c.relnamespace = 'orrery'::regnamespace and k.conname = c.relname || '_state_known'$$,
  $$select machine, s from orrery.transition, unnest(array[from_state, to_state]) s where s <> 'none'$$, 'a table allows the states of its machine, and no others');
select is_empty($$select machine, from_state from orrery.transition t where from_state <> 'none'
  and not exists (select from orrery.transition f where f.machine = t.machine and f.to_state = t.from_state)$$, 'each state can be reached');
select is_empty($$select machine, to_state from orrery.transition where to_state = 'none' or from_state = to_state or coalesce(why, '') = ''$$, 'each edge leads somewhere, and says why');
select is_empty($$with recursive reached as (
    select machine, to_state from orrery.transition where from_state = 'none'
    union select t.machine, t.to_state from orrery.transition t join reached r on r.machine = t.machine and r.to_state = t.from_state)
  select machine, from_state from orrery.transition where from_state <> 'none' except select * from reached$$, 'from its beginning');
select is_empty($$select m.machine, c.column_name from (select distinct machine from orrery.transition) m, unnest(array['state', 'rule', 'state_at']) c(column_name)
  where not exists (select from pg_attribute a where a.attrelid = ('orrery.' || m.machine)::regclass and a.attname = c.column_name and a.attnotnull)$$,
  'state, rule and time of the change are never null');
select is((select attnotnull from pg_attribute where attrelid = 'orrery.event'::regclass and attname = 'rule'), true, 'nor is the rule of an event');
select results_eq($$select machine, from_state, to_state, agent_verb from orrery.transition where agent_verb is not null order by 1, 2, 3$$,
  $$values ('server', 'ready', 'stopping', 'stop'), ('server', 'requested', 'starting', 'start'), ('server', 'starting', 'stopping', 'stop')$$,
  'what agents have a part in');
select * from finish();
rollback;
