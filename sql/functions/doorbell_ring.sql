-- doorbell_ring: wake an agent (null: every agent) when this transaction commits. At most doorbells_per_s commits a
-- second notify; what is suppressed is rung by tick_doorbell. Several rings in one transaction count once.
-- Writes: doorbell_seq (a sequence, so that no row is locked).   Locks: none.
-- Errors: none.   Called by: command_add, cluster_shutdown, tick_doorbell.
create or replace function orrery.doorbell_ring(p_agent_id bigint) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- 128 numbers of the sequence a second: more than the greatest doorbells_per_s.
  v_first bigint := floor(extract(epoch from orrery.clock()))::bigint * 128;
  v_last  bigint;
begin
  if current_setting('orrery.rung', true) is distinct from 'yes' then
    select s.last_value into v_last from orrery.doorbell_seq s;
    if v_last < v_first then
      perform setval('orrery.doorbell_seq', v_first);
    elsif v_last - v_first >= orrery.setting('doorbells_per_s') - 1 then
      return false;
    else
      perform nextval('orrery.doorbell_seq');
    end if;
    perform set_config('orrery.rung', 'yes', true);
  end if;
  perform pg_notify('orrery_doorbell', coalesce(p_agent_id::text, '*'));
  return true;
end
$$;
comment on function orrery.doorbell_ring(bigint) is 'Wakes an agent, or all, at commit; false when there were too many this second.';
