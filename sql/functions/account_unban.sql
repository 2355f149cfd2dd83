-- account_unban: let a banned player in again.
-- Writes: account, event.   Locks: cluster, account.
-- Errors: OR001 unknown account; OR002 not banned; OR003 null; those of cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.account_unban(p_name text, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text := orrery.cluster_resolve(p_cluster, replace(format('account_unban(%L', left(p_name, 64)), '%', '%%') || ', %L)');
  v_account orrery.account;
begin
  v_account := orrery.account_named(v_cluster, p_name);
  if v_account.banned_at is null or v_account.banned_until <= orrery.clock() then
    perform orrery.fail('OR002', format('account %s is not banned', v_account.name),
      case when v_account.banned_at is not null then 'It was: ' || orrery.ban_words(v_account.banned_until, v_account.ban_reason) end,
      'SELECT * FROM account_status');
  end if;
  update orrery.account a set banned_at = null, banned_until = null, ban_reason = null where a.account_id = v_account.account_id;
  perform orrery.event_add(v_cluster, 'account', v_account.account_id::text, 'account_unban',
    format('account %s may log in again, by %s', v_account.name, session_user));
  raise notice '%', format('account %s of %s may log in again', v_account.name, v_cluster);
end
$$;
comment on function orrery.account_unban(text, text) is 'Lets a banned player in again.';
grant execute on function orrery.account_unban(text, text) to orrery_admin;
