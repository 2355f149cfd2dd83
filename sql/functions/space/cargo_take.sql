-- cargo_take: take ore out of the hold. p_units: null all of it. Returns how many units.
-- Writes: cargo.   Locks: nothing; the caller holds the character's session.
-- Errors: OR002 there is not so much.   Called by: jettison, unload.
create or replace function space.cargo_take(p_character_id bigint, p_ore text, p_units bigint) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_units bigint := coalesce((select c.units from space.cargo c where c.character_id = p_character_id and c.ore = p_ore), 0);
begin
  if v_units < coalesce(p_units, 1) then
    perform orrery.fail('OR002', format('there are %s units of %s on board', v_units, p_ore), null, 'Take as many as there are.');
  end if;
  if p_units < v_units then
    update space.cargo c set units = v_units - p_units where c.character_id = p_character_id and c.ore = p_ore;
    return p_units;
  end if;
  delete from space.cargo c where c.character_id = p_character_id and c.ore = p_ore;
  return v_units;
end
$$;
comment on function space.cargo_take(bigint, text, bigint) is 'Takes ore out of the hold.';
