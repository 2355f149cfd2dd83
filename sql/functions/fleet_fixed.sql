-- fleet_fixed: a fleet's policy: args.size servers, allocated ones included.
-- p_fleet: what fleet_counts says.
-- Errors: a cast's, when args.size is no number.   Called by: fleet_size.
create or replace function orrery.fleet_fixed(p_fleet jsonb) returns bigint
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (p_fleet #>> '{args,size}')::bigint;
end
$$;
comment on function orrery.fleet_fixed(jsonb) is 'Fleet policy: a fixed size.';
