-- command_done: an agent reports a command. What is settled already (reported twice, or void since its server has exited)
-- stays as it is and is no surprise. False when it is not this agent's command.
-- Writes: command, server.token (forgotten once the process has it), event.   Locks: command, server.
-- Errors: OR003 not said whether it was done.   Called by: agent_report.
create or replace function orrery.command_done(p_agent_id bigint, p_command_id bigint, p_ok boolean, p_error text) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_command orrery.command;
begin
  if p_ok is null then
    perform orrery.fail('OR003', format('a report of command %s does not say whether it was done', p_command_id),
      'It has no member ok.', 'ok is true or false.');
  end if;
  select * into v_command from orrery.command c where c.command_id = p_command_id and c.agent_id = p_agent_id for no key update;
  if not found then
    return false;
  end if;
  if v_command.state not in ('pending', 'claimed') then
    return true;
  end if;
  if v_command.state = 'pending' then
    -- claimed before the agent registered anew, reported after
    update orrery.command c set state = 'claimed', rule = 'agent_report' where c.command_id = p_command_id;
  end if;
  update orrery.command c
  set state = case when p_ok then 'done' else 'failed' end, rule = 'agent_report', reason = p_error
  where c.command_id = p_command_id;
  if v_command.verb = 'start' and p_ok then
    update orrery.server s set token = null where s.server_id = v_command.server_id and s.epoch = v_command.epoch;
  end if;
  return true;
end
$$;
comment on function orrery.command_done(bigint, bigint, boolean, text) is 'Settles a command that an agent reported.';
