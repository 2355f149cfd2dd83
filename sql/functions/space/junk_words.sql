-- junk_words: what a grid's server is told of a piece of junk.
-- Called by: world, jettison.
create or replace function space.junk_words(p_junk space.junk) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object('id', p_junk.junk_id, 'ore', p_junk.ore, 'units', p_junk.units, 'x_cm', p_junk.x_cm, 'y_cm', p_junk.y_cm);
end
$$;
comment on function space.junk_words(space.junk) is 'What a grid''s server is told of a piece of junk.';
