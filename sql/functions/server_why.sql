-- server_why: the story of a server in words, oldest first: who asked, why it was placed where, what its agent was told, how
-- it ended and why it was tried again; the last line says what it is now and what it waits for. Told from events, so also of
-- a server whose row is deleted, for as long as events are kept.
-- Writes: nothing.   Locks: none.
-- Errors: OR001 unknown, also when it is another cluster's; OR003 null.   Called by: DBA, CLI.
create or replace function orrery.server_why(p_server_id bigint) returns table (at timestamptz, words text)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_server orrery.server;
  v_last   orrery.event;
begin
  if p_server_id is null then
    perform orrery.fail('OR003', 'which server?', 'Its number is null.', 'SELECT * FROM server_status');
  end if;
  select * into v_server from orrery.server s where s.server_id = p_server_id;
  select * into v_last from orrery.event e where e.noun = 'server' and e.noun_id = p_server_id::text order by e.event_id desc limit 1;
  if v_server.server_id is null and v_last.event_id is null then
    perform orrery.fail('OR001', format('no server %s', p_server_id), 'Nor is there an event of it that this login may see.',
      'SELECT * FROM server_status');
  end if;
  return query
  select e.recorded_at,
    case
      when e.noun = 'command' then format('%s command for %s: %s', c.verb, a.name, t.why || coalesce(': ' || e.reason, ''))
      else coalesce(t.why || coalesce(': ' || nullif(e.reason, t.why), ''), e.reason) end
    || format(' (%s)', e.rule)
  from (
    select e.event_id, e.noun, e.from_state, e.to_state, e.rule, e.reason, e.recorded_at, null::bigint as command_id
    from orrery.event e where e.noun = 'server' and e.noun_id = p_server_id::text
    union all
    select e.event_id, e.noun, e.from_state, e.to_state, e.rule, e.reason, e.recorded_at, d.command_id
    from orrery.command d join orrery.event e on e.noun = 'command' and e.noun_id = d.command_id::text
    where d.server_id = p_server_id and d.verb in ('start', 'stop') and e.from_state <> 'none') e
  left join orrery.command c on c.command_id = e.command_id
  left join orrery.agent a on a.agent_id = c.agent_id
  left join orrery.transition t on t.machine = e.noun and t.from_state = e.from_state and t.to_state = e.to_state
  order by e.event_id;
  at := v_now;
  words := case
    when v_server.server_id is null then format('now: %s since %s; its row is deleted', coalesce(v_last.to_state, 'ended'), to_char(v_last.recorded_at, 'YYYY-MM-DD HH24:MI:SS'))
    else format('now: %s %s is %s since %s: %s; waits for %s', v_server.kind, v_server.key, v_server.state,
      to_char(v_server.state_at, 'YYYY-MM-DD HH24:MI:SS'), v_server.reason, coalesce(orrery.server_waits_for(p_server_id),
        case when v_server.state = 'stopped' and v_server.fleet is null then format('nothing; to have it again: SELECT server_request(%L, %L, %L)', v_server.kind, v_server.key, v_server.cluster)
          else 'nothing' end)) end;
  return next;
end
$$;
comment on function orrery.server_why(bigint) is 'The story of a server in words; the last line says what it is now and what it waits for.';
grant execute on function orrery.server_why(bigint) to orrery_admin, orrery_viewer;
