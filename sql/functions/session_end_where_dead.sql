-- session_end_where_dead: end the live sessions of a cluster whose server does not live, since nobody else will.
-- Writes: what session_end_all writes.   Locks: those of session_end_all.
-- Errors: none.                          Called by: cluster_advance.
create or replace function orrery.session_end_where_dead(p_cluster text, p_rule text, p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids bigint[];
begin
  select array_agg(d.session_id) into v_ids
  from (
    select s.session_id
    from orrery.session s join orrery.server v on v.server_id = s.server_id
    where s.cluster = p_cluster and s.state <> 'ended' and (s.state = 'orphaned' or v.state in ('requested', 'stopped', 'failed'))
    order by s.session_id
    for no key update of s
  ) d;
  if v_ids is not null then
    perform orrery.session_end_all(v_ids, p_rule, p_reason);
  end if;
end
$$;
comment on function orrery.session_end_where_dead(text, text, text) is 'Ends sessions whose server does not live.';
