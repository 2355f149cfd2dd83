-- cargo_list: what characters have, on board and in hangars.
create or replace view space.cargo_list as
select c.cluster, n.name as character, c.kind, c.key, c.ore, c.units
from (
  select b.cluster, b.character_id, null as kind, null as key, b.ore, b.units from space.cargo b
  union all
  select h.cluster, h.character_id, h.kind, h.key, h.ore, h.units from space.hangar h
) c
join orrery."character" n on n.character_id = c.character_id;
comment on view space.cargo_list is 'What characters of the sample game have; without kind and key: on board.';
grant select on space.cargo_list to orrery_viewer, orrery_admin;
