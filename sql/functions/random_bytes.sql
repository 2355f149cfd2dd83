-- random_bytes: p_count strong random bytes. The schema of pgcrypto is looked up when this is installed.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: what makes keys, tokens and codes.
do $do$
begin
  execute format($f$
    create or replace function orrery.random_bytes(p_count integer) returns bytea
    language plpgsql volatile strict
    set search_path = pg_catalog, pg_temp
    as $$ begin return %I.gen_random_bytes(p_count); end $$
  $f$, (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
        where e.extname = 'pgcrypto'));
end
$do$;
comment on function orrery.random_bytes(integer) is 'Strong random bytes.';
