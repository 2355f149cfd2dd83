-- doorbell_ring: wake an agent (null: every agent) when this transaction commits. At most doorbells_per_s commits notify
-- in any second: half of them at once, the other half spread over it, so that nobody waits for the second to end. (The
-- generic cell rate algorithm of ITU-T I.371, its theoretical arrival time kept in a sequence.) What is suppressed is rung by
-- tick_doorbell. Several rings in one transaction count once.
-- Writes: doorbell_seq (a sequence, so that no row is locked).   Locks: none.
-- Errors: none.   Called by: command_add, cluster_shutdown, cluster_shutdown_cancel, tick_doorbell.
create or replace function orrery.doorbell_ring(p_agent_id bigint) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now_ms   bigint := floor(extract(epoch from orrery.clock()) * 1000);
  v_burst    bigint := ceil(orrery.setting('doorbells_per_s') / 2);
  v_every_ms bigint := ceil(1000 / greatest(orrery.setting('doorbells_per_s') - v_burst, 1));
  v_due_ms   bigint;
begin
  if current_setting('orrery.rung', true) is distinct from 'yes' then
    select greatest(s.last_value, v_now_ms) into v_due_ms from orrery.doorbell_seq s;
    -- far ahead: the clock was set back since
    if v_due_ms > v_now_ms + 2 * v_burst * v_every_ms then
      v_due_ms := v_now_ms;
    end if;
    if v_due_ms - v_now_ms > (v_burst - 1) * v_every_ms then
      return false;
    end if;
    perform setval('orrery.doorbell_seq', v_due_ms + v_every_ms);
    perform set_config('orrery.rung', 'yes', true);
  end if;
  perform pg_notify('orrery_doorbell', coalesce(p_agent_id::text, '*'));
  return true;
end
$$;
comment on function orrery.doorbell_ring(bigint) is 'Wakes an agent, or all, at commit; false when there were too many this second.';
