-- setting_set: change a setting within its range.
-- Writes: setting, event.                               Locks: the setting's row; lease_ms and heartbeat_ms together.
-- Errors: OR001 unknown, OR003 null, out of range or a lease of less than two heartbeats, OR010 login of one cluster.   Called by: DBA.
create or replace function orrery.setting_set(p_name text, p_value numeric) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_setting orrery.setting;
  v_other   orrery.setting;
  v_lease   numeric;
  v_beat    numeric;
begin
  perform orrery.login_everywhere('setting_set');
  -- two that are judged together are locked together
  perform from orrery.setting s
  where s.name = p_name or p_name in ('lease_ms', 'heartbeat_ms') and s.name in ('lease_ms', 'heartbeat_ms')
  order by s.name for update;
  select * into v_setting from orrery.setting s where s.name = p_name;
  if not found then
    perform orrery.fail('OR001', format('no setting named %L', p_name), null, 'SELECT * FROM setting_status');
  end if;
  if p_value is null or p_value not between v_setting.min_value and v_setting.max_value then
    perform orrery.fail('OR003', format('%s cannot be %s', p_name, coalesce(p_value::text, 'null')),
      format('%s is between %s and %s %s.', p_name, v_setting.min_value, v_setting.max_value, v_setting.unit), v_setting.comment);
  end if;
  if p_name in ('lease_ms', 'heartbeat_ms') then
    select s.* into v_other from orrery.setting s where s.name in ('lease_ms', 'heartbeat_ms') and s.name <> p_name;
    v_lease := case p_name when 'lease_ms' then p_value else v_other.value end;
    v_beat := case p_name when 'lease_ms' then v_other.value else p_value end;
    if v_lease < 2 * v_beat then
      perform orrery.fail('OR003', format('%s cannot be %s while %s is %s', p_name, p_value, v_other.name, v_other.value),
        'A lease lasts two heartbeats at least: an agent whose lease runs out between them loses its servers.',
        format('SELECT setting_set(%L, %s)', v_other.name, case p_name when 'lease_ms' then trunc(p_value / 2) else 2 * p_value end));
    end if;
  end if;
  update orrery.setting s set value = p_value where s.name = p_name;
  perform orrery.event_add(null, 'setting', p_name, 'setting_set',
    format('%s: %s -> %s %s', p_name, v_setting.value, p_value, v_setting.unit),
    jsonb_build_object('from', v_setting.value, 'to', p_value));
end
$$;
comment on function orrery.setting_set(text, numeric) is 'Changes a setting within its range.';
grant execute on function orrery.setting_set(text, numeric) to orrery_admin;
