-- cluster_created: hook: the kinds and places of a new cluster: twelve grids in three systems and four stations, and the ways between them.
-- Writes: place, gate; server_kind through server_kind_set.   Called by: cluster_create, through the hook of this name.
-- At its end the sample game's tables, this one's among them, are isolated by cluster as the control plane's are.
create or replace function space.cluster_created(p_cluster text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind text;
begin
  foreach v_kind in array array['grid', 'station'] loop
    perform orrery.server_kind_set(v_kind, jsonb_build_object('role', 'zone', 'command', 'orrery-sessiond',
      'args', jsonb_build_array('--role', 'zone'), 'idle_stop_ms', 60000, 'world_function', 'space.world'), p_cluster);
  end loop;
  insert into space.place (cluster, kind, key, name, size_m)
  select p_cluster, 'grid', lower(s.name) || '-' || n, s.name || ' ' || n, 2000
  from (values ('Aldra'), ('Velo'), ('Tasket')) s (name)
  cross join generate_series(1, 4) n
  union all
  select p_cluster, 'station', lower(replace(s.name, ' ', '-')), s.name, 200
  from (values ('Aldra Gate'), ('Velo Yards'), ('Tasket Deep'), ('Corran Light')) s (name)
  on conflict (cluster, kind, key) do nothing;
  perform space.gates_make(p_cluster);
end
$$;
comment on function space.cluster_created(text) is 'Gives a new cluster the kinds and places of the sample game.';
grant execute on function space.cluster_created(text) to orrery_owner;

select orrery.hook_set('cluster_created', 'space.cluster_created');
select orrery.isolation_apply('space');
