-- Catches a placement policy that does not end and takes the tick with it, or is asked again by each.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.agent_heartbeat;
delete from orrery.port;
update orrery.agent set clusters = '{}';
select orrery_test.cluster_running('t');
select orrery_test.agent_up('a') is not null as up \gset
create schema game;
create role game_owner;
grant usage on schema game to orrery_owner;
create function game.hangs(p_kind jsonb, p_room jsonb) returns float8 language plpgsql security definer as $$
begin
  -- as one that the other tick loop has cancelled
  raise query_canceled;
end
$$;
alter function game.hangs owner to game_owner;
select orrery.server_kind_set('arena', '{"command":"arena","placement_function":"game.hangs"}', 't');
select orrery_test.server_made('t', 'arena', '1', 'requested') as id \gset
select is(orrery.server_place(:id), false, 'it is not placed');
select is((select state || ': ' || reason from orrery.server where server_id = :id),
  'requested: no agent with room: game.hangs was cancelled, it did not end in its time', 'and says why');
select cmp_ok((select abs(extract(epoch from try_at - orrery.clock()) - 30) from orrery.server where server_id = :id), '<', 0.5, 'it is asked again after policy_retry_ms');
select orrery.server_kind_set('arena', '{"placement_function":"orrery.placement_spread"}', 't');
select is(orrery.server_place(:id), true, 'by another policy it is placed');
select * from finish();
rollback;
