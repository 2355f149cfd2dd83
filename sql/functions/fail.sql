-- fail: raise an error of class OR (docs/control.md, Errors); DETAIL and HINT are never empty, and nothing is said at greater
-- length than a log or a screen can take, whatever was passed.
-- Writes: nothing.              Locks: none.
-- Errors: p_code, always.       Called by: everything that refuses.
create or replace function orrery.fail(p_code text, p_message text, p_detail text default null, p_hint text default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_length_max constant integer := 2000;
begin
  raise exception using errcode = p_code, message = left(p_message, c_length_max),
    detail = left(coalesce(nullif(p_detail, ''), 'Nothing was changed.'), c_length_max),
    hint = left(coalesce(nullif(p_hint, ''), 'In psql, \df+ orrery.* says what each function takes.'), c_length_max);
end
$$;
comment on function orrery.fail(text, text, text, text) is 'Raises an error of class OR with DETAIL and HINT.';
grant execute on function orrery.fail(text, text, text, text) to orrery_space_owner;
