-- place_list: where characters can be.
create or replace view space.place_list as
select p.cluster, p.kind, p.key, p.name, p.size_m from space.place p;
comment on view space.place_list is 'Grids and stations of the sample game.';
grant select on space.place_list to orrery_viewer, orrery_admin;
