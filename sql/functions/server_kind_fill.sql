-- server_kind_fill: arguments and environment of a server of a kind, with their placeholders filled in.
-- p_values: texts by placeholder (spec_fill); null: only look whether there are such placeholders.
-- Returns {"args":[],"env":{}}.
-- Writes: nothing.   Locks: none.
-- Errors: OR003 no such placeholder.   Called by: server_kind_with, server_place.
create or replace function orrery.server_kind_fill(p_kind orrery.server_kind, p_values jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_values jsonb := coalesce(p_values, '{"cluster":"","kind":"","key":"","server_id":"","host":"","private_host":"","agent":""}'::jsonb || (
    select coalesce(jsonb_object_agg(w || (p ->> 'name'), ''), '{}') from jsonb_array_elements(p_kind.ports) p, unnest(array['port:', 'last_port:']) w));
begin
  return jsonb_build_object(
    'args', (select coalesce(jsonb_agg(orrery.spec_fill(a, v_values) order by n), '[]') from unnest(p_kind.args) with ordinality u(a, n)),
    'env', (select coalesce(jsonb_object_agg(e.key, orrery.spec_fill(e.value, v_values)), '{}') from jsonb_each_text(p_kind.env) e));
end
$$;
comment on function orrery.server_kind_fill(orrery.server_kind, jsonb) is 'Arguments and environment of a kind, placeholders filled in.';
