-- Roles that own and use the schema, and what holds for every login of this database. Group roles only: login roles are made by
-- the DBA and granted one of these.
do $$
declare
  v_role text;
begin
  foreach v_role in array array['orrery_owner', 'orrery_space_owner', 'orrery_admin', 'orrery_viewer', 'orrery_agent', 'orrery_session'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
  if not exists (select from pg_catalog.pg_roles where rolname = 'orrery_cron') then
    create role orrery_cron login;
  end if;
end
$$;

-- Nothing here runs for so long that compiling it would pay. Yet it was done for each whole heartbeat, 200 ms of CPU instead of 3,
-- since tables of a few rows are never analysed and are guessed to have hundreds.
do $$
begin
  execute format('alter database %I set jit = off', current_database());
  -- a function looks again once it holds its locks: a snapshot of before would show it the past
  execute format('alter database %I set default_transaction_isolation = %L', current_database(), 'read committed');
end
$$;

-- lock_status names whoever stands in the way
grant pg_read_all_stats to orrery_owner;

comment on role orrery_owner is 'Owns everything in schema orrery; nobody logs in as it.';
comment on role orrery_space_owner is 'Owns the sample game (schema space) and its registered handlers.';
comment on role orrery_admin is 'May call the DBA verbs.';
comment on role orrery_viewer is 'May read the views.';
comment on role orrery_agent is 'May call what agents call.';
comment on role orrery_session is 'May call what session servers call.';
comment on role orrery_cron is 'Login of the pg_cron jobs; may call the tick and nothing else.';

create schema if not exists orrery authorization orrery_owner;
create schema if not exists space authorization orrery_space_owner;
comment on schema orrery is 'Orrery, the control plane of game clusters.';
comment on schema space is 'The sample game of Orrery.';

grant usage on schema orrery to orrery_admin, orrery_viewer, orrery_agent, orrery_session, orrery_cron, orrery_space_owner;
grant usage on schema space to orrery_owner, orrery_admin, orrery_viewer, orrery_session;
alter default privileges for role orrery_owner revoke all on functions from public;
alter default privileges for role orrery_space_owner revoke all on functions from public;
alter default privileges for role orrery_owner revoke all on types from public;
alter default privileges for role orrery_space_owner revoke all on types from public;
