-- jettison: command: {"ore","units"?,"x_cm"?,"y_cm"?}: throw ore overboard, all of it when units is left out, where the ship is, which the zone says
-- (the middle when it does not). The grid has news of it.
-- Writes: cargo, junk; what news_add writes.   Locks: those of news_add.
-- Errors: those of order_ore, order_number and cargo_take; OR006 200 pieces of junk drift here.   Called by: command_run.
create or replace function space.jettison(p_cluster text, p_character_id bigint, p_kind text, p_key text, p_args jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_junk_max constant integer := 200;
  v_now   timestamptz := orrery.clock();
  v_ore   text := space.order_ore(p_args);
  v_units bigint;
  v_size_cm bigint;
  v_junk  space.junk;
begin
  select p.size_m * 100::bigint into v_size_cm from space.place p where p.cluster = p_cluster and p.kind = p_kind and p.key = p_key;
  if (select count(*) from space.junk j where j.cluster = p_cluster and j.kind = p_kind and j.key = p_key) >= c_junk_max then
    perform orrery.fail('OR006', 'too much junk drifts here already', format('A grid has %s pieces at most.', c_junk_max), 'Unload at a station.');
  end if;
  v_units := space.cargo_take(p_character_id, v_ore, space.order_number(p_args, 'units', 1, 1000));
  insert into space.junk (cluster, kind, key, ore, units, x_cm, y_cm, made_at)
  values (p_cluster, p_kind, p_key, v_ore, v_units, coalesce(space.order_number(p_args, 'x_cm', 0, v_size_cm), v_size_cm / 2),
    coalesce(space.order_number(p_args, 'y_cm', 0, v_size_cm), v_size_cm / 2), v_now)
  returning * into v_junk;
  perform orrery.news_add(p_kind, p_key, jsonb_build_object('junk', space.junk_words(v_junk)), p_cluster);
  return jsonb_build_object('junk', v_junk.junk_id);
end
$$;
comment on function space.jettison(text, bigint, text, text, jsonb) is 'Ore is thrown overboard.';
