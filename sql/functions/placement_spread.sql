-- placement_spread: a placement policy: the agent on which the least is reserved, then the one whose cpus are the least busy.
-- p_kind: the row of server_kind.   p_room: what placement_judge knows of an agent: reserved (share of cpu or memory, whichever is
-- more, before this server), cpu (busy share), servers, of_kind (servers of this kind), labels, cpus, memory_bytes, …
-- Returns the score; the highest is taken, null refuses the agent.
-- Called by: placement_score.
create or replace function orrery.placement_spread(p_kind jsonb, p_room jsonb) returns double precision
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return -(p_room ->> 'reserved')::float8 - (p_room ->> 'cpu')::float8 / 1000;
end
$$;
comment on function orrery.placement_spread(jsonb, jsonb) is 'Placement policy: the least loaded agent.';
