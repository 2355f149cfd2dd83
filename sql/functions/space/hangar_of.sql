-- hangar_of: what a character has in a station's hangar: an object of units by ore.
-- Reads: hangar.   Called by: load, unload.
create or replace function space.hangar_of(p_character_id bigint, p_kind text, p_key text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((
    select jsonb_object_agg(h.ore, h.units) from space.hangar h where h.character_id = p_character_id and h.kind = p_kind and h.key = p_key), '{}');
end
$$;
comment on function space.hangar_of(bigint, text, text) is 'What a character has in a station''s hangar.';
