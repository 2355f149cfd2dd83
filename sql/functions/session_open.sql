-- session_open: players have logged in: a session of each, owned by this login server, its root secret, the account's characters.
-- p_opens: [{"ref","account_id","address","device_id"?}] → {"ref","session_id","epoch","root","token_expires_in_ms","characters"};
-- {"ref","status":"superseding"}: a session of the account is in play, its server is told to save and end it, ask again when told
-- that it is released, and each second; {"ref","error"}.
-- An account has one session. One that is not in play, or whose server died, is ended here; one in play is released by its server. A server
-- that does not within release_ms, though its machine is heard of, is overruled; of a silent machine the lease ends first.
-- Writes: session, session_secret, login_limit, device.used_at; what session_end_told and command_add write.
-- Locks: incarnation when it changed, account, server (its own and those of the sessions in the way, shared), session, each in key order;
-- login_limit without waiting. All sessions of an account are opened, and it is banned, under its lock.
-- Reads: character; calls hook character_details.
-- Errors: those of server_identity and batch_check; of an entry: OR001 unknown account or device; OR002 account banned or not active, or cluster
-- stopping; OR003 malformed; OR006 server full.
-- Called by: src/pg/control_api (role login).
create or replace function orrery.session_open(p_server_id bigint, p_epoch bigint, p_token text, p_opens jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now       timestamptz := orrery.clock();
  v_me        orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  v_token     interval := make_interval(secs => orrery.setting('token_ms')::float8 / 1000);
  v_release   interval := make_interval(secs => orrery.setting('release_ms')::float8 / 1000);
  v_epochs    bigint := orrery.incarnation_current() << 32;
  v_refs      jsonb[];
  v_ids       bigint[];       -- accounts
  v_devices   bigint[];
  v_addresses text[];
  v_faults    jsonb[];
  v_known     bigint[];
  v_ends      bigint[];
  v_orphans   bigint[];
  v_held      bigint[];       -- accounts that are in play
  v_released  bigint[];       -- their sessions
  v_opened    bigint[];       -- accounts
  v_owners    bigint[];       -- servers of the sessions in the way
  v_used      bigint[];       -- devices
  v_names     text[];         -- of those that gave a right password
  v_room      bigint;
  v_random    bytea;
  v_sessions  jsonb;
  v_played    jsonb;
begin
  perform orrery.batch_check('p_opens', p_opens);
  select array_agg(e.ref order by e.n), array_agg(e.account_id order by e.n), array_agg(e.device_id order by e.n), array_agg(e.address order by e.n),
    array_agg(case
      when e.account_id is null or e.device is distinct from 'null' and e.device is not null and e.device_id is null
        then orrery.entry_error(e.ref, 'OR003', 'account_id, and device_id when there is one, are numbers', 'Use those that login_begin gave.')
      when length(e.address) not between 1 and 100 or e.address ~ '[[:cntrl:]]' or e.given not in ('string', 'null')
        then orrery.entry_error(e.ref, 'OR003', 'address is host:port, of 1 to 100 characters, none of them a control character', 'Pass the client''s.') end order by e.n)
  into v_refs, v_ids, v_devices, v_addresses, v_faults
  from (
    select o.n, o.value -> 'ref' as ref, case when (o.value -> 'account_id')::text ~ '^-?[0-9]{1,18}$' then (o.value ->> 'account_id')::bigint end as account_id, o.value -> 'device_id' as device,
      case when (o.value -> 'device_id')::text ~ '^-?[0-9]{1,18}$' then (o.value ->> 'device_id')::bigint end as device_id, o.value ->> 'address' as address, jsonb_typeof(o.value -> 'address') as given
    from jsonb_array_elements(p_opens) with ordinality o (value, n) offset 0
  ) e;
  if v_refs is null then
    return '[]'::jsonb;
  end if;

  select array_agg(a.account_id) into v_known
  from (
    select a.account_id from orrery.account a
    where a.cluster = v_me.cluster and a.account_id = any(array(select u.id from unnest(v_ids, v_faults) u (id, fault) where u.fault is null))
    order by a.account_id for no key update
  ) a;
  -- who is just reporting its end ends its sessions, and must not miss these; and the owners of those in the way are to hear the tell
  v_owners := array(select n.server_id from orrery.session n where n.account_id = any(v_known) and n.state <> 'ended') || p_server_id;
  perform from orrery.server s where s.server_id = any(v_owners) order by s.server_id for share;
  v_me := orrery.server_identity(p_server_id, p_epoch, p_token);
  perform from orrery.session s where s.account_id = any(v_known) and s.state <> 'ended' order by s.session_id for no key update;

  v_room := (select k.sessions_max from orrery.server_kind k where k.cluster = v_me.cluster and k.kind = v_me.kind)
    - (select count(*) from orrery.session s where s.server_id = v_me.server_id and s.state <> 'ended');
  with judged as (
    select u.n, u.ref, u.id, coalesce(u.fault, case
      when a.account_id is null then orrery.entry_error(u.ref, 'OR001', format('no account %s in %s', u.id, v_me.cluster), 'Use the id that login_begin gave.')
      when a.banned_at is not null and coalesce(a.banned_until > v_now, true) then
        jsonb_set(orrery.entry_error(u.ref, 'OR002', orrery.ban_words(a.banned_until, a.ban_reason), format('SELECT account_unban(%L)', a.name)), '{error,banned}', 'true')
      when not a.active then
        orrery.entry_error(u.ref, 'OR002', format('account %s is not active', a.name), format('SELECT account_active_set(%L, true);', a.name))
      when c.state in ('stopping', 'stopped') then
        orrery.entry_error(u.ref, 'OR002', format('cluster %s is shut down', v_me.cluster), 'Wait until it is started again.')
      when u.device_id is not null and d.device_id is null then
        orrery.entry_error(u.ref, 'OR001', format('account %s has no device %s', a.name, u.device_id), 'It was revoked: log in with a password.') end) as fault
    from unnest(v_refs, v_ids, v_devices, v_faults) with ordinality u (ref, id, device_id, fault, n)
    left join orrery.account a on a.account_id = u.id and a.account_id = any(v_known)
    left join lateral (select d.device_id from orrery.device d where d.device_id = u.device_id and d.account_id = a.account_id offset 0) d on true
    left join orrery.cluster c on c.cluster = v_me.cluster
  ), counted as (
    -- the same account twice: the second comes after the first
    select j.*, case when j.fault is null then row_number() over (partition by j.id, j.fault is null order by j.n) end as nth from judged j
  ), seated as (
    select t.*, count(*) filter (where t.nth = 1) over (order by t.n) as seat from counted t
  )
  select array_agg(coalesce(s.fault, case
      when s.nth = 1 and s.seat > v_room then
        orrery.entry_error(s.ref, 'OR006', format('%s %s is full', v_me.kind, v_me.key), 'It has as many sessions as its kind allows: try again in a moment.')
      when s.nth > 1 then jsonb_build_object('ref', s.ref, 'status', 'superseding') end) order by s.n)
  into v_faults from seated s;
  select array_agg(u.id) into v_known from unnest(v_ids, v_faults) u (id, fault) where u.fault is null;

  -- those in the way: of a server that died, not in play yet, or not released in time although its machine is heard of
  select array_agg(s.session_id) filter (where s.state = 'orphaned'), array_agg(s.session_id) filter (where s.state <> 'orphaned' and not s.waits),
    array_agg(s.account_id) filter (where s.waits), array_agg(s.session_id) filter (where s.waits)
  into v_orphans, v_ends, v_held, v_released
  from (
    select s.session_id, s.account_id, s.state, s.state = 'playing'
      and not (coalesce(s.release_at <= v_now - v_release, false) and orrery.server_is_heard(s.server_id)) as waits
    from orrery.session s where s.account_id = any(v_known) and s.state <> 'ended' offset 0
  ) s;
  if v_orphans is not null then
    perform orrery.session_end_all(v_orphans, 'session_open', 'superseded: logged in again after its server died');
  end if;
  if v_ends is not null then
    perform orrery.session_end_told(v_ends, 'session_open', 'superseded');
  end if;
  if v_held is not null then
    update orrery.session s
    set release_at = coalesce(s.release_at, v_now), release_reason = coalesce(s.release_reason, 'superseded'),
        awaited_by = case when v_me.server_id = any(s.awaited_by) then s.awaited_by else s.awaited_by || v_me.server_id end
    where s.session_id = any(v_released);
    select array_agg(distinct s.server_id order by s.server_id) into v_owners from orrery.session s where s.session_id = any(v_released);
    perform orrery.session_tell(v_owners, 'session_open');
  end if;

  -- who has a fault now opens nothing
  if v_held is not null then
    select array_agg(case when u.fault is null and u.id = any(v_held) then jsonb_build_object('ref', u.ref, 'status', 'superseding') else u.fault end order by u.n)
    into v_faults from unnest(v_refs, v_ids, v_faults) with ordinality u (ref, id, fault, n);
  end if;
  v_opened := array(select u.id from unnest(v_ids, v_faults) u (id, fault) where u.fault is null);
  if v_opened <> '{}' then
    -- for 32 roots at once: more than 1,024 bytes pgcrypto does not give
    select string_agg(orrery.random_bytes(1024), '') into v_random from generate_series(0, cardinality(v_opened) / 32);
    with opened as (
      insert into orrery.session (cluster, account_id, server_id, epoch, rule, reason, state_at, opened_at, client_address, taken, token_expires_at, device_id)
      select v_me.cluster, a.account_id, v_me.server_id, v_epochs + nextval('orrery.epoch_seq'), 'session_open',
        format('%s logged in from %s', a.name, coalesce(u.address, 'an unknown address')), v_now, v_now, u.address, true, v_now + v_token, u.device_id
      from unnest(v_ids, v_addresses, v_devices, v_faults) u (id, address, device_id, fault)
      cross join lateral (select a.account_id, a.name from orrery.account a where a.account_id = u.id offset 0) a
      where u.fault is null
      order by a.account_id
      returning session_id, account_id, epoch
    ), rooted as (
      select o.*, substr(v_random, 32 * row_number() over ()::integer - 31, 32) as root from opened o
    ), secret as (
      insert into orrery.session_secret (session_id, cluster, root, resolve_key)
      select o.session_id, v_me.cluster, o.root, orrery.hmac_sha256(convert_to('orrery/1 resolve', 'UTF8'), o.root) from rooted o
    )
    select jsonb_object_agg(o.account_id, jsonb_build_object('session_id', o.session_id, 'epoch', o.epoch, 'root', encode(o.root, 'hex'),
      'token_expires_in_ms', round(extract(epoch from v_token) * 1000)))
    into v_sessions
    from rooted o;
    select jsonb_object_agg(c.account_id, c.characters) into v_played
    from (
      select c.account_id, jsonb_agg(jsonb_build_object('character_id', c.character_id, 'name', c.name, 'kind', c.kind, 'key', c.key,
        'details', d.details -> c.character_id::text) order by c.character_id) as characters
      from orrery."character" c
      cross join (select orrery.character_details(v_me.cluster, array(
        select i.character_id from orrery."character" i where i.account_id = any(v_opened) and i.cluster = v_me.cluster)) as details offset 0) d
      where c.account_id = any(v_opened) and c.cluster = v_me.cluster
      group by c.account_id
    ) c;
    v_used := array(
      select d.device_id
      from unnest(v_ids, v_devices, v_faults) u (id, device_id, fault)
      cross join lateral (select d.device_id, d.used_at from orrery.device d where d.device_id = u.device_id offset 0) d
      where u.fault is null and coalesce(d.used_at < v_now - interval '1 hour', true));
    if v_used <> '{}' then
      update orrery.device d set used_at = v_now where d.device_id = any(v_used);
    end if;
    v_names := array(
      select a.name_key
      from unnest(v_ids, v_devices, v_faults) u (id, device_id, fault)
      cross join lateral (select a.name_key from orrery.account a where a.account_id = u.id offset 0) a
      where u.fault is null and u.device_id is null);
    if v_names <> '{}' then
      perform orrery.login_refund(v_me.cluster, 'account', v_names);
    end if;
  end if;
  return (
    select jsonb_agg(case
      when u.fault is not null then u.fault
      else jsonb_build_object('ref', u.ref, 'characters', coalesce(v_played -> u.id::text, '[]')) || (v_sessions -> u.id::text) end order by u.n)
    from unnest(v_refs, v_ids, v_faults) with ordinality u (ref, id, fault, n));
end
$$;
comment on function orrery.session_open(bigint, bigint, text, jsonb) is 'Opens sessions for players who logged in.';
grant execute on function orrery.session_open(bigint, bigint, text, jsonb) to orrery_session;

drop function if exists orrery.session_open(bigint, bigint, text, bigint, text);
