-- policy_hung: a loop of the tick had to be ended, since what it called did not end when it was cancelled. Were that called again, no loop
-- would be left: it is not, until it is named again.
-- p_doing: application_name of the loop (policy_begins).
-- Writes: policy_hung, event.   Locks: none.
-- Errors: OR010 login of one cluster.   Called by: tick_loop.
create or replace function orrery.policy_hung(p_doing text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy text;
begin
  perform orrery.login_everywhere('to say that a policy hung');
  for v_policy in
    insert into orrery.policy_hung (policy, hung_at)
    select distinct p.policy, orrery.clock()
    from (select f.policy from orrery.fleet f union select k.placement_function from orrery.server_kind k) p (policy)
    where p.policy not like 'orrery.%' and p_doing ~ '^orrery tick: [a-z]+ .'
      and starts_with(p.policy, substring(p_doing from '^orrery tick: [a-z]+ (.*)$'))
    on conflict (policy) do nothing
    returning policy
  loop
    perform orrery.event_add(null, 'policy', v_policy, 'policy_hung', 'it did not end, not even when it was cancelled: it is called no more until it is named again');
  end loop;
end
$$;
comment on function orrery.policy_hung(text) is 'Has a policy called no more for whose sake a tick loop had to be ended.';
grant execute on function orrery.policy_hung(text) to orrery_cron;
