-- session_end_told: end sessions that their servers still take for theirs: they are told at once, find them in server_sync and close the
-- clients. What they had not saved of the characters is lost.
-- Writes: session; what session_end_all and session_tell write.   Locks: those of session_end_all; the caller has locked the servers,
-- or leaves it to tick_idle to tell those that were busy again.
-- Errors: none.   Called by: session_kick, session_open, account_session_end, tick_idle.
create or replace function orrery.session_end_told(p_sessions bigint[], p_rule text, p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids     bigint[];
  v_servers bigint[];
begin
  select array_agg(s.session_id) into v_ids
  from (
    select s.session_id from orrery.session s where s.session_id = any(p_sessions) and s.state <> 'ended' order by s.session_id for no key update
  ) s;
  if v_ids is null then
    return;
  end if;
  perform orrery.session_end_all(v_ids, p_rule, p_reason);
  -- who owns it does not know yet, unlike with ends that it is told of itself
  with untold as (
    update orrery.session s set taken = false
    from orrery.server v where s.session_id = any(v_ids) and v.server_id = s.server_id and v.state in ('ready', 'stopping')
    returning s.server_id
  )
  select array_agg(distinct u.server_id) into v_servers from untold u;
  perform orrery.session_tell(v_servers, p_rule);
end
$$;
comment on function orrery.session_end_told(bigint[], text, text) is 'Ends sessions of servers that do not know yet, and tells them.';
