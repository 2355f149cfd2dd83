-- session_resolve: where the sessions of clients are that lost their servers. Who proves that he knows the root of one is told, also why it
-- ended, as long as its row is kept (ended_kept_s); whoever else, and of a session that is not, that it is unknown. One whose server died is
-- given to its replacement, once that is ready.
-- p_resolves: [{"ref","address","session_id","handshake_hash":hex of 64 bytes,"proof":hex32,"again"?}] → {"ref","wait_ms"}; {"ref","status":"ready",
-- "owner":TARGET,"chat":TARGET|null}; {"ref","status":"waiting","reason"}, ask again each second;
-- {"ref","status":"ended","reason"}; {"ref","error"}. A right proof is not counted, nor one with "again":true.
-- Writes: login_limit, attachment; what session_adopt and session_tell write.   Locks: incarnation when it changed; those of login_charge; server, in
-- key order, of the replacements;
-- those of session_adopt; session (those that are busy are left out), then attachment, of those without a chat server that is ready.
-- Errors: those of server_identity and batch_check; of an entry: OR003.
-- Called by: src/pg/control_api (role login).
create or replace function orrery.session_resolve(p_server_id bigint, p_epoch bigint, p_token text, p_resolves jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_me      orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  v_epochs  bigint := orrery.incarnation_current() << 32;
  v_refs    jsonb[];
  v_ids     bigint[];
  v_faults  jsonb[];
  v_subjects text[];
  v_waits   bigint[];
  v_proved  boolean[];
  v_adopt   bigint[];   -- sessions that get a server, or a chat server
  v_servers bigint[];
  v_chats   bigint[];
  v_server  bigint;
  v_hands   jsonb;
begin
  perform orrery.batch_check('p_resolves', p_resolves);
  select array_agg(e.ref order by e.n), array_agg(e.session_id order by e.n),
    array_agg(case
      when e.subject is null then orrery.entry_error(e.ref, 'OR003', 'address is host:port, of 1 to 100 characters', 'Pass the client''s.')
      when e.session_id is null or e.hash is null or e.proof is null
        then orrery.entry_error(e.ref, 'OR003', 'session_id is a number, handshake_hash and proof are 128 and 64 hex digits', 'Pass what the client sent.') end order by e.n),
    array_agg(case when e.again is distinct from 'true' and e.session_id is not null and e.hash is not null and e.proof is not null then e.subject end order by e.n),
    array_agg(coalesce(e.proof = orrery.hmac_sha256(e.hash, x.resolve_key), false) order by e.n)
  into v_refs, v_ids, v_faults, v_subjects, v_proved
  from (
    select a.n, a.value -> 'ref' as ref, case when (a.value -> 'session_id')::text ~ '^-?[0-9]{1,18}$' then (a.value ->> 'session_id')::bigint end as session_id, a.value -> 'again' as again,
      case when jsonb_typeof(a.value -> 'address') = 'string' then orrery.login_subject(a.value ->> 'address') end as subject,
      case when a.value ->> 'handshake_hash' ~ '^[0-9a-f]{128}$' then decode(a.value ->> 'handshake_hash', 'hex') end as hash,
      case when a.value ->> 'proof' ~ '^[0-9a-f]{64}$' then decode(a.value ->> 'proof', 'hex') end as proof
    from jsonb_array_elements(p_resolves) with ordinality a (value, n) offset 0
  ) e
  left join lateral (
    select x.resolve_key from orrery.session_secret x where x.session_id = e.session_id and x.cluster = v_me.cluster offset 0) x on true;
  if v_refs is null then
    return '[]'::jsonb;
  end if;
  -- Only who guesses is counted: the players of a house come back together when their server died.
  select array_agg(case when not u.proved then u.subject end order by u.n) into v_subjects
  from unnest(v_subjects, v_proved) with ordinality u (subject, proved, n);
  v_waits := orrery.login_charge(v_me.cluster, 'address', v_subjects);

  -- those that found no seat when the replacement was ready, or that came to be orphaned since
  v_adopt := array(
    select s.session_id
    from unnest(v_ids, v_proved, v_waits, v_faults) u (id, proved, wait, fault)
    join orrery.session s on s.session_id = u.id and s.state = 'orphaned' and s.token_expires_at > v_now
    where u.proved and u.wait = 0 and u.fault is null);
  if v_adopt <> '{}' then
    v_servers := array(
      select distinct p.server_id
      from orrery.session s
      join orrery."character" c on c.character_id = s.character_id
      join orrery.placement p on p.cluster = c.cluster and p.kind = c.kind and p.key = c.key
      join orrery.server t on t.server_id = p.server_id and t.state = 'ready'
      where s.session_id = any(v_adopt));
    perform from orrery.server s where s.server_id = any(v_servers) order by s.server_id for no key update;
    foreach v_server in array v_servers loop
      perform orrery.session_adopt(v_server, v_adopt);
    end loop;
  end if;

  -- who has no chat server that is ready gets one; one that starts may have heard of him already
  v_chats := orrery.chat_servers(v_me.cluster);
  if v_chats <> '{}' then
    -- those that somebody changes just now may be ending: they are asked about again
    v_adopt := array(
      select s.session_id from orrery.session s
      where s.session_id = any(array(select u.id from unnest(v_ids, v_proved) u (id, proved) where u.proved)) and s.state = 'playing'
        and not exists (
          select from orrery.attachment o join orrery.server c on c.server_id = o.server_id and c.state in ('starting', 'ready')
          where o.session_id = s.session_id and o.role = 'chat' and not o.ended)
      order by s.session_id for no key update of s skip locked);
    with given as (
      insert into orrery.attachment as a (session_id, role, cluster, server_id, epoch)
      select u.id, 'chat', v_me.cluster, v_chats[1 + u.id % cardinality(v_chats)], v_epochs + nextval('orrery.epoch_seq')
      from unnest(v_adopt) u (id) order by u.id
      on conflict (session_id, role) do update
      set server_id = excluded.server_id, epoch = excluded.epoch, taken = false, ended = false
      where a.ended or not exists (select from orrery.server c where c.server_id = a.server_id and c.state in ('starting', 'ready'))
      returning a.server_id
    )
    select array_agg(distinct g.server_id) into v_chats from given g;
    perform orrery.session_tell(v_chats, 'session_resolve');
  end if;

  v_hands := orrery.session_targets(v_me, array(
    select s.session_id from unnest(v_ids, v_proved) u (id, proved) join orrery.session s on s.session_id = u.id and s.state = 'playing' where u.proved));
  return (
    select jsonb_agg(coalesce(u.fault, jsonb_build_object('ref', u.ref) || case
      when u.wait > 0 then jsonb_build_object('wait_ms', u.wait)
      when not u.proved or s.session_id is null then '{"status":"ended","reason":"unknown"}'
      when s.state = 'ended' then jsonb_build_object('status', 'ended', 'reason', orrery.session_end_reason(s.reason, s.release_reason))
      when s.release_at is not null then jsonb_build_object('status', 'ended', 'reason', s.release_reason)
      when s.token_expires_at <= v_now then '{"status":"ended","reason":"token expired"}'
      when s.state = 'selecting' then '{"status":"ended","reason":"login not finished"}'
      -- it may have come into play since v_hands was read, or lost its server; what is wrong with its server is the operators' to read
      else coalesce(case when s.state = 'playing' then v_hands -> u.id::text end,
        '{"status":"waiting","reason":"its server is not ready yet"}') end) order by u.n)
    from unnest(v_refs, v_ids, v_proved, v_waits, v_faults) with ordinality u (ref, id, proved, wait, fault, n)
    left join orrery.session s on s.session_id = u.id);
end
$$;
comment on function orrery.session_resolve(bigint, bigint, text, jsonb) is 'Where the sessions of clients are that lost their servers.';
grant execute on function orrery.session_resolve(bigint, bigint, text, jsonb) to orrery_session;
