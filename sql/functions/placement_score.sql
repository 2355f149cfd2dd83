-- placement_score: what a policy says of an agent; placement_spread tells of arguments and result. One that fails is replaced by
-- placement_spread, so that servers are placed all the same, and `fault` says so. What a policy of a game does is undone.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: placement_judge.
create or replace function orrery.placement_score(
  p_function text, p_kind jsonb, p_room jsonb, out score double precision, out fault text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_function = 'orrery.placement_packed' then
    score := orrery.placement_packed(p_kind, p_room);
  elsif p_function = 'orrery.placement_spread' then
    score := orrery.placement_spread(p_kind, p_room);
  else
    begin
      perform orrery.policy_begins(p_function);
      execute format('select nullif(%s($1, $2), ''NaN'')', coalesce(to_regprocedure(p_function || '(jsonb, jsonb)')::oid::regproc, p_function::regproc)) into score using p_kind, p_room;
      perform orrery.fail('OR012', 'it has answered', null, null);
    exception when sqlstate 'OR012' then
      null;
    when others then
      fault := format('%s failed: %s', p_function, sqlerrm);
      score := orrery.placement_spread(p_kind, p_room);
    end;
  end if;
end
$$;
comment on function orrery.placement_score(text, jsonb, jsonb) is 'What a placement policy says of an agent.';
