-- order_number: a member of a command's arguments that is a whole number in a range; null when there is none.
-- Errors: OR003.   Called by: mine, jettison, loot, load, unload.
create or replace function space.order_number(p_args jsonb, p_member text, p_least bigint, p_most bigint) returns bigint
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_number bigint := case when (p_args -> p_member)::text ~ '^[0-9]{1,18}$' then (p_args ->> p_member)::bigint end;
begin
  if p_args -> p_member <> 'null' and (v_number between p_least and p_most) is not true then
    perform orrery.fail('OR003', format('%s is a whole number between %s and %s', p_member, p_least, p_most), format('Got %s.', left((p_args -> p_member)::text, 32)), null);
  end if;
  return v_number;
end
$$;
comment on function space.order_number(jsonb, text, bigint, bigint) is 'A whole number of a command''s arguments.';
