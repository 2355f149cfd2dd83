-- server_sync: what changed for this server: sessions that arrive at it, those that it is to save and end now, and ends that it did not
-- cause itself. A login server is told which version the keys of its cluster have.
-- p_taken: [{"session_id","epoch","role","ended","place"}], arrivals it now holds and, "ended": true, ends it has heard of; stale entries are
-- ignored. Which of the two must be said: after a lost answer the arrival is reported again, of a session that may have ended since. Chat says
-- where it holds a session to be, {"kind","key"} as it was told, which may have changed since.
-- p_news_after: news of its key's world after this number are answered too, in order, 1,000 at most; null: none.
-- No bitmap scans: they would read each time what was news once, for they do not mark entries of an index as dead.
-- Writes: session, attachment (taken).   Locks: session, attachment, in key order.
-- Errors: those of server_identity; OR003 p_taken is no array of such.
-- Called by: src/pg/control_api.
create or replace function orrery.server_sync(p_server_id bigint, p_epoch bigint, p_token text, p_taken jsonb default '[]', p_news_after bigint default null)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token);
  v_ids bigint[];
  v_epochs bigint[];
  v_roles text[];
  v_are_ended boolean[];
  v_places jsonb[];
  v_found bigint[];
  v_rows tid[];
  v_arrivals jsonb;
  v_ended jsonb;
  v_release jsonb;
begin
  if p_taken is null or jsonb_typeof(p_taken) <> 'array' then
    perform orrery.fail('OR003', 'p_taken is an array', format('Got %L.', p_taken), 'Pass [] when nothing was taken.');
  end if;

  if p_taken <> '[]' then
    begin
      select array_agg(t.session_id), array_agg(t.epoch), array_agg(t.role), array_agg(coalesce(t.ended, false)), array_agg(t.place)
      into v_ids, v_epochs, v_roles, v_are_ended, v_places
      from jsonb_to_recordset(p_taken) t (session_id bigint, epoch bigint, role text, ended boolean, place jsonb);
    exception when data_exception then
      perform orrery.fail('OR003', 'an entry of p_taken is malformed', sqlerrm, 'An entry has session_id, epoch and role.');
    end;
    -- Each is looked up by its key and nothing else: there may be thousands, and an index that seemed small when the plan was made
    -- would be read for each. What was locked may have ended meanwhile, and is looked at again.
    v_found := array(
      select t.id from unnest(v_ids, v_epochs, v_roles) t (id, epoch, role)
      cross join lateral (select s.* from orrery.session s where s.session_id = t.id offset 0) s
      where t.role = 'owner' and s.epoch = t.epoch and s.server_id = v_me.server_id and not s.taken);
    if v_found <> '{}' then
      perform from orrery.session s where s.session_id = any(v_found) order by s.session_id for no key update;
      v_rows := array(
        select s.ctid from unnest(v_ids, v_epochs, v_roles, v_are_ended) t (id, epoch, role, is_ended)
        cross join lateral (select s.ctid, s.epoch, s.server_id, s.taken, s.state from orrery.session s where s.session_id = t.id offset 0) s
        where t.role = 'owner' and s.epoch = t.epoch and s.server_id = v_me.server_id and not s.taken and (s.state = 'ended') = t.is_ended);
      update orrery.session s set taken = true where s.ctid = any(v_rows);
    end if;
    v_found := array(
      select t.id from unnest(v_ids, v_epochs, v_roles) t (id, epoch, role)
      cross join lateral (select a.* from orrery.attachment a where a.session_id = t.id and a.role = t.role offset 0) a
      where a.epoch = t.epoch and a.server_id = v_me.server_id and not a.taken);
    if v_found <> '{}' then
      perform from orrery.attachment a where a.session_id = any(v_found) order by a.session_id, a.role for no key update;
      v_rows := array(
        select a.ctid from unnest(v_ids, v_epochs, v_roles, v_are_ended, v_places) t (id, epoch, role, is_ended, place)
        cross join lateral (
          select a.ctid, a.epoch, a.server_id, a.taken, a.ended from orrery.attachment a where a.session_id = t.id and a.role = t.role offset 0) a
        where a.epoch = t.epoch and a.server_id = v_me.server_id and not a.taken and a.ended = t.is_ended
          and (t.place is null or a.ended or t.place = (
            select jsonb_build_object('kind', c.kind, 'key', c.key)
            from (select s.character_id from orrery.session s where s.session_id = t.id offset 0) s
            cross join lateral (select c.kind, c.key from orrery."character" c where c.character_id = s.character_id offset 0) c)));
      update orrery.attachment a set taken = true where a.ctid = any(v_rows);
    end if;
  end if;

  -- until it says that it has heard of them; before the arrivals, so that what ends between the two statements is in neither answer
  select coalesce(jsonb_agg(
      jsonb_build_object('session_id', n.session_id, 'epoch', n.epoch, 'role', n.role, 'reason', n.reason) order by n.session_id), '[]')
  into v_ended
  from (
    select s.session_id, s.epoch, 'owner' as role, orrery.session_end_reason(s.reason, s.release_reason) as reason
    from orrery.session s
    where s.server_id = v_me.server_id and not s.taken and s.state = 'ended'
    union all
    select a.session_id, a.epoch, a.role, s.reason
    from orrery.attachment a
    cross join lateral (
      select orrery.session_end_reason(s.reason, s.release_reason) as reason from orrery.session s where s.session_id = a.session_id offset 0) s
    where a.server_id = v_me.server_id and not a.taken and a.ended
  ) n;

  select coalesce(jsonb_agg(jsonb_build_object(
      'session_id', n.session_id, 'epoch', n.epoch, 'role', n.role,
      'key', encode(orrery.session_key(x.root, n.session_id, v_me.server_id, n.epoch), 'hex'),
      'account_id', n.account_id, 'character_id', n.character_id, 'name', c.name,
      'state', case when n.role = 'owner' then coalesce(n.payload -> 'state', '{}') else '{}' end)
      || case when n.role = 'chat' then jsonb_build_object('place', jsonb_build_object('kind', c.kind, 'key', c.key)) else '{}' end
      order by n.session_id), '[]')
  into v_arrivals
  from (
    select s.session_id, s.epoch, 'owner' as role, s.account_id, s.character_id, s.payload
    from orrery.session s
    where s.server_id = v_me.server_id and not s.taken and s.state = 'playing' and s.release_at is null
    union all
    select a.session_id, a.epoch, a.role, s.account_id, s.character_id, null
    from orrery.attachment a
    cross join lateral (select s.account_id, s.character_id, s.state from orrery.session s where s.session_id = a.session_id offset 0) s
    where a.server_id = v_me.server_id and not a.taken and not a.ended and s.state <> 'ended'
  ) n
  cross join lateral (select x.root from orrery.session_secret x where x.session_id = n.session_id offset 0) x
  cross join lateral (select c.name, c.kind, c.key from orrery."character" c where c.character_id = n.character_id offset 0) c;

  select coalesce(jsonb_agg(jsonb_build_object('session_id', s.session_id, 'epoch', s.epoch, 'reason', s.release_reason) order by s.session_id), '[]')
  into v_release
  from orrery.session s
  where s.server_id = v_me.server_id and s.state <> 'ended' and s.release_at is not null;

  return jsonb_build_object('arrivals', v_arrivals, 'release', v_release, 'ended', v_ended)
    || coalesce((
      select jsonb_build_object('keys_version', c.keys_version)
      from orrery.server_kind k join orrery.cluster_secret c on c.cluster = k.cluster
      where k.cluster = v_me.cluster and k.kind = v_me.kind and k.role = 'login'), '{}')
    || case when p_news_after is not null then jsonb_build_object('news', coalesce((
      select jsonb_agg(jsonb_build_object('number', n.number, 'body', n.body) order by n.number)
      from (
        select w.number, w.body from orrery.world_news w
        where w.cluster = v_me.cluster and w.kind = v_me.kind and w.key = v_me.key and w.number > p_news_after
        order by w.cluster, w.kind, w.key, w.number limit 1000) n), '[]')) else '{}' end;
end
$$;
comment on function orrery.server_sync(bigint, bigint, text, jsonb, bigint) is 'What changed for a server: sessions that arrive at it or ended.';
grant execute on function orrery.server_sync(bigint, bigint, text, jsonb, bigint) to orrery_session;

drop function if exists orrery.server_sync(bigint, bigint, text, jsonb);
