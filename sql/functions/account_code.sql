-- account_code: a new one-time code for a player who has lost his password, or never set one: the code of before is void. It is shown this once.
-- The password goes on until the player sets another with the code.
-- Writes: account, event.   Locks: cluster, account.
-- Errors: OR001 unknown account; OR003 null; those of cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.account_code(p_name text, p_cluster text default null) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text := orrery.cluster_resolve(p_cluster, replace(format('account_code(%L', left(p_name, 64)), '%', '%%') || ', %L)');
  v_ttl     numeric := orrery.setting('code_ttl_s');
  v_account orrery.account;
  v_code    text := orrery.code_make();
begin
  v_account := orrery.account_named(v_cluster, p_name);
  update orrery.account a set code_hash = orrery.code_hash(v_code), code_expires_at = orrery.clock() + v_ttl * interval '1 second'
  where a.account_id = v_account.account_id;
  perform orrery.event_add(v_cluster, 'account', v_account.account_id::text, 'account_code',
    format('a new one-time code for %s, by %s', v_account.name, session_user));
  raise notice '%', format('account %s of %s: give the player this one-time code, good for %s hours', v_account.name, v_cluster,
    round(v_ttl / 3600, 1));
  return v_code;
end
$$;
comment on function orrery.account_code(text, text) is 'Makes a new one-time code for an account; returns it.';
grant execute on function orrery.account_code(text, text) to orrery_admin;
