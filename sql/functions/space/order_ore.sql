-- order_ore: the member "ore" of a command's arguments.
-- Reads: ore.   Errors: OR001 no such ore.   Called by: mine, jettison, load, unload.
create or replace function space.order_ore(p_args jsonb) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ore text := p_args ->> 'ore';
begin
  perform from space.ore o where o.ore = v_ore;
  if not found then
    perform orrery.fail('OR001', format('no ore %L', left(v_ore, 32)), null, format('There are %s.', (select string_agg(o.ore, ', ' order by o.ore) from space.ore o)));
  end if;
  return v_ore;
end
$$;
comment on function space.order_ore(jsonb) is 'Which ore a command is about.';
