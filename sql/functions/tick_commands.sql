-- tick_commands: what was not done in its time expires: a tell is of no use any more; of a start that its agent never
-- fetched the server is planned anew at once, which is no failure of the server. A stop waits until its server is accounted for.
-- Writes: command, event; what server_exited writes.   Locks: cluster, agent, placement, server, then those of server_exited.
-- It waits for no agent, which may hold its servers and wait for its commands, nor for any server: what is busy is done by the
-- next tick.
-- Errors: none.   Called by: tick_step.
create or replace function orrery.tick_commands() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_command orrery.command;
  v_gone    bigint[] := '{}'::bigint[];
begin
  if not exists (select from orrery.command c where c.state in ('pending', 'claimed') and c.expires_at <= v_now) then
    return;
  end if;
  for v_command in
    select * from orrery.command c
    where c.state in ('pending', 'claimed') and c.expires_at <= v_now and c.verb = 'start'
    order by c.cluster, c.command_id limit 100
  loop
    perform from orrery.cluster k where k.cluster = v_command.cluster for no key update skip locked;
    continue when not found;
    perform from orrery.agent a where a.agent_id = v_command.agent_id for no key update skip locked;
    continue when not found;
    perform from orrery.placement p where p.server_id = v_command.server_id for no key update;
    perform from orrery.server s where s.server_id = v_command.server_id for no key update skip locked;
    continue when not found;
    v_gone := v_gone || v_command.server_id;
  end loop;
  perform orrery.sessions_lock(v_gone);
  for v_command in
    select * from orrery.command c
    where c.server_id = any(v_gone) and c.state = 'pending' and c.expires_at <= v_now and c.verb = 'start'
    order by c.command_id for no key update skip locked
  loop
    update orrery.command c
    set state = 'expired', rule = 'tick_commands', reason = 'its agent did not fetch it in time'
    where c.command_id = v_command.command_id;
    perform orrery.server_exited(v_command.server_id, v_command.epoch, 'tick_commands', format('%s did not fetch its start',
      (select a.name from orrery.agent a where a.agent_id = v_command.agent_id)));
  end loop;
  with late as (
    select c.command_id from orrery.command c
    where c.state in ('pending', 'claimed') and c.expires_at <= v_now and c.verb = 'tell'
    order by c.command_id limit 1000
    for no key update skip locked
  )
  update orrery.command c
  set state = 'expired', rule = 'tick_commands',
      reason = format('not delivered in %s s', round(extract(epoch from v_now - c.created_at), 1))
  from late l where c.command_id = l.command_id;
end
$$;
comment on function orrery.tick_commands() is 'Lets commands expire, and plans anew what was never begun.';
