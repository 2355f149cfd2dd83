-- counted: a number and its noun in words: 1 player, 12 players.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: verbs that answer in words, views.
create or replace function orrery.counted(p_count bigint, p_noun text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return format('%s %s%s', p_count, p_noun, case when p_count = 1 then '' else 's' end);
end
$$;
comment on function orrery.counted(bigint, text) is 'A number and its noun in words.';
grant execute on function orrery.counted(bigint, text) to orrery_admin, orrery_viewer;
