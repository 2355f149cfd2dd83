-- policy_begins: a policy of a game is about to be called. In the tick it is named in application_name, so that the other loop
-- knows what it waits for. One that did not even end when it was cancelled is called no more (policy_hung).
-- Writes: nothing; sets application_name, which the caller undoes.   Locks: none.
-- Errors: OR002 it hung.   Called by: fleet_size, placement_score.
create or replace function orrery.policy_begins(p_policy text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_step text := substring(current_setting('application_name') from '^orrery tick: [a-z]+');
begin
  if exists (select from orrery.policy_hung h where h.policy = p_policy) then
    perform orrery.fail('OR002', 'it did not end, not even when it was cancelled', 'It is called no more until it is named again.',
      'SELECT fleet_set or server_kind_set with a policy that ends.');
  end if;
  if v_step is not null then
    perform set_config('application_name', left(v_step || ' ' || p_policy, 63), true);
  end if;
end
$$;
comment on function orrery.policy_begins(text) is 'Names a policy that is about to be called; refuses one that hung.';
