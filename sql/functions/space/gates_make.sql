-- gates_make: the ways between the places of a cluster: the grids of a system in a ring, the first grids of the systems with each other, each
-- first grid with its station; the fourth station is half round a ring. Places that are not there are left out.
-- Writes: gate.   Called by: cluster_created; the installation, for clusters that were there before.
create or replace function space.gates_make(p_cluster text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with way as (
    select 'grid' as kind, s || '-' || n as key, 'grid' as to_kind, s || '-' || n % 4 + 1 as to_key
    from unnest(array['aldra', 'velo', 'tasket']) s, generate_series(1, 4) n
    union all
    values ('grid', 'aldra-1', 'grid', 'velo-1'), ('grid', 'velo-1', 'grid', 'tasket-1'), ('grid', 'tasket-1', 'grid', 'aldra-1'),
      ('grid', 'aldra-1', 'station', 'aldra-gate'), ('grid', 'velo-1', 'station', 'velo-yards'), ('grid', 'tasket-1', 'station', 'tasket-deep'),
      ('grid', 'velo-3', 'station', 'corran-light')
  ), both_ways as (
    select w.kind, w.key, w.to_kind, w.to_key from way w
    union all
    select w.to_kind, w.to_key, w.kind, w.key from way w
  )
  insert into space.gate (cluster, from_kind, from_key, to_kind, to_key)
  select f.cluster, f.kind, f.key, t.kind, t.key
  from both_ways w
  join space.place f on f.cluster = p_cluster and f.kind = w.kind and f.key = w.key
  join space.place t on t.cluster = p_cluster and t.kind = w.to_kind and t.key = w.to_key
  on conflict (cluster, from_kind, from_key, to_kind, to_key) do nothing;
end
$$;
comment on function space.gates_make(text) is 'Makes the ways between the places of a cluster.';

select space.gates_make(p.cluster) from (
  select distinct p.cluster from space.place p where not exists (select from space.gate g where g.cluster = p.cluster)) p;
