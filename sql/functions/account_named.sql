-- account_named: an account by its name, whatever its case, locked with its cluster.
-- Writes: nothing.   Locks: cluster, account.
-- Errors: OR001 unknown; OR003 null.   Called by: account_active_set, account_ban, account_unban, account_code,
-- device_revoke.
create or replace function orrery.account_named(p_cluster text, p_name text) returns orrery.account
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account orrery.account;
begin
  if p_name is null then
    perform orrery.fail('OR003', 'an account has a name', 'Got null.', 'SELECT * FROM account_status');
  end if;
  -- the tick leaves out what is of a cluster that is held, rather than wait
  perform from orrery.cluster c where c.cluster = p_cluster for no key update;
  select a.* into v_account from orrery.account a where a.cluster = p_cluster and a.name_key = lower(p_name) for no key update;
  if not found then
    perform orrery.fail('OR001', format('no account %s in %s', left(p_name, 64), p_cluster), 'Names are compared without case.',
      'SELECT * FROM account_status');
  end if;
  return v_account;
end
$$;
comment on function orrery.account_named(text, text) is 'An account by its name, locked.';
