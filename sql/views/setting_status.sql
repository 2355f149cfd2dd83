-- setting_status: every setting with its unit, range and reason.
create or replace view orrery.setting_status as
  select s.name, s.value, s.unit, s.min_value, s.max_value, s.comment from orrery.setting s order by s.name;
comment on view orrery.setting_status is 'Settings with unit, range and reason; changed by setting_set.';
grant select on orrery.setting_status to orrery_viewer, orrery_admin;
