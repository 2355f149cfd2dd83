-- tick_at: when the tick last ran, to a second; null: not since the database was last recovered.
-- Reads: tick_seq.   Errors: none.   Called by: tick, tick_continuous, tick_lease, tick_note, cluster_status.
create or replace function orrery.tick_at() returns timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select case when q.is_called then to_timestamp(q.last_value / 1000.0) end from orrery.tick_seq q);
end
$$;
comment on function orrery.tick_at() is 'When the tick last ran; null never.';
grant execute on function orrery.tick_at() to orrery_admin, orrery_viewer, orrery_cron;
