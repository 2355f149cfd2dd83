-- unload: command: {"ore"?,"units"?}: bring ore from the hold into the hangar here; all of it when units is left out, everything without an ore.
-- Answers {"hangar":{ore:units}}, what is there then.
-- Writes: cargo, hangar.   Errors: those of order_ore, order_number and cargo_take; OR002 the hold is empty.   Called by: command_run.
create or replace function space.unload(p_cluster text, p_character_id bigint, p_kind text, p_key text, p_args jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ores  text[] := case when p_args ? 'ore' then array[space.order_ore(p_args)]
    else array(select c.ore from space.cargo c where c.character_id = p_character_id order by c.ore) end;
  v_units bigint := case when p_args ? 'ore' then space.order_number(p_args, 'units', 1, 1000) end;
  v_ore   text;
begin
  if v_ores = '{}' then
    perform orrery.fail('OR002', 'the hold is empty', null, 'Mine something first.');
  end if;
  foreach v_ore in array v_ores loop
    insert into space.hangar (cluster, kind, key, character_id, ore, units)
    values (p_cluster, p_kind, p_key, p_character_id, v_ore, space.cargo_take(p_character_id, v_ore, v_units))
    on conflict (character_id, kind, key, ore) do update set units = hangar.units + excluded.units;
  end loop;
  return jsonb_build_object('hangar', space.hangar_of(p_character_id, p_kind, p_key));
end
$$;
comment on function space.unload(text, bigint, text, text, jsonb) is 'Ore goes from the hold into the hangar.';
