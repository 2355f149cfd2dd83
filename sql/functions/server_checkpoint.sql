-- server_checkpoint: a zone saves its world, and the characters of its sessions, which go on: what is left of them when it dies.
-- p_world: an object of 1 MiB at most; null: it stays. A server that stops, and whose key another has by now, saves its characters only.
-- p_sessions: [{"session_id","epoch","state"}]; entries that are stale (not in play here under that epoch) are ignored, as in session_end.
-- Writes: character.state, world.   Locks: placement, shared; session, then character, in key order; world.
-- Errors: those of server_identity; OR003 malformed.
-- Called by: src/pg/control_api (role zone).
create or replace function orrery.server_checkpoint(p_server_id bigint, p_epoch bigint, p_token text, p_world jsonb, p_sessions jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now        timestamptz := orrery.clock();
  v_me         orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'zone');
  v_world      jsonb := nullif(p_world, 'null');
  v_ids        bigint[];
  v_characters bigint[];   -- in order
  v_states     jsonb[];
begin
  if v_world is not null and (jsonb_typeof(v_world) <> 'object' or octet_length(v_world::text) > 1048576) then
    perform orrery.fail('OR003', 'p_world is an object of 1 MiB at most', format('Got %s of %s bytes.', jsonb_typeof(v_world), octet_length(v_world::text)),
      'Pass null to leave it as it was.');
  end if;
  if p_sessions is null or jsonb_typeof(p_sessions) <> 'array' then
    perform orrery.fail('OR003', 'p_sessions is an array', format('Got %s.', coalesce(left(p_sessions::text, 200), 'null')), 'Pass [] when there is none.');
  end if;
  begin
    perform from jsonb_to_recordset(p_sessions) e (session_id bigint, epoch bigint, state jsonb);
  exception when data_exception then
    perform orrery.fail('OR003', 'an entry of p_sessions is malformed', sqlerrm, 'An entry has session_id, epoch and state.');
  end;

  if v_world is not null then
    -- A key has a new epoch with each new owner, and this one until another is asked for: also while its server stops. Whoever starts the
    -- next waits for this transaction, and reads what it saved.
    perform from orrery.placement p
    where p.cluster = v_me.cluster and p.kind = v_me.kind and p.key = v_me.key and p.epoch = v_me.epoch for share;
    if not found then
      v_world := null;
    end if;
  end if;

  -- looked up by their keys alone, as in server_sync; what was locked may have moved meanwhile, and is looked at again
  v_ids := array(
    select e.session_id from jsonb_to_recordset(p_sessions) e (session_id bigint, epoch bigint)
    cross join lateral (select s.server_id, s.epoch, s.state from orrery.session s where s.session_id = e.session_id offset 0) s
    where s.server_id = v_me.server_id and s.epoch = e.epoch and s.state = 'playing');
  if v_ids <> '{}' then
    perform from orrery.session s where s.session_id = any(v_ids) order by s.session_id for no key update;
    select array_agg(l.character_id order by l.character_id), array_agg(l.state order by l.character_id)
    into v_characters, v_states
    from (
      select distinct on (s.character_id) s.character_id, e.state
      from rows from (jsonb_to_recordset(p_sessions) as (session_id bigint, epoch bigint, state jsonb)) with ordinality e (session_id, epoch, state, n)
      cross join lateral (select s.character_id, s.server_id, s.epoch, s.state from orrery.session s where s.session_id = e.session_id offset 0) s
      where s.server_id = v_me.server_id and s.epoch = e.epoch and s.state = 'playing' and jsonb_typeof(e.state) = 'object'
      order by s.character_id, e.n desc
    ) l;
    -- width_bucket: where a character stands in v_characters
    update orrery."character" c set state = v_states[width_bucket(c.character_id, v_characters)]
    where c.character_id = any(v_characters) and c.state <> v_states[width_bucket(c.character_id, v_characters)];
  end if;

  if v_world is not null then
    insert into orrery.world (cluster, kind, key, saved, saved_epoch, saved_at)
    values (v_me.cluster, v_me.kind, v_me.key, v_world, v_me.epoch, v_now)
    on conflict (cluster, kind, key) do update set saved = excluded.saved, saved_epoch = excluded.saved_epoch, saved_at = excluded.saved_at;
  end if;
end
$$;
comment on function orrery.server_checkpoint(bigint, bigint, text, jsonb, jsonb) is 'A zone saves its world and the characters that play in it.';
grant execute on function orrery.server_checkpoint(bigint, bigint, text, jsonb, jsonb) to orrery_session;
