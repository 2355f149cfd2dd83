-- cargo_add: put ore on board; the hold takes 1000 units.
-- Writes: cargo.   Locks: nothing; the caller holds the character's session.
-- Errors: OR006 no room.   Called by: mine, loot, load.
create or replace function space.cargo_add(p_cluster text, p_character_id bigint, p_ore text, p_units bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_hold_units constant integer := 1000;
  v_used bigint := (select coalesce(sum(c.units), 0) from space.cargo c where c.character_id = p_character_id);
begin
  if v_used + p_units > c_hold_units then
    perform orrery.fail('OR006', 'the hold is full', format('It has room for %s more of %s units.', c_hold_units - v_used, c_hold_units),
      format('There is room for %s more: unload at a station.', c_hold_units - v_used));
  end if;
  insert into space.cargo (cluster, character_id, ore, units) values (p_cluster, p_character_id, p_ore, p_units)
  on conflict (character_id, ore) do update set units = cargo.units + excluded.units;
end
$$;
comment on function space.cargo_add(text, bigint, text, bigint) is 'Puts ore on board, if there is room.';
