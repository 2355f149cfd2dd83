-- character_details: what the games show of a character before it is selected: their answers joined, {} without any.
-- Calls: hooks character_details.   Called by: session_open.
create or replace function orrery.character_details(p_cluster text, p_character_id bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handler text;
  v_answer jsonb;
  v_details jsonb := '{}'::jsonb;
begin
  for v_handler in select h.handler from orrery.hook h where h.hook = 'character_details' order by h.handler loop
    execute format('select %s($1, $2)', v_handler::regproc) into v_answer using p_cluster, p_character_id;
    v_details := v_details || coalesce(v_answer, '{}');
  end loop;
  return v_details;
end
$$;
comment on function orrery.character_details(text, bigint) is 'What the games show of a character before it is selected.';
