-- setting: value of a setting, in the unit its row names.
-- Writes: nothing.                 Locks: none.
-- Errors: OR001 unknown setting.   Called by: everything with a constant.
create or replace function orrery.setting(p_name text) returns numeric
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value numeric;
begin
  select s.value into v_value from orrery.setting s where s.name = p_name;
  if not found then
    perform orrery.fail('OR001', format('no setting named %L', p_name), null, 'SELECT * FROM setting_status');
  end if;
  return v_value;
end
$$;
comment on function orrery.setting(text) is 'Value of a setting in its own unit.';
grant execute on function orrery.setting(text)
  to orrery_admin, orrery_viewer, orrery_agent, orrery_session, orrery_cron, orrery_space_owner;
