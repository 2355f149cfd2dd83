-- load: command: {"ore","units"?}: bring ore from the hangar here on board; all of it when units is left out.
-- Answers {"hangar":{ore:units}}, what is left there.
-- Writes: hangar, cargo.   Errors: those of order_ore, order_number and cargo_add; OR002 there is not so much.   Called by: command_run.
create or replace function space.load(p_cluster text, p_character_id bigint, p_kind text, p_key text, p_args jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ore   text := space.order_ore(p_args);
  v_there bigint := coalesce((
    select h.units from space.hangar h where h.character_id = p_character_id and h.kind = p_kind and h.key = p_key and h.ore = v_ore), 0);
  v_units bigint := coalesce(space.order_number(p_args, 'units', 1, 1000), greatest(v_there, 1));
begin
  if v_there < v_units then
    perform orrery.fail('OR002', format('there are %s units of %s in the hangar', v_there, v_ore), null, 'Take as many as there are.');
  end if;
  perform space.cargo_add(p_cluster, p_character_id, v_ore, v_units);
  if v_there = v_units then
    delete from space.hangar h where h.character_id = p_character_id and h.kind = p_kind and h.key = p_key and h.ore = v_ore;
  else
    update space.hangar h set units = v_there - v_units where h.character_id = p_character_id and h.kind = p_kind and h.key = p_key and h.ore = v_ore;
  end if;
  return jsonb_build_object('hangar', space.hangar_of(p_character_id, p_kind, p_key));
end
$$;
comment on function space.load(text, bigint, text, text, jsonb) is 'Ore comes from the hangar on board.';
