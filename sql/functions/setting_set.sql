-- setting_set: change a setting within its range.
-- Writes: setting, event.                               Locks: the setting's row.
-- Errors: OR001 unknown, OR003 null or out of range, OR010 login of one cluster.   Called by: DBA.
create or replace function orrery.setting_set(p_name text, p_value numeric) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_setting orrery.setting;
begin
  perform orrery.login_everywhere('setting_set');
  select * into v_setting from orrery.setting s where s.name = p_name for update;
  if not found then
    perform orrery.fail('OR001', format('no setting named %L', p_name), null, 'SELECT * FROM setting_status');
  end if;
  if p_value is null or p_value not between v_setting.min_value and v_setting.max_value then
    perform orrery.fail('OR003', format('%s cannot be %s', p_name, coalesce(p_value::text, 'null')),
      format('%s is between %s and %s %s.', p_name, v_setting.min_value, v_setting.max_value, v_setting.unit), v_setting.comment);
  end if;
  update orrery.setting s set value = p_value where s.name = p_name;
  perform orrery.event_add(null, 'setting', p_name, 'setting_set',
    format('%s: %s -> %s %s', p_name, v_setting.value, p_value, v_setting.unit),
    jsonb_build_object('from', v_setting.value, 'to', p_value));
end
$$;
comment on function orrery.setting_set(text, numeric) is 'Changes a setting within its range.';
grant execute on function orrery.setting_set(text, numeric) to orrery_admin;
