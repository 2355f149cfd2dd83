-- agent_register: an agent says who and where it is. The first registration under a name pins the identity's hash; a
-- process that comes later with the same identity takes over, unless another machine is up under it (a clone).
-- Commands that its predecessor claimed and did not report become pending; its inventory is asked for. It listens for
-- doorbells when there are fewer than listeners_max that do.
-- An agent that has obeyed a database of a higher incarnation, or another one of the same, is answered {"refused"} (OR011, no
-- error, so that its event stays) and nothing is changed.
-- Writes: agent, agent_heartbeat, server, command, event; what incarnation_current writes.
-- Locks: the incarnation row when it is raised; agent, server, command, agent_heartbeat.
-- Errors: OR003 malformed, OR004 name or identity held by another, OR010 clusters this login does not see.
-- Called by: src/pg/control_api.
create or replace function orrery.agent_register(p_name text, p_identity text, p_machine jsonb) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  -- the highest that incarnation_raise gives
  c_incarnation_max constant bigint := (1 << 30) + 1;
  v_now      timestamptz := orrery.clock();
  v_lease_ms bigint := orrery.setting('lease_ms');
  v_lease    interval;
  v_token    text := encode(orrery.random_bytes(32), 'hex');
  v_hash     bytea;
  v_m        record;
  v_database orrery.incarnation;
  v_refused  jsonb;
  v_old      orrery.agent;
  v_heard    timestamptz;
  v_id       bigint;
  v_listens  boolean;
begin
  perform orrery.call_begin();
  if p_name is null or p_identity is null or p_identity !~ '^[0-9a-f]{64}$' or jsonb_typeof(p_machine) is distinct from 'object' then
    perform orrery.fail('OR003', 'an agent registers with a name, an identity of 64 hex digits and its machine',
      format('Got name %L, machine %L.', p_name, p_machine), null);
  end if;
  v_hash := sha256(decode(p_identity, 'hex'));
  begin
    select * into v_m from jsonb_to_record(p_machine) as m(host text, boot_id text, version text, cpus integer, memory_bytes bigint,
      public_address text, private_address text, private_port integer, port_min integer, port_max integer, clusters text[],
      incarnation bigint, lineage text, labels jsonb, servers_max integer);
  exception when data_exception then
    perform orrery.fail('OR003', format('agent %s: malformed machine', p_name), sqlerrm, null);
  end;
  if array_ndims(v_m.clusters) > 1 or array_position(v_m.clusters, null) is not null
      or exists (select from unnest(array[v_m.host, v_m.boot_id, v_m.version, v_m.public_address, v_m.private_address] || v_m.clusters) t (word)
        where length(t.word) not between 1 and 255 or t.word ~ '[[:cntrl:]]') then
    perform orrery.fail('OR003', format('agent %s: malformed machine', left(p_name, 64)),
      'A text of it is empty, longer than 255 characters or has control characters, or its clusters are no list of names.', null);
  end if;
  v_m.labels := coalesce(v_m.labels, '{}');
  if orrery.labels_fault(v_m.labels) is not null then
    perform orrery.fail('OR003', format('agent %s: malformed labels', p_name), orrery.labels_fault(v_m.labels),
      'orrery-agentd --label region=eu --label disk=ssd');
  end if;
  if (v_m.incarnation is null) <> (v_m.lineage is null) or v_m.incarnation not between 1 and c_incarnation_max or v_m.lineage !~ '^[0-9a-f]{1,128}$' then
    perform orrery.fail('OR003', format('agent %s: malformed machine', p_name),
      format('It obeyed incarnation %s of lineage %L.', v_m.incarnation, v_m.lineage),
      format('Both are as the last answer gave them, or null; no incarnation is above %s.', c_incarnation_max));
  end if;
  if orrery.login_cluster() is null or (orrery.login_cluster() <> '*' and v_m.clusters <> array[orrery.login_cluster()]) then
    perform orrery.fail('OR010', format('agent %s holds credentials of %s', p_name, array_to_string(v_m.clusters, ', ')),
      format('Its login %s sees %s.', session_user, coalesce('cluster ' || orrery.login_cluster(), 'no cluster')),
      format('SELECT cluster_grant(''*'', %L)', session_user));
  end if;

  perform orrery.incarnation_current();
  select * into v_database from orrery.incarnation i;
  v_refused := orrery.agent_refuse(p_name, v_m.incarnation, v_m.lineage, v_database);
  if v_refused is not null then
    return jsonb_build_object('refused', v_refused);
  end if;

  select * into v_old from orrery.agent a where a.name = p_name for no key update;
  if found then
    if orrery.login_cluster() <> '*' and v_old.clusters <> array[orrery.login_cluster()] then
      perform orrery.fail('OR010', format('agent name %s is held in another cluster', p_name),
        format('Login %s sees cluster %s.', session_user, orrery.login_cluster()), 'Give this agent a name of its own.');
    end if;
    if v_old.identity_hash <> v_hash then
      perform orrery.fail('OR004', format('agent name %s is held by another machine', p_name),
        format('It was registered first at host %s.', v_old.host),
        format('Give this agent a name of its own; or, when that machine is gone for good: SELECT agent_release(%L)', p_name));
    end if;
    v_lease := make_interval(secs => v_old.lease_ms::float8 / 1000);
    select b.beat_at into v_heard from orrery.agent_heartbeat b where b.agent_id = v_old.agent_id;
    if v_old.identity_hash is not null and v_old.state = 'up' and v_old.boot_id <> v_m.boot_id and v_heard > v_now - v_lease then
      perform orrery.fail('OR004', format('agent %s is up elsewhere', p_name),
        format('The same identity was heard of %s s ago from host %s; was the machine cloned?',
          round(extract(epoch from v_now - v_heard), 1), v_old.host),
        format('If it was only rebooted, it may register again in %s s.', ceil(extract(epoch from v_heard + v_lease - v_now))));
    end if;
  end if;
  -- two at once may both become the last that listens: agent_listeners sees to it
  v_listens := (select count(*) from orrery.agent o where o.listens and o.name <> p_name) < orrery.setting('listeners_max');
  begin
    insert into orrery.agent as a (name, state, rule, reason, state_at, registered_at, identity_hash, token_hash, boot_id, host, version,
      public_address, private_address, private_port, port_min, port_max, cpus, memory_bytes, servers_max, labels, clusters, lease_ms, listens)
    select p_name, 'up', 'agent_register', 'registered', v_now, v_now, v_hash, sha256(convert_to(v_token, 'UTF8')), v_m.boot_id, v_m.host,
      v_m.version, v_m.public_address, v_m.private_address, v_m.private_port, v_m.port_min, v_m.port_max, v_m.cpus, v_m.memory_bytes, v_m.servers_max,
      v_m.labels, v_m.clusters,
      v_lease_ms, v_listens
    where v_old.agent_id is null
    returning a.agent_id into v_id;
    if v_id is null then
      v_id := v_old.agent_id;
      update orrery.agent a
      set state = 'up', rule = 'agent_register', reason = 'registered', registered_at = v_now, identity_hash = v_hash,
          token_hash = sha256(convert_to(v_token, 'UTF8')),
          boot_id = v_m.boot_id, host = v_m.host, version = v_m.version, public_address = v_m.public_address,
          private_address = v_m.private_address, private_port = v_m.private_port, port_min = v_m.port_min, port_max = v_m.port_max,
          cpus = v_m.cpus, memory_bytes = v_m.memory_bytes, servers_max = v_m.servers_max, labels = v_m.labels, clusters = v_m.clusters, lease_ms = v_lease_ms,
          listens = v_listens
      where a.agent_id = v_id;
      perform orrery.agent_returned(v_id);
    end if;
  exception
    when check_violation or not_null_violation then
      perform orrery.fail('OR003', format('agent %s: malformed machine', p_name), sqlerrm, null);
    when unique_violation then
      perform orrery.fail('OR004', format('agent name %s was just registered by another', p_name), null, 'Give this agent a name of its own.');
  end;
  with open as (
    select c.command_id from orrery.command c
    where c.agent_id = v_id and c.state = 'claimed'
    order by c.command_id for no key update
  )
  update orrery.command c set state = 'pending', rule = 'agent_register', reason = 'the agent registered anew'
  from open o where c.command_id = o.command_id;
  -- after the commands, as agent_heartbeat, whose inventory may settle some
  insert into orrery.agent_heartbeat (agent_id, beat_at, cpu, memory_used_bytes) values (v_id, v_now, 0, 0)
  on conflict (agent_id) do update set beat_at = excluded.beat_at, digest = null, told_to = null;
  perform orrery.event_add(null, 'agent', v_id::text, 'agent_register', format('%s registered from host %s', p_name, v_m.host),
    p_machine);
  return jsonb_build_object('agent_id', v_id, 'token', v_token, 'heartbeat_ms', orrery.setting('heartbeat_ms'), 'lease_ms', v_lease_ms,
    'listen', v_listens, 'database', jsonb_build_object('system_identifier', v_database.system_identifier,
      'incarnation', v_database.incarnation, 'lineage', encode(v_database.lineage, 'hex')));
end
$$;
comment on function orrery.agent_register(text, text, jsonb) is 'An agent says who and where it is and gets its id and token.';
grant execute on function orrery.agent_register(text, text, jsonb) to orrery_agent;
