-- code_make: a new one-time code: 16 letters and digits, 80 bits.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: account_create, account_code.
create or replace function orrery.code_make() returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- 32 letters, so that a byte modulo 32 is uniform; none that reads like another.
  c_letters constant text := 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  v_random bytea := orrery.random_bytes(16);
begin
  return (
    select string_agg(substr(c_letters, 1 + get_byte(v_random, i) % 32, 1) || case when i in (3, 7, 11) then '-' else '' end, '' order by i)
    from generate_series(0, 15) i);
end
$$;
comment on function orrery.code_make() is 'A new one-time code.';
