-- code_hash: how a one-time code is stored: SHA-256 over its letters and digits in upper case.
-- Called by: account_create, account_code, account_password_set.
create or replace function orrery.code_hash(p_code text) returns bytea
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
begin
  return sha256(convert_to(regexp_replace(upper(p_code), '[^A-Z0-9]', '', 'g'), 'UTF8'));
end
$$;
comment on function orrery.code_hash(text) is 'SHA-256 of a one-time code, whatever its case and dashes.';
