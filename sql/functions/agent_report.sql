-- agent_report: what became of commands and servers, in order. Said twice it changes nothing; stale entries are ignored,
-- with an event. A stop that is acknowledged while its server is not reported exited has the agent asked what it runs. Words of
-- a process are cut, and their control characters made blanks, since DBAs are shown them.
-- Writes: command, agent, agent_heartbeat, event; what server_ready, server_exited and server_counted write.
-- Locks: cluster, agent, placement, server, then theirs.
-- Errors: OR001 unknown agent, OR003 malformed, OR004 wrong token, OR010 not this login's.   Called by: src/pg/control_api.
create or replace function orrery.agent_report(p_agent_id bigint, p_token text, p_reports jsonb) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  c_words_max constant integer := 1000;
  v_agent  orrery.agent;
  v_json   jsonb;
  v_report record;
  v_server orrery.server;
  v_fresh  boolean;
  v_gone   bigint[];
  v_settle bigint[];
begin
  perform orrery.call_begin();
  v_agent := orrery.agent_check(p_agent_id, p_token);
  if jsonb_typeof(p_reports) is distinct from 'array' then
    perform orrery.fail('OR003', format('agent %s: reports are an array', v_agent.name), format('Got %L.', p_reports), null);
  end if;
  begin
    -- that a server was told something changes nothing but the command; what it counts, nothing but the server
    perform from orrery.cluster c
    where c.cluster in (
      select s.cluster from jsonb_to_recordset(p_reports) as r(server_id bigint, state text) join orrery.server s on s.server_id = r.server_id
      where r.state is not null
      union
      select d.cluster from jsonb_to_recordset(p_reports) as r(command_id bigint) join orrery.command d on d.command_id = r.command_id and d.verb <> 'tell')
    order by c.cluster for no key update;
    if exists (select from jsonb_to_recordset(p_reports) as r(server_id bigint, state text) where r.server_id is null and r.state = 'stopping') then
      perform from orrery.agent a where a.agent_id = p_agent_id for no key update;
    end if;
    perform orrery.servers_lock((
      select array_agg(s.server_id) from orrery.server s
      where s.agent_id = p_agent_id and s.server_id in (
        select r.server_id from jsonb_to_recordset(p_reports) as r(server_id bigint, state text) where r.state is not null
        union all
        select d.server_id from jsonb_to_recordset(p_reports) as r(command_id bigint) join orrery.command d on d.command_id = r.command_id and d.verb <> 'tell')));
    -- without its cluster's lock a placement is not locked: who gives a server back goes on from the server to it
    perform from orrery.server s
    where s.agent_id = p_agent_id and s.server_id in (
      select r.server_id from jsonb_to_recordset(p_reports) as r(server_id bigint, state text) where r.state is null)
    order by s.server_id for no key update;
    v_gone := (
      select array_agg(s.server_id) from jsonb_to_recordset(p_reports) as r(server_id bigint, epoch bigint, state text)
      join orrery.server s on s.server_id = r.server_id and s.epoch = r.epoch and s.agent_id = p_agent_id where r.state = 'exited');
    perform orrery.sessions_lock(v_gone);
    v_settle := (
      select array_agg(s.server_id) from jsonb_to_recordset(p_reports) as r(server_id bigint, epoch bigint, state text)
      join orrery.server s on s.server_id = r.server_id and s.epoch = r.epoch and s.agent_id = p_agent_id
      where r.state = 'exited' or r.state = 'ready' and s.state = 'starting');
    perform orrery.commands_lock(p_agent_id,
      (select array_agg(r.command_id) from jsonb_to_recordset(p_reports) as r(command_id bigint) where r.command_id is not null), v_settle);
    for v_json in select r.value from jsonb_array_elements(p_reports) with ordinality r(value, n) order by r.n loop
      select * into v_report from jsonb_to_record(v_json)
        as r(command_id bigint, ok boolean, error text, server_id bigint, epoch bigint, state text, pid integer, reason text,
          by_agent boolean, by_lease boolean, counters jsonb);
      if v_report.command_id is null and v_report.server_id is null and v_report.state = 'stopping' then
        update orrery.agent a set state = 'stopped', rule = 'agent_report', reason = 'its operator stopped it'
        where a.agent_id = p_agent_id and a.state <> 'stopped';
        v_fresh := true;
      elsif v_report.command_id is not null then
        v_fresh := orrery.command_done(p_agent_id, v_report.command_id, v_report.ok,
          regexp_replace(left(v_report.error, c_words_max), '[[:cntrl:]]', ' ', 'g'));
      elsif v_report.server_id is null then
        perform orrery.fail('OR003', format('agent %s: a report is about nothing', v_agent.name), format('Got %s.', left(v_json::text, 200)),
          'It names a command_id, a server_id, or has the state stopping.');
      else
        select * into v_server from orrery.server s
        where s.server_id = v_report.server_id and s.agent_id = p_agent_id and s.epoch = v_report.epoch;
        v_fresh := case
          when v_server.server_id is null then false
          when v_report.state = 'ready' then orrery.server_ready(v_report.server_id, v_report.epoch, v_report.pid)
          when v_report.state = 'exited' then v_server.state in ('stopped', 'failed')
            or orrery.server_exited(v_report.server_id, v_report.epoch,
              case when v_report.by_lease then 'lease_over' when v_report.by_agent then 'agent_ended_server' else 'agent_report' end,
              coalesce(regexp_replace(left(v_report.reason, c_words_max), '[[:cntrl:]]', ' ', 'g'), 'exited'))
          when v_report.state is null and v_report.counters is not null then
            orrery.server_counted(v_report.server_id, v_report.epoch, v_report.counters) is null
          else false end;
      end if;
      if not v_fresh then
        perform orrery.event_add((
          select coalesce((select c.cluster from orrery.command c where c.command_id = v_report.command_id),
            (select s.cluster from orrery.server s where s.server_id = v_report.server_id))), 'agent', p_agent_id::text,
          'agent_report_stale', 'ignored: not known or not any more',
          case when length(v_json::text) <= c_words_max then v_json end);
      end if;
    end loop;
  exception when data_exception then
    perform orrery.fail('OR003', format('agent %s: malformed report', v_agent.name), sqlerrm, null);
  end;
  if exists (
    select from jsonb_to_recordset(p_reports) as r(command_id bigint, ok boolean)
    join orrery.command c on c.command_id = r.command_id and c.agent_id = p_agent_id and c.verb = 'stop'
    join orrery.server s on s.server_id = c.server_id and s.epoch = c.epoch and s.state in ('starting', 'ready', 'stopping')
    where r.ok) then
    with asked as (select b.agent_id from orrery.agent_heartbeat b where b.agent_id = p_agent_id for no key update skip locked)
    update orrery.agent_heartbeat b set digest = null from asked a where b.agent_id = a.agent_id;
  end if;
end
$$;
comment on function orrery.agent_report(bigint, text, jsonb) is 'An agent tells what became of commands and servers.';
grant execute on function orrery.agent_report(bigint, text, jsonb) to orrery_agent;
