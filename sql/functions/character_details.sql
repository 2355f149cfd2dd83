-- character_details: what the games show of characters before one is selected: their answers joined, {} without any. One that a game
-- fails to tell of is shown without: its player gets in all the same.
-- Returns an object of all of them, by number.
-- Calls: hooks character_details.   Locks: theirs.
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
  v_details jsonb;
begin
  for v_handler in select h.handler from orrery.hook h where h.hook = 'character_details' order by h.handler loop
    begin
      execute format('select jsonb_object_agg(c.id, coalesce(%s($1, c.id), ''{}'')) from unnest($2) c (id)', v_handler::regproc)
      into v_answers using p_cluster, p_character_ids;
    exception when others then
      v_answers := '{}'::jsonb;
      foreach v_id in array p_character_ids loop
        begin
          execute format('select %s($1, $2)', v_handler::regproc) into v_one using p_cluster, v_id;
          v_answers := v_answers || jsonb_build_object(v_id, coalesce(v_one, '{}'));
        exception when others then
          raise warning 'hook % fails for character %: % %', v_handler, v_id, sqlstate, left(sqlerrm, 500);
          v_answers := v_answers || jsonb_build_object(v_id, '{}'::jsonb);
        end;
      end loop;
    end;
    v_details := case when v_details is null then v_answers else (
      select jsonb_object_agg(d.key, d.value || (v_answers -> d.key)) from jsonb_each(v_details) d) end;
  end loop;
  return coalesce(v_details, (select jsonb_object_agg(c.id, '{}'::jsonb) from unnest(p_character_ids) c (id)), '{}');
end
$$;
comment on function orrery.character_details(text, bigint[]) is 'What the games show of characters before one is selected.';

drop function if exists orrery.character_details(text, bigint);
