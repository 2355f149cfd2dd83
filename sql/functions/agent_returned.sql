-- agent_returned: an agent is heard of anew: it has start_slack_ms to say what became of its servers before they are judged
-- late. The caller asks it what it runs.
-- Writes: server.deadline_at.   Locks: server (skip locked: who holds one decides about it just now, and may hold others of it
-- in the order of its cluster, whose lock a registration does not take); the caller holds the agent's.
-- Errors: none.                 Called by: agent_heartbeat, agent_register.
create or replace function orrery.agent_returned(p_agent_id bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_later timestamptz := orrery.clock() + make_interval(secs => orrery.setting('start_slack_ms')::float8 / 1000);
begin
  with late as (
    select s.server_id from orrery.server s
    where s.agent_id = p_agent_id and s.state in ('starting', 'stopping') and s.deadline_at < v_later
    order by s.server_id for no key update skip locked
  )
  update orrery.server s set deadline_at = v_later from late l where s.server_id = l.server_id;
end
$$;
comment on function orrery.agent_returned(bigint) is 'Gives an agent that is heard of anew time to say what it runs.';
