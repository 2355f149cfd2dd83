-- cluster_version: trigger of cluster: counts what agents are told of it, so that a heartbeat sees whether there is news.
-- Writes: NEW.version.   Locks: none.
-- Errors: none.          Called by: the trigger of cluster.
create or replace function orrery.cluster_version() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.version := old.version + 1;
  return new;
end
$$;
comment on function orrery.cluster_version() is 'Counts the changes of a cluster that agents are told of.';

do $do$
begin
  if not exists (select from pg_catalog.pg_trigger t where t.tgrelid = 'orrery.cluster'::regclass and t.tgname = 'cluster_version') then
    create trigger cluster_version before update of state, notice_id, shutdown_at on orrery.cluster
      for each row execute function orrery.cluster_version();
  end if;
end
$do$;
