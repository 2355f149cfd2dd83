-- world: what a grid's or station's server is told at its start (world_function of both kinds).
-- Reads: place.   Errors: OR001 no such place.   Called by: server_start_info, character_create, server_request.
create or replace function space.world(p_cluster text, p_kind text, p_key text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_world jsonb;
begin
  select jsonb_build_object('name', p.name, 'size_m', p.size_m) into v_world
  from space.place p where p.cluster = p_cluster and p.kind = p_kind and p.key = p_key;
  if not found then
    perform orrery.fail('OR001', format('no %s %s in %s', p_kind, p_key, p_cluster), 'No such place exists.',
      'SELECT kind, key, name FROM space.place_list lists them.');
  end if;
  return v_world;
end
$$;
comment on function space.world(text, text, text) is 'What a server is told of the grid or station it serves.';
grant execute on function space.world(text, text, text) to orrery_owner;
