-- login_begin: attempts to log in: each is counted, and told what to judge it by: the password's hash, or the device's number.
-- p_attempts: [{"ref","name","address","device_key":hex32?}] → {"ref","wait_ms"}, too many; {"ref","account_id","password_hash","device_id"}, null
-- what there is none of; {"ref","error"}. An account without a password, and a key of another account than the one that is named, are
-- unknown. First its address is charged, then, of a password, its name, known or not.
-- Reads: account, device.   Writes: login_limit.   Locks: those of login_charge.
-- Errors: those of server_identity and batch_check; of an entry: OR003.
-- Called by: src/pg/control_api (role login).
create or replace function orrery.login_begin(p_server_id bigint, p_epoch bigint, p_token text, p_attempts jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me        orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  v_refs      jsonb[];
  v_names     text[];
  v_subjects  text[];
  v_keys      bytea[];
  v_passwords text[];    -- names of those that try a password and are not limited by their address
  v_faults    jsonb[];
  v_waits     bigint[];
  v_more      bigint[];
begin
  perform orrery.batch_check('p_attempts', p_attempts);
  select array_agg(e.ref order by e.n), array_agg(e.name order by e.n), array_agg(e.subject order by e.n), array_agg(e.key order by e.n),
    array_agg(case
      when e.subject is null then orrery.entry_error(e.ref, 'OR003', 'address is host:port, of 1 to 100 characters', 'Pass the client''s.')
      when e.given is not null and e.key is null then orrery.entry_error(e.ref, 'OR003', 'device_key is 64 hex digits', 'Pass the Ed25519 public key.')
      when e.given is null and e.name is null then orrery.entry_error(e.ref, 'OR003', 'an attempt has a name or a device_key', 'Pass one.') end order by e.n)
  into v_refs, v_names, v_subjects, v_keys, v_faults
  from (
    select a.n, a.ref, a.given,
      case when jsonb_typeof(a.value -> 'name') = 'string' then lower(left(a.value ->> 'name', 100)) end as name,
      case when jsonb_typeof(a.value -> 'address') = 'string' then orrery.login_subject(a.value ->> 'address') end as subject,
      -- a regular expression costs several times as much
      case when length(a.given) = 64 and rtrim(a.given, '0123456789abcdefABCDEF') = '' then decode(a.given, 'hex') end as key
    from (
      select a.n, a.value, a.value -> 'ref' as ref, a.value ->> 'device_key' as given
      from jsonb_array_elements(p_attempts) with ordinality a (value, n) offset 0
    ) a offset 0
  ) e;
  if v_refs is null then
    return '[]'::jsonb;
  end if;
  select array_agg(case when u.fault is null then u.subject end order by u.n) into v_subjects
  from unnest(v_subjects, v_faults) with ordinality u (subject, fault, n);
  v_waits := orrery.login_charge(v_me.cluster, 'address', v_subjects);
  select array_agg(case when u.fault is null and u.key is null and u.wait = 0 then u.name end order by u.n) into v_passwords
  from unnest(v_names, v_keys, v_waits, v_faults) with ordinality u (name, key, wait, fault, n);
  if array_remove(v_passwords, null) <> '{}' then
    v_more := orrery.login_charge(v_me.cluster, 'account', v_passwords);
  end if;
  return (
    select jsonb_agg(case
      when u.fault is not null then u.fault
      when u.wait > 0 or u.more > 0 then jsonb_build_object('ref', u.ref, 'wait_ms', greatest(u.wait, u.more))
      when u.key is not null then jsonb_build_object('ref', u.ref, 'account_id', d.account_id, 'password_hash', null, 'device_id', d.device_id)
      else jsonb_build_object('ref', u.ref, 'account_id', a.account_id, 'password_hash', a.password_hash, 'device_id', null) end order by u.n)
    from unnest(v_refs, v_names, v_keys, v_waits, v_more, v_faults) with ordinality u (ref, name, key, wait, more, fault, n)
    left join lateral (
      select a.account_id, a.password_hash from orrery.account a
      where a.cluster = v_me.cluster and a.name_key = u.name and a.password_hash is not null offset 0) a on u.key is null
    left join lateral (
      select d.account_id, d.device_id from orrery.device d
      cross join lateral (select o.name_key from orrery.account o where o.account_id = d.account_id offset 0) o
      where d.cluster = v_me.cluster and d.public_key = u.key and (u.name is null or o.name_key = u.name) offset 0) d on u.key is not null);
end
$$;
comment on function orrery.login_begin(bigint, bigint, text, jsonb) is 'Attempts to log in: counted, and told what to judge them by.';
grant execute on function orrery.login_begin(bigint, bigint, text, jsonb) to orrery_session;

drop function if exists orrery.account_credential(bigint, bigint, text, text);
