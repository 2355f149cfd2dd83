-- fail: raise an error of class OR (docs/control.md, Errors); DETAIL and HINT are never empty.
-- Writes: nothing.              Locks: none.
-- Errors: p_code, always.       Called by: everything that refuses.
create or replace function orrery.fail(p_code text, p_message text, p_detail text default null, p_hint text default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = p_code, message = p_message, detail = coalesce(p_detail, 'Nothing was changed.'),
    hint = coalesce(p_hint, 'In psql, \df+ orrery.* says what each function takes.');
end
$$;
comment on function orrery.fail(text, text, text, text) is 'Raises an error of class OR with DETAIL and HINT.';
grant execute on function orrery.fail(text, text, text, text) to orrery_space_owner;
