-- mine: command: {"ore","units"}: what was mined of an asteroid comes on board; 100 units at once.
-- Writes: cargo.   Errors: those of order_ore, order_number and cargo_add; OR003 no units.   Called by: command_run.
create or replace function space.mine(p_cluster text, p_character_id bigint, p_args jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ore   text := space.order_ore(p_args);
  v_units bigint := space.order_number(p_args, 'units', 1, 100);
begin
  if v_units is null then
    perform orrery.fail('OR003', 'units says how many were mined', null, '{"ore":"ferrite","units":10}');
  end if;
  perform space.cargo_add(p_cluster, p_character_id, v_ore, v_units);
  return jsonb_build_object('ore', v_ore, 'units', v_units);
end
$$;
comment on function space.mine(text, bigint, jsonb) is 'What was mined comes on board.';
