-- session_adopt: give a server that is ready sessions that were orphaned at its place, under new epochs, with what was saved of their characters, in
-- one transaction; it is told to ask for them. As many as it has seats for, in the order in which they were opened; those that are busy, whose token
-- has run out, or that find no seat, stay orphaned: their clients ask for them again (session_resolve).
-- p_sessions: only these; null: all.
-- Returns how many.
-- Writes: session, event; what session_move and session_tell write.
-- Locks: session, in key order, not waiting for any, since who is ready has commands locked; the caller has locked the server.
-- Errors: none.   Called by: server_ready, session_resolve.
create or replace function orrery.session_adopt(p_server_id bigint, p_sessions bigint[] default null) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_server  orrery.server;
  v_orphans bigint[] := p_sessions;
  v_room    bigint;
  v_ids     bigint[];
  v_played  bigint[];
begin
  select s.* into v_server from orrery.server s where s.server_id = p_server_id and s.state = 'ready';
  if not found then
    return 0;
  end if;
  if v_orphans is null then
    -- they are where its predecessors at this place were; perhaps itself, under another epoch
    v_orphans := array(
      select n.session_id
      from orrery.server s
      cross join lateral (select n.session_id, n.state from orrery.session n where n.server_id = s.server_id and n.state <> 'ended' offset 0) n
      where s.cluster = v_server.cluster and s.kind = v_server.kind and s.key = v_server.key and n.state = 'orphaned');
  end if;
  v_orphans := array(
    select s.session_id from orrery.session s
    where s.session_id = any(v_orphans) and s.state = 'orphaned' and s.token_expires_at > v_now
    order by s.session_id for no key update skip locked);
  if v_orphans = '{}' then
    return 0;
  end if;
  v_room := (select k.sessions_max from orrery.server_kind k where k.cluster = v_server.cluster and k.kind = v_server.kind)
    - (select count(*) from orrery.session s where s.server_id = p_server_id and s.state <> 'ended' and s.session_id <> all(v_orphans));
  select array_agg(o.id order by o.id), array_agg(o.character_id order by o.id) into v_ids, v_played
  from (
    select u.id, c.character_id
    from unnest(v_orphans) u (id)
    cross join lateral (select s.character_id, s.server_id from orrery.session s where s.session_id = u.id offset 0) s
    cross join lateral (select c.* from orrery."character" c where c.character_id = s.character_id offset 0) c
    where c.cluster = v_server.cluster and c.kind = v_server.kind and c.key = v_server.key
    order by s.server_id = p_server_id desc, u.id
    limit greatest(v_room, 0)
  ) o;
  if v_ids is null then
    return 0;
  end if;
  perform orrery.session_move(v_server, null, v_ids, v_played, array_fill(p_server_id, array[cardinality(v_ids)]), null,
    orrery.incarnation_current() << 32, 'session_adopt');
  perform orrery.session_tell(array[p_server_id], 'session_adopt');
  return cardinality(v_ids);
end
$$;
comment on function orrery.session_adopt(bigint, bigint[])
  is 'Gives a server that is ready the sessions that were orphaned at its place; returns how many.';
