-- Fixtures for the control plane: agents that are played by hand, a clock that can be moved, refusals as JSON.
-- For tests run as a superuser, inside a transaction that is rolled back.
create schema if not exists orrery_test;

-- Moves the clock that everything is judged by, for this transaction.
create or replace function orrery_test.clock_advance(p_by interval) returns void
language plpgsql as $$
begin
  perform set_config('orrery_test.offset',
    (coalesce(nullif(current_setting('orrery_test.offset', true), ''), '0')::interval + p_by)::text, true);
  create or replace function orrery.clock() returns timestamptz language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
    as 'select clock_timestamp() + current_setting(''orrery_test.offset'')::interval';
end
$$;

-- Registers an agent as its daemon does; p_machine replaces members of a roomy machine. Answers {"agent_id","token",…}.
create or replace function orrery_test.agent_up(p_name text, p_machine jsonb default '{}', p_identity text default null) returns jsonb
language sql as $$
  select orrery.agent_register(p_name, coalesce(p_identity, encode(sha256(p_name::bytea), 'hex')), jsonb_build_object(
    'host', p_name || '-host', 'boot_id', 'boot-1', 'version', '0', 'cpus', 8, 'memory_bytes', 34359738368,
    'public_address', '192.0.2.1', 'private_address', '10.0.0.1', 'private_port', 7000, 'port_min', 21000, 'port_max', 21099,
    'clusters', jsonb_build_array('t', 'u')) || p_machine)
$$;

create or replace function orrery_test.beat(p_agent jsonb, p_inventory jsonb default null, p_digest text default '00') returns jsonb
language sql as $$
  select orrery.agent_heartbeat((p_agent ->> 'agent_id')::bigint, p_agent ->> 'token', '{"cpu":0.1,"memory_used_bytes":1}', p_digest, p_inventory)
$$;

create or replace function orrery_test.report(p_agent jsonb, p_reports jsonb) returns void
language sql as $$
  select orrery.agent_report((p_agent ->> 'agent_id')::bigint, p_agent ->> 'token', p_reports)
$$;

-- Heartbeats and carries out what comes: starts become ready, stops exit. Answers the commands.
create or replace function orrery_test.carry_out(p_agent jsonb) returns jsonb
language plpgsql as $$
declare
  v_commands jsonb := coalesce(orrery_test.beat(p_agent) -> 'commands', '[]');
begin
  perform orrery_test.report(p_agent, coalesce((
    select jsonb_agg(r.report order by c.n, r.n)
    from jsonb_array_elements(v_commands) with ordinality c(command, n),
    lateral (values
      (1, jsonb_build_object('command_id', c.command -> 'command_id', 'ok', true)),
      (2, case c.command ->> 'verb'
        when 'start' then jsonb_build_object('server_id', c.command -> 'server_id', 'epoch', c.command -> 'epoch', 'state', 'ready', 'pid', 4242)
        when 'stop' then jsonb_build_object('server_id', c.command -> 'server_id', 'epoch', c.command -> 'epoch', 'state', 'exited',
          'exit_code', 0, 'reason', 'exit status 0') end)) r(n, report)
    where r.report is not null), '[]'));
  return v_commands;
end
$$;

-- How a statement is refused: {"code","message","detail","hint"}; null when it is not.
create or replace function orrery_test.refusal(p_statement text) returns jsonb
language plpgsql as $$
declare
  v_detail text;
  v_hint text;
begin
  execute p_statement;
  return null;
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  return jsonb_build_object('code', sqlstate, 'message', sqlerrm, 'detail', v_detail, 'hint', v_hint);
end
$$;

-- A cluster t that runs: its servers were started by the answered agent.
create or replace function orrery_test.cluster_up(p_cluster text default 't', p_machine jsonb default '{}') returns jsonb
language plpgsql as $$
declare
  v_agent jsonb := orrery_test.agent_up('agent-' || p_cluster, p_machine);
begin
  perform orrery.cluster_create(p_cluster);
  perform orrery.cluster_start(p_cluster);
  perform orrery_test.carry_out(v_agent);
  return v_agent;
end
$$;

create or replace function orrery_test.cluster_state(p_cluster text default 't') returns text
language sql as $$ select c.state from orrery.cluster c where c.cluster = p_cluster $$;

-- The server that a request answers, as a row.
create or replace function orrery_test.server_of(p_request jsonb) returns orrery.server
language sql as $$ select s from orrery.server s where s.server_id = (p_request ->> 'server_id')::bigint $$;
