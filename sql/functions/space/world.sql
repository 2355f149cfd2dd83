-- world: what a grid's or station's server is told at its start (world_function of both kinds): {"name","size_m","exits":[{"kind","key","name"}]},
-- and, of a grid, "asteroids":{"seed","ores":[…]} and "junk":[{"id","ore","units","x_cm","y_cm"}]. News say what changes of the junk:
-- {"junk":{…}}, as here, or {"junk_gone":id}.
-- Reads: place, gate, ore, junk.   Errors: OR001 no such place.   Called by: server_start_info, character_create, server_request.
create or replace function space.world(p_cluster text, p_kind text, p_key text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_place space.place;
begin
  select p.* into v_place from space.place p where p.cluster = p_cluster and p.kind = p_kind and p.key = p_key;
  if not found then
    perform orrery.fail('OR001', format('no %s %s in %s', p_kind, p_key, p_cluster), 'No such place exists.',
      'SELECT kind, key, name FROM space.place_list lists them.');
  end if;
  return jsonb_build_object('name', v_place.name, 'size_m', v_place.size_m, 'exits', coalesce((
      select jsonb_agg(jsonb_build_object('kind', t.kind, 'key', t.key, 'name', t.name) order by t.kind, t.key)
      from space.gate g join space.place t on t.cluster = g.cluster and t.kind = g.to_kind and t.key = g.to_key
      where g.cluster = p_cluster and g.from_kind = p_kind and g.from_key = p_key), '[]'))
    || case when p_kind = 'grid' then jsonb_build_object(
      'asteroids', jsonb_build_object('seed', v_place.seed, 'ores', (select jsonb_agg(o.ore order by o.ore) from space.ore o)),
      'junk', coalesce((
        select jsonb_agg(space.junk_words(j) order by j.junk_id) from space.junk j
        where j.cluster = p_cluster and j.kind = p_kind and j.key = p_key), '[]')) else '{}' end;
end
$$;
comment on function space.world(text, text, text) is 'What a server is told of the grid or station it serves.';
grant execute on function space.world(text, text, text) to orrery_owner;
