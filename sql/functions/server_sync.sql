-- server_sync: what changed for this server: sessions that arrive at it, those that it is to save and end now, and ends that it did not
-- cause itself. A login server is told which version the keys of its cluster have.
-- p_taken: [{"session_id","epoch","role"}], arrivals it now holds and ends it has heard of; stale entries are ignored.
-- Writes: session, attachment (taken, end_told).   Locks: session, attachment, in key order.
-- Errors: those of server_identity; OR003 p_taken is no array of such.
-- Called by: src/pg/control_api.
create or replace function orrery.server_sync(p_server_id bigint, p_epoch bigint, p_token text, p_taken jsonb default '[]')
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token);
  v_arrivals jsonb;
  v_ended jsonb;
  v_release jsonb;
begin
  if p_taken is null or jsonb_typeof(p_taken) <> 'array' then
    perform orrery.fail('OR003', 'p_taken is an array', format('Got %L.', p_taken), 'Pass [] when nothing was taken.');
  end if;

  if p_taken <> '[]' then
    begin
      perform from jsonb_to_recordset(p_taken) t (session_id bigint, epoch bigint, role text);
    exception when data_exception then
      perform orrery.fail('OR003', 'an entry of p_taken is malformed', sqlerrm, 'An entry has session_id, epoch and role.');
    end;
    with taken as (
      select t.session_id, t.epoch from jsonb_to_recordset(p_taken) t (session_id bigint, epoch bigint, role text)
      where t.role = 'owner'
    ), held as (
      select s.session_id from orrery.session s join taken t using (session_id, epoch)
      where s.server_id = v_me.server_id and not s.taken and (s.state <> 'ended' or s.end_told)
      order by s.session_id for no key update of s
    )
    update orrery.session s set taken = true from held h where s.session_id = h.session_id;

    with taken as (
      select t.session_id, t.epoch, t.role from jsonb_to_recordset(p_taken) t (session_id bigint, epoch bigint, role text)
    ), held as (
      select a.session_id, a.role from orrery.attachment a join taken t using (session_id, epoch, role)
      where a.server_id = v_me.server_id and not a.taken and (not a.ended or a.end_told)
      order by a.session_id, a.role for no key update of a
    )
    update orrery.attachment a set taken = true from held h where a.session_id = h.session_id and a.role = h.role;
  end if;

  select coalesce(jsonb_agg(jsonb_build_object(
      'session_id', n.session_id, 'epoch', n.epoch, 'role', n.role,
      'key', encode(orrery.session_key(x.root, n.session_id, v_me.server_id, n.epoch), 'hex'),
      'account_id', n.account_id, 'character_id', n.character_id, 'name', c.name,
      'state', case when n.role = 'owner' then coalesce(n.payload -> 'state', '{}') else '{}' end)
      order by n.session_id), '[]')
  into v_arrivals
  from (
    select s.session_id, s.epoch, 'owner' as role, s.account_id, s.character_id, s.payload
    from orrery.session s
    where s.server_id = v_me.server_id and not s.taken and s.state = 'playing' and s.release_at is null
    union all
    select a.session_id, a.epoch, a.role, s.account_id, s.character_id, null
    from orrery.attachment a
    join orrery.session s using (session_id)
    where a.server_id = v_me.server_id and not a.taken and not a.ended and s.state <> 'ended'
  ) n
  join orrery.session_secret x on x.session_id = n.session_id
  join orrery."character" c on c.character_id = n.character_id;

  with told as (
    select s.session_id from orrery.session s
    where s.server_id = v_me.server_id and not s.taken and s.state = 'ended' and not s.end_told
    order by s.session_id for no key update
  )
  update orrery.session s set end_told = true from told t where s.session_id = t.session_id;
  with told as (
    select a.session_id, a.role from orrery.attachment a
    where a.server_id = v_me.server_id and not a.taken and a.ended and not a.end_told
    order by a.session_id, a.role for no key update
  )
  update orrery.attachment a set end_told = true from told t where a.session_id = t.session_id and a.role = t.role;

  select coalesce(jsonb_agg(jsonb_build_object('session_id', n.session_id, 'epoch', n.epoch, 'role', n.role, 'reason', n.reason)
      order by n.session_id), '[]')
  into v_ended
  from (
    select s.session_id, s.epoch, 'owner' as role, orrery.session_end_reason(s.reason, s.release_reason) as reason
    from orrery.session s
    where s.server_id = v_me.server_id and not s.taken and s.state = 'ended' and s.end_told
    union all
    select a.session_id, a.epoch, a.role, orrery.session_end_reason(s.reason, s.release_reason)
    from orrery.attachment a
    join orrery.session s using (session_id)
    where a.server_id = v_me.server_id and not a.taken and a.ended and a.end_told
  ) n;

  select coalesce(jsonb_agg(jsonb_build_object('session_id', s.session_id, 'epoch', s.epoch, 'reason', s.release_reason) order by s.session_id), '[]')
  into v_release
  from orrery.session s
  where s.server_id = v_me.server_id and s.state <> 'ended' and s.release_at is not null;

  return jsonb_build_object('arrivals', v_arrivals, 'release', v_release, 'ended', v_ended)
    || coalesce((
      select jsonb_build_object('keys_version', c.keys_version)
      from orrery.server_kind k join orrery.cluster_secret c on c.cluster = k.cluster
      where k.cluster = v_me.cluster and k.kind = v_me.kind and k.role = 'login'), '{}');
end
$$;
comment on function orrery.server_sync(bigint, bigint, text, jsonb) is 'What changed for a server: sessions that arrive at it or ended.';
grant execute on function orrery.server_sync(bigint, bigint, text, jsonb) to orrery_session;
