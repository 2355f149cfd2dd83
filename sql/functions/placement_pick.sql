-- placement_pick: the agent that a kind's policy likes best of those on which a server of it can run now, or null; and why, in words.
-- p_failed_on, p_agent_id: as placement_judge's.
-- Writes: nothing.   Locks: none; server_place checks again under the agent's lock.
-- Errors: none.      Called by: server_place, tick_drains, server_waits_for.
create or replace function orrery.placement_pick(
  p_cluster text, p_kind text, p_failed_on bigint default null, p_agent_id bigint default null, out agent_id bigint, out reason text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind   orrery.server_kind;
  v_judged record;
  v_lack   text;
  v_no     text[] := '{}'::text[];
  v_yes    bigint := 0;
  v_all    bigint := 0;
  v_best   record;
begin
  select * into v_kind from orrery.server_kind k where k.cluster = p_cluster and k.kind = p_kind;
  for v_judged in select * from orrery.placement_judge(v_kind, p_failed_on, p_agent_id) loop
    v_all := v_all + 1;
    if v_judged.no is null and agent_id is null then
      v_lack := orrery.port_lack(a, v_kind) from orrery.agent a where a.agent_id = v_judged.agent_id;
      if v_lack is null then
        agent_id := v_judged.agent_id;
        v_best := v_judged;
      else
        v_judged.no := v_lack;
      end if;
    end if;
    if v_judged.no is null then
      v_yes := v_yes + 1;
    else
      v_no := v_no || (v_judged.agent || ' ' || v_judged.no);
    end if;
  end loop;
  if agent_id is null then
    v_no := array(select n from unnest(v_no) n order by n);
    reason := 'no agent with room: ' || coalesce(nullif(array_to_string(v_no[1:5], ', '), '')
      || case when cardinality(v_no) > 5 then format(' and %s more', cardinality(v_no) - 5) else '' end,
      case when exists (select from orrery.agent) then 'none holds a credential of ' || p_cluster else 'none is registered' end);
    return;
  end if;
  reason := case
    when v_yes = 1 and v_all = 1 then 'the only agent'
    when v_yes = 1 then format('the only one of %s with room', v_all)
    when v_best.fault is not null or v_kind.placement_function = 'orrery.placement_spread' then format('least loaded of %s', v_yes)
    else format('highest of %s by %s', v_yes, v_kind.placement_function) end
    || format(': %s %% reserved', round((v_best.reserved * 100)::numeric)) || coalesce('; ' || v_best.fault, '');
end
$$;
comment on function orrery.placement_pick(text, text, bigint, bigint) is 'The best agent with room for a kind of server, and why it or why none.';
