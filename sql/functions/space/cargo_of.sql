-- cargo_of: what a character's ship carries: an object of units by ore.
-- Reads: cargo.   Called by: command_run.
create or replace function space.cargo_of(p_character_id bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select jsonb_object_agg(c.ore, c.units) from space.cargo c where c.character_id = p_character_id), '{}');
end
$$;
comment on function space.cargo_of(bigint) is 'What a character''s ship carries.';
