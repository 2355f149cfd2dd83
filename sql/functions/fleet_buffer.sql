-- fleet_buffer: a fleet's policy: args.buffer servers that nobody has, or args.buffer_percent of those that somebody has, whichever is more.
-- p_fleet: what fleet_counts says.
-- Errors: a cast's, when one is no number.   Called by: fleet_size.
create or replace function orrery.fleet_buffer(p_fleet jsonb) returns bigint
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select a.allocated + greatest((p_fleet #>> '{args,buffer}')::bigint, ceil(a.allocated * (p_fleet #>> '{args,buffer_percent}')::numeric / 100)::bigint)
    from (select (p_fleet ->> 'allocated')::bigint as allocated) a);
end
$$;
comment on function orrery.fleet_buffer(jsonb) is 'Fleet policy: so many that nobody has.';
