-- agent_heartbeat: an agent is alive, says its load, and is told what it must do and know.
-- An inventory with an epoch beyond those given shows that this database was set back to an earlier state of itself: the
-- incarnation is raised before anything is decided.
-- One that brings nothing new, and for whose agent there is nothing new, is answered {} or its commands alone, by one statement: what
-- a backend touches for the first time in a second is most of what a heartbeat costs. Whoever changes what agents are told sets
-- told_to null, or cluster.version or the incarnation on; the row is written before the answer is read, so that no change falls between.
-- Writes: agent_heartbeat, command; agent and server when it was lost; what agent_inventory_compare and incarnation_lift write.
-- Locks: cluster, agent, server (only when it was lost), the incarnation row when it is raised, those of agent_inventory_compare,
-- agent_heartbeat, command (skip locked).
-- Errors: OR001 unknown, OR003 malformed, OR004 wrong token, OR010 not this login's.   Called by: src/pg/control_api.
create or replace function orrery.agent_heartbeat(
  p_agent_id bigint, p_token text, p_load jsonb, p_digest text, p_inventory jsonb default null
) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  v_now      timestamptz;
  v_agent    orrery.agent;
  v_waits    boolean;
  v_cpu      real;
  v_memory   bigint;
  v_digest   text;
  v_given    bigint;
  v_unknown  jsonb := '[]'::jsonb;
  v_commands jsonb := '[]'::jsonb;
begin
  -- as call_begin does, which as a function of its own would be a tenth of an ordinary heartbeat
  if current_setting('lock_timeout') = '0' then
    perform set_config('lock_timeout', '2500ms', true);
  end if;
  if p_inventory is null and p_load -> 'cpu' between '0' and '1' and p_load -> 'memory_used_bytes' between '0' and '1000000000000000000' then
    update orrery.agent_heartbeat b
    set beat_at = orrery.clock(), cpu = round((p_load -> 'cpu')::numeric, 4)::real, memory_used_bytes = (p_load -> 'memory_used_bytes')::bigint
    where b.agent_id = p_agent_id and b.digest = p_digest and b.told_to = sha256(convert_to(p_token || session_user, 'UTF8'))
      and b.told_version = (select coalesce(sum(c.version), 0) from orrery.cluster c) + (select i.incarnation from orrery.incarnation i)
    returning exists (select from orrery.command c where c.agent_id = p_agent_id and c.state in ('pending', 'claimed')) into v_waits;
    if not v_waits then
      return '{}'::jsonb;
    elsif v_waits then
      v_commands := orrery.command_claim(p_agent_id);
      -- a start of a cluster that was started again meanwhile must not come before that news: the agent would end it
      if exists (select from orrery.agent_heartbeat b where b.agent_id = p_agent_id
          and b.told_version = (select coalesce(sum(c.version), 0) from orrery.cluster c) + (select i.incarnation from orrery.incarnation i)) then
        return jsonb_build_object('commands', v_commands);
      end if;
    end if;
  end if;

  v_now := orrery.clock();
  v_agent := orrery.agent_check(p_agent_id, p_token);
  begin
    v_cpu := coalesce(round((p_load ->> 'cpu')::numeric, 4)::real, 0);
    v_memory := coalesce((p_load ->> 'memory_used_bytes')::bigint, 0);
    perform from jsonb_to_recordset(p_inventory) as i(server_id bigint, epoch bigint, state text, pid integer) where i.server_id is null or i.epoch is null;
    if found or jsonb_typeof(p_load) <> 'object' or v_cpu not between 0 and 1 or v_memory not between 0 and 1000000000000000000 then
      perform orrery.fail('OR003', format('agent %s: malformed load or inventory', v_agent.name), format('Got load %s.', left(p_load::text, 200)),
        'The load is an object: cpu 0 to 1, memory_used_bytes 0 to 10^18; each of the inventory has server_id and epoch.');
    end if;
  exception when data_exception then
    perform orrery.fail('OR003', format('agent %s: malformed load or inventory', v_agent.name), sqlerrm, null);
  end;
  if p_digest is null or p_digest !~ '^[0-9a-f]{1,64}$' then
    perform orrery.fail('OR003', format('agent %s: no digest', v_agent.name), format('Got %L.', left(p_digest, 64)), 'It is 16 hex digits.');
  end if;
  if v_agent.state = 'lost' then
    -- its servers were given to others; the inventory will show which it must stop, and what became of those that held
    perform from orrery.cluster c
    where c.cluster in (select s.cluster from orrery.server s where s.agent_id = p_agent_id and s.state in ('starting', 'ready', 'stopping'))
    order by c.cluster for no key update;
    update orrery.agent a set state = 'up', rule = 'agent_heartbeat', reason = 'heard of again'
    where a.agent_id = p_agent_id and a.state = 'lost' and a.token_hash = v_agent.token_hash;
    if found then
      perform orrery.agent_returned(p_agent_id);
    else
      -- fenced or registered anew meanwhile
      v_agent := orrery.agent_check(p_agent_id, p_token);
    end if;
  end if;
  if p_inventory is not null then
    v_given := (orrery.incarnation_current() << 32) + (select q.last_value from orrery.epoch_seq q);
    -- Only a login of all is believed so much. Once a minute at most: after one, epochs of the incarnation before are beyond nothing.
    if orrery.login_cluster() = '*' and exists (select from jsonb_to_recordset(p_inventory) as i(epoch bigint) where i.epoch > v_given and i.epoch >> 32 = v_given >> 32)
      and not exists (select from orrery.event e
        where e.noun = 'incarnation' and e.rule = 'agent_heartbeat' and e.recorded_at > v_now - interval '1 minute') then
      perform from orrery.incarnation i for update;
      perform orrery.incarnation_lift(v_given >> 32, 'agent_heartbeat',
        format('agent %s runs an epoch that was never given: this database was set back to an earlier state', v_agent.name));
    end if;
    v_unknown := orrery.agent_inventory_compare(p_agent_id, p_inventory);
  end if;
  insert into orrery.agent_heartbeat as b (agent_id, beat_at, cpu, memory_used_bytes, digest, told_to, told_version)
  values (p_agent_id, v_now, v_cpu, v_memory, case when p_inventory is not null then p_digest end, sha256(convert_to(p_token || session_user, 'UTF8')),
    (select coalesce(sum(c.version), 0) from orrery.cluster c) + (select i.incarnation from orrery.incarnation i))
  on conflict (agent_id) do update
    set beat_at = excluded.beat_at, cpu = excluded.cpu, memory_used_bytes = excluded.memory_used_bytes,
        digest = coalesce(excluded.digest, case when v_agent.state <> 'lost' then b.digest end),
        told_to = excluded.told_to, told_version = excluded.told_version
  returning b.digest into v_digest;
  -- whoever judged or fenced it held that row: what was read before it is perhaps over
  v_agent := orrery.agent_check(p_agent_id, p_token);
  if v_agent.state = 'lost' then
    update orrery.agent_heartbeat b set digest = null, told_to = null where b.agent_id = p_agent_id;
    v_digest := null;
  end if;
  -- before what it is told of clusters is read, for the same reason
  v_commands := v_commands || orrery.command_claim(p_agent_id);
  return (
    select jsonb_build_object(
      'want_inventory', v_digest is distinct from p_digest,
      'commands', v_commands,
      'unknown', v_unknown,
      'clusters', (
        select coalesce(jsonb_agg(jsonb_build_object('name', c.cluster, 'state', c.state, 'notice_id', c.notice_id,
          'stops_in_ms', case when c.shutdown_at is not null then greatest(0, floor(extract(epoch from c.shutdown_at - v_now) * 1000)) end)
          order by c.cluster), '[]')
        from orrery.cluster c
        where c.cluster = any (a.clusters) or exists (
          select from orrery.server s where s.agent_id = p_agent_id and s.cluster = c.cluster and s.state in ('starting', 'ready', 'stopping'))),
      'listen', a.listens,
      'relays', a.relays,
      'database', jsonb_build_object('system_identifier', i.system_identifier, 'incarnation', i.incarnation, 'lineage', encode(i.lineage, 'hex')))
    from orrery.agent a, orrery.incarnation i where a.agent_id = p_agent_id);
end
$$;
comment on function orrery.agent_heartbeat(bigint, text, jsonb, text, jsonb) is 'An agent says that it lives and is told what it must do and know.';
grant execute on function orrery.agent_heartbeat(bigint, text, jsonb, text, jsonb) to orrery_agent;
