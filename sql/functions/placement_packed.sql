-- placement_packed: a placement policy: the agent on which the most is reserved and that has room still, so that others stay empty
-- and can be given back.
-- Arguments and result: as placement_spread's.   Called by: placement_score.
create or replace function orrery.placement_packed(p_kind jsonb, p_room jsonb) returns double precision
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (p_room ->> 'reserved')::float8 - (p_room ->> 'cpu')::float8 / 1000;
end
$$;
comment on function orrery.placement_packed(jsonb, jsonb) is 'Placement policy: the fullest agent that has room.';
