-- spec_fill: a text of a kind with its placeholders filled in: {cluster} {kind} {key} {server_id} {host} (public address of the
-- agent) {private_host} {agent}, {port:NAME} the first number of a port of the kind and {last_port:NAME} its last. {{ is a brace, and
-- so is one that begins no placeholder.
-- p_values: texts by placeholder.
-- Writes: nothing.   Locks: none.
-- Errors: OR003 a placeholder that p_values does not have.   Called by: server_kind_fill.
create or replace function orrery.spec_fill(p_text text, p_values jsonb) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_unknown text;
begin
  select (regexp_match(m[1], '^\{([a-z_]+(:[a-z0-9_]+)?)\}$'))[1] into v_unknown
  from regexp_matches(p_text, '(\{\{|\{[a-z_]+(?::[a-z0-9_]+)?\})', 'g') m
  where m[1] <> '{{' and not p_values ? trim(both '{}' from m[1]) limit 1;
  if found then
    perform orrery.fail('OR003', format('there is no placeholder {%s}', v_unknown),
      format('There are: %s.', (select string_agg('{' || k || '}', ' ' order by k) from jsonb_object_keys(p_values) k)),
      'A brace itself is written {{; {port:NAME} has the name of one of the kind''s ports.');
  end if;
  return (
    select coalesce(string_agg(case when t.part = '{{' then '{'
      when t.part ~ '^\{[a-z_]+(:[a-z0-9_]+)?\}$' then p_values ->> trim(both '{}' from t.part) else t.part end, '' order by t.n), '')
    from (
      select (m[1]) as part, n
      from regexp_matches(p_text, '(\{\{|\{[a-z_]+(?::[a-z0-9_]+)?\}|[^{]+|\{)', 'g') with ordinality r(m, n)) t);
end
$$;
comment on function orrery.spec_fill(text, jsonb) is 'Fills in the placeholders of a text of a kind.';
