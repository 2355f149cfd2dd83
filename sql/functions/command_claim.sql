-- command_claim: hand an agent its pending commands, and again those that it claimed and has not reported for
-- command_retry_ms; oldest first, at most commands_per_heartbeat. A stop is reported when the process is gone, so being
-- handed out again is ordinary: it counts attempts and leaves no event. A start carries its token only here; once it was
-- handed out it expires no more, its server's deadline is asked about instead (tick_servers).
-- Writes: command, event.   Locks: command (skip locked).
-- Errors: none.             Called by: agent_heartbeat.
create or replace function orrery.command_claim(p_agent_id bigint) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_retry  timestamptz;
  v_answer jsonb;
begin
  perform from orrery.command c where c.agent_id = p_agent_id and c.state in ('pending', 'claimed') limit 1;
  if not found then
    return '[]'::jsonb;
  end if;
  v_retry := v_now - make_interval(secs => orrery.setting('command_retry_ms')::float8 / 1000);
  with due as (
    select c.command_id from orrery.command c
    where c.agent_id = p_agent_id and (c.state = 'pending' or (c.state = 'claimed' and c.claimed_at < v_retry))
      -- what is too late is left to tick_commands
      and (c.expires_at is null or c.expires_at > v_now)
      -- one of an earlier incarnation may have been carried out already; it is voided by tick_identity
      and (c.verb <> 'start' or c.epoch >> 32 >= (select i.incarnation from orrery.incarnation i))
    order by c.command_id
    limit orrery.setting('commands_per_heartbeat')::bigint
    for no key update skip locked
  ), claimed as (
    update orrery.command c
    set state = 'claimed', rule = case c.state when 'pending' then 'command_claim' else c.rule end, claimed_at = v_now,
        attempts = c.attempts + 1, expires_at = case when c.verb <> 'start' then c.expires_at end
    from due d where c.command_id = d.command_id
    returning c.command_id, c.verb, c.cluster, c.server_id, c.epoch, c.payload
  )
  select coalesce(jsonb_agg(
    jsonb_build_object('command_id', c.command_id, 'verb', c.verb, 'cluster', c.cluster, 'server_id', c.server_id, 'epoch', c.epoch)
    || case c.verb
      when 'start' then jsonb_build_object('spec', c.payload || jsonb_build_object('token',
        (select s.token from orrery.server s where s.server_id = c.server_id and s.epoch = c.epoch)))
      when 'stop' then c.payload
      else jsonb_build_object('message', c.payload) end
    order by c.command_id), '[]')
  into v_answer
  from claimed c;
  return v_answer;
end
$$;
comment on function orrery.command_claim(bigint) is 'Hands an agent the commands it must carry out.';
