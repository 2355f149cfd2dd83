-- Catches a place that nobody can leave or reach, and a way that leads in one direction only.
begin;
select no_plan();
select orrery.cluster_create('fresh');
select is((select count(*) from space.gate where cluster = 'fresh'), 38::bigint, 'three rings of four, three jumps between them, four stations, each both ways');
select is_empty($$select from_key from space.gate g where not exists (select from space.gate b where b.cluster = g.cluster
  and (b.from_kind, b.from_key, b.to_kind, b.to_key) = (g.to_kind, g.to_key, g.from_kind, g.from_key))$$, 'whoever goes can come back');
select is((with recursive reached as (
    select 'grid' as kind, 'aldra-3' as key
    union
    select g.to_kind, g.to_key from space.gate g join reached r on g.cluster = 'fresh' and g.from_kind = r.kind and g.from_key = r.key)
  select count(*) from reached), (select count(*) from space.place where cluster = 'fresh'), 'every place can be reached');
select set_eq($$select to_kind || ' ' || to_key from space.gate where cluster = 'fresh' and from_key = 'aldra-1'$$,
  array['grid aldra-2', 'grid aldra-4', 'grid velo-1', 'grid tasket-1', 'station aldra-gate'], 'from a first grid');
delete from space.gate where cluster = 'fresh';
delete from space.place where cluster = 'fresh' and key = 'velo-3';
select lives_ok($$select space.gates_make('fresh')$$, 'a cluster that was there before, changed since');
select lives_ok($$select space.gates_make('fresh')$$, 'again does no harm');
select is((select count(*) from space.gate where cluster = 'fresh'), 32::bigint, 'no way leads to what is not there');
select * from finish();
rollback;
