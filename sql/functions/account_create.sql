-- account_create: a player's account. Returns the one-time code with which the player sets a password, or null when a
-- hash is given.
-- Writes: account, event.
-- Errors: OR003 bad name or hash; OR008 the name is taken; those of cluster_resolve.
-- Called by: DBA; cli (orrery account create).
create or replace function orrery.account_create(p_name text, p_password_hash text default null, p_cluster text default null)
returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := orrery.clock();
  v_cluster text;
  v_code text;
  v_account_id bigint;
begin
  v_cluster := orrery.cluster_resolve(p_cluster,
    replace(format('account_create(%L', p_name), '%', '%%') || ', p_cluster => %L)');
  if p_name is null or p_name !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$' then
    perform orrery.fail('OR003', format('%L is no account name', p_name),
      'A name has 1 to 32 letters, digits, dots, dashes and underscores, and begins with a letter or digit.', 'Choose another name.');
  end if;
  if p_password_hash !~ '^\$argon2id\$' then
    perform orrery.fail('OR003', 'a password is stored as an Argon2id string', 'The string does not begin with $argon2id$.',
      'Leave it out: the player then sets a password with the one-time code.');
  end if;
  if p_password_hash is null then
    v_code := orrery.code_make();
  end if;
  begin
    insert into orrery.account (cluster, name, password_hash, code_hash, code_expires_at, created_at)
    values (v_cluster, p_name, p_password_hash, orrery.code_hash(v_code),
      case when v_code is not null then v_now + orrery.setting('code_ttl_s') * interval '1 second' end, v_now)
    returning account_id into v_account_id;
  exception when unique_violation then
    perform orrery.fail('OR008', format('account %s exists already in %s', p_name, v_cluster),
      'Names differ by more than case.', 'Choose another name.');
  end;
  perform orrery.event_add(v_cluster, 'account', v_account_id::text, 'account_create', format('account %s', p_name));
  raise notice '%', case when v_code is null
    then format('account %s of %s can log in with its password', p_name, v_cluster)
    else format('account %s of %s: give the player this one-time code, good for %s hours', p_name, v_cluster,
      round(orrery.setting('code_ttl_s') / 3600, 1)) end;
  return v_code;
end
$$;
comment on function orrery.account_create(text, text, text) is 'Creates an account; returns the one-time code to set a password with.';
grant execute on function orrery.account_create(text, text, text) to orrery_admin;
