-- server_kind_ports: the ports of a specification, checked, with what each leaves out: protocol udp, count 1.
-- p_ports: [{"name":"game","protocol":"udp"|"tcp","count":1}], 16 entries and 1000 ports at most.
-- Writes: nothing.   Locks: none.
-- Errors: OR003 malformed.   Called by: server_kind_with.
create or replace function orrery.server_kind_ports(p_kind text, p_ports jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ports jsonb;
  v_fault text;
begin
  if jsonb_typeof(p_ports) <> 'array' or jsonb_array_length(p_ports) > 16
      or jsonb_path_exists(p_ports, 'strict $[*] ? (@.type() <> "object")', '{}', true) then
    v_fault := format('Got %s.', left(p_ports::text, 200));
  else
    select jsonb_agg('{"protocol":"udp","count":1}'::jsonb || p.value order by p.n),
      (array_agg(format('Got %s.', left(p.value::text, 200)) order by p.n) filter (where
        coalesce(jsonb_typeof(p.value -> 'name') <> 'string', true) or p.value ->> 'name' !~ '^[a-z][a-z0-9_]{0,31}$'
        or p.value - array['name', 'protocol', 'count'] <> '{}'
        or p.value ? 'protocol' and p.value -> 'protocol' not in ('"udp"', '"tcp"') or p.value ? 'count' and (p.value -> 'count')::text !~ '^[0-9]{1,4}$'))[1]
    into v_ports, v_fault
    from jsonb_array_elements(p_ports) with ordinality p(value, n);
    if v_fault is null and (select count(distinct p ->> 'name') < count(*) from jsonb_array_elements(v_ports) p) then
      v_fault := 'Two have one name.';
    elsif v_fault is null and exists (select from jsonb_array_elements(v_ports) p where (p ->> 'count')::integer not between 1 and 1000)
        or (select sum((p ->> 'count')::integer) > 1000 from jsonb_array_elements(case when v_fault is null then v_ports else '[]' end) p) then
      v_fault := 'It has 1 to 1000 ports of a name, and 1000 in all.';
    end if;
  end if;
  if v_fault is not null then
    perform orrery.fail('OR003', format('kind %s cannot have such ports', left(p_kind, 64)), v_fault,
      'ports: [{"name":"game"},{"name":"rcon","protocol":"tcp","count":1}], names of lower-case letters, digits and _');
  end if;
  return coalesce(v_ports, '[]');
end
$$;
comment on function orrery.server_kind_ports(text, jsonb) is 'Checks the ports of a specification and fills in defaults.';
