-- hook_run: call every handler registered for a hook with the cluster's name.
-- Writes: what the handlers write.   Locks: theirs.
-- Errors: theirs.                    Called by: cluster_create.
create or replace function orrery.hook_run(p_hook text, p_cluster text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handler text;
begin
  for v_handler in select h.handler from orrery.hook h where h.hook = p_hook order by h.handler loop
    execute format('select %s($1)', v_handler::regproc) using p_cluster;
  end loop;
end
$$;
comment on function orrery.hook_run(text, text) is 'Calls the handlers that a game registered for a hook.';
