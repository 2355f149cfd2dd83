-- account_active_set: let an account log in, or not. A session that is in play goes on.
-- Writes: account, event, when it changed.   Locks: cluster, account.
-- Errors: OR001 unknown account; OR003 null; those of cluster_resolve.   Called by: DBA.
create or replace function orrery.account_active_set(p_name text, p_active boolean, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text;
  v_account orrery.account;
begin
  v_cluster := orrery.cluster_resolve(p_cluster,
    replace(format('account_active_set(%L, %L', p_name, p_active), '%', '%%') || ', %L)');
  if p_name is null or p_active is null then
    perform orrery.fail('OR003', 'an account and true or false are needed', 'One of them is null.',
      'SELECT account_active_set(''name'', false);');
  end if;
  v_account := orrery.account_named(v_cluster, p_name);
  if v_account.active <> p_active then
    update orrery.account a set active = p_active where a.account_id = v_account.account_id;
    perform orrery.event_add(v_cluster, 'account', v_account.account_id::text, 'account_active_set',
      format('account %s %s log in', v_account.name, case when p_active then 'may' else 'may not' end));
  end if;
  raise notice '%', format('account %s of %s %s log in', v_account.name, v_cluster, case when p_active then 'may' else 'may not' end);
end
$$;
comment on function orrery.account_active_set(text, boolean, text) is 'Lets an account log in, or not.';
grant execute on function orrery.account_active_set(text, boolean, text) to orrery_admin;
