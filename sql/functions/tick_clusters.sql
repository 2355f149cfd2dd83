-- tick_clusters: stop clusters whose deadline has passed; see to those that stop, and to those that start and lack nothing any
-- more although none of their servers became ready: a kind is not always on any more.
-- Writes: what cluster_advance writes.   Locks: cluster, then its.
-- Errors: none.                          Called by: tick_step.
create or replace function orrery.tick_clusters() returns timestamptz
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_cluster text;
begin
  for v_cluster in
    select c.cluster from orrery.cluster c
    where c.shutdown_at <= v_now and (c.state = 'shutting_down'
        or not exists (select from orrery.server s where s.cluster = c.cluster and s.state not in ('stopped', 'failed')))
      or c.state = 'starting' and orrery.cluster_is_up(c.cluster)
    order by c.cluster for no key update skip locked
  loop
    perform orrery.cluster_advance(v_cluster);
  end loop;
  return (select min(c.shutdown_at) from orrery.cluster c where c.state = 'shutting_down');
end
$$;
comment on function orrery.tick_clusters() is 'Stops clusters whose deadline has passed; returns the next deadline.';
