-- character_details: what the games show of characters before one is selected: their answers joined, {} without any. One that a game
-- fails to tell of is shown without: its player gets in all the same.
-- Returns an object of all of them, by number.
-- Calls: hooks character_details, once for all; once for each when that fails.   Locks: theirs.
-- Errors: none; a failing hook is a warning in PostgreSQL's log.   Called by: session_open.
create or replace function orrery.character_details(p_cluster text, p_character_ids bigint[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handler text;
  v_answers jsonb;
  v_one     jsonb;
  v_id      bigint;
  v_details jsonb := coalesce((select jsonb_object_agg(c.id, '{}'::jsonb) from unnest(p_character_ids) c (id)), '{}');
begin
  for v_handler in select h.handler from orrery.hook h where h.hook = 'character_details' order by h.handler loop
    begin
      execute format('select %s($1, $2)', v_handler::regproc) into v_answers using p_cluster, p_character_ids;
    exception when others then
      v_answers := '{}'::jsonb;
      foreach v_id in array p_character_ids loop
        begin
          execute format('select %s($1, array[$2]) -> $2::text', v_handler::regproc) into v_one using p_cluster, v_id;
          v_answers := v_answers || jsonb_build_object(v_id, v_one);
        exception when others then
          raise warning 'hook % fails for character %: % %', v_handler, v_id, sqlstate, left(sqlerrm, 500);
        end;
      end loop;
    end;
    v_details := coalesce((
      select jsonb_object_agg(d.key, case when jsonb_typeof(v_answers -> d.key) = 'object' then d.value || (v_answers -> d.key) else d.value end)
      from jsonb_each(v_details) d), '{}');
  end loop;
  return v_details;
end
$$;
comment on function orrery.character_details(text, bigint[]) is 'What the games show of characters before one is selected.';

drop function if exists orrery.character_details(text, bigint);
