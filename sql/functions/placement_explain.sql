-- placement_explain: what would become of a server of a kind now: every agent's verdict, best first, and nothing is placed.
-- p_spec: members of the kind's specification to try instead of what it has, as for server_kind_set.
-- Returns agent, verdict (taken, suitable, or why not), score. A login of one cluster is told only of what that cluster has reserved.
-- Writes: nothing.   Locks: none.
-- Errors: OR001 unknown kind; OR003 a value that does not fit; those of server_kind_with and cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.placement_explain(p_kind text, p_cluster text default null, p_spec jsonb default '{}')
returns table (agent text, verdict text, score double precision)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name    text := orrery.cluster_resolve(p_cluster, replace(format('placement_explain(%L', p_kind), '%', '%%') || ', %L)');
  v_kind    orrery.server_kind;
  v_judged  record;
  v_taken   boolean := false;
  v_message text;
begin
  select * into v_kind from orrery.server_kind k where k.cluster = v_name and k.kind = p_kind;
  if not found then
    perform orrery.fail('OR001', format('cluster %s has no kind of server named %L', v_name, left(p_kind, 64)),
      format('It has: %s.', (select string_agg(k.kind, ', ' order by k.kind) from orrery.server_kind k where k.cluster = v_name)), null);
  end if;
  v_kind := orrery.server_kind_with(v_kind, p_spec);
  begin
    -- there is one, so that nothing is inserted; what no kind may be is refused before that is seen
    insert into orrery.server_kind select v_kind.* on conflict (cluster, kind) do nothing;
  exception when integrity_constraint_violation or data_exception then
    get stacked diagnostics v_message = message_text;
    perform orrery.fail('OR003', format('kind %s cannot be so', left(p_kind, 64)), v_message, 'See the comments of table orrery.server_kind.');
  end;
  for v_judged in select * from orrery.placement_judge(v_kind) loop
    agent := v_judged.agent;
    score := v_judged.score;
    verdict := coalesce(v_judged.no, (select orrery.port_lack(a, v_kind) from orrery.agent a where a.agent_id = v_judged.agent_id));
    if verdict is null then
      verdict := case when v_taken then 'suitable' else 'taken' end || format(': %s %% reserved', round((v_judged.reserved * 100)::numeric))
        || coalesce('; ' || v_judged.fault, '');
      v_taken := true;
    end if;
    return next;
  end loop;
end
$$;
comment on function orrery.placement_explain(text, text, jsonb) is 'Every agent''s verdict on a server of a kind, without placing one.';
grant execute on function orrery.placement_explain(text, text, jsonb) to orrery_admin;
