-- Catches a table with a state that changes unguarded, and a state that its machine does not know.
begin;
select no_plan();
select is_empty($$select c.oid::regclass from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'state' and a.atttypid = 'text'::regtype
  where c.relnamespace = 'orrery'::regnamespace and c.relkind = 'r'
    and not exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid where t.tgrelid = c.oid and p.proname = 'state_guard' and t.tgenabled = 'O'
      and t.tgtype & (1 | 2 | 4 | 16) = (1 | 2 | 4 | 16))$$, 'each table with a state has the guard, before insert and update of every row');
select set_eq('select distinct machine from orrery.transition', array['cluster', 'agent', 'server', 'command', 'session'], 'machines');
select is_empty($$select machine, s from orrery.transition, unnest(array[from_state, to_state]) s
  where s <> 'none' and not exists (select from pg_constraint k where k.conrelid = ('orrery.' || machine)::regclass and k.conname = machine || '_state_known'
    and pg_get_constraintdef(k.oid) like '%''' || s || '''%')$$, 'each state is one the table allows');
select is_empty($$select machine, to_state from orrery.transition t where from_state <> 'none'
  and not exists (select from orrery.transition f where f.machine = t.machine and f.to_state = t.from_state)$$, 'each state can be reached');
select * from finish();
rollback;
