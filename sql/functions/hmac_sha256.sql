-- hmac_sha256: HMAC-SHA256 of p_data under p_key. The schema of pgcrypto is looked up when this is installed.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: what derives session and link keys.
do $do$
begin
  execute format($f$
    create or replace function orrery.hmac_sha256(p_data bytea, p_key bytea) returns bytea
    language plpgsql immutable strict parallel safe
    set search_path = pg_catalog, pg_temp
    as $$ begin return %I.hmac(p_data, p_key, 'sha256'); end $$
  $f$, (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
        where e.extname = 'pgcrypto'));
end
$do$;
comment on function orrery.hmac_sha256(bytea, bytea) is 'HMAC-SHA256 (data, key).';
