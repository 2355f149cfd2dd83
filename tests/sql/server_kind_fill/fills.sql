-- Catches a placeholder that a start leaves as it is, and one that nobody sees to be unknown.
begin;
set local client_min_messages = warning;
select no_plan();
create function pg_temp.kind(p_args text[], p_env jsonb) returns orrery.server_kind language sql as $$
  select jsonb_populate_record(null::orrery.server_kind, jsonb_build_object('args', p_args, 'env', p_env, 'ports', '[{"name":"game"}]'::jsonb))
$$;
select is(orrery.server_kind_fill(pg_temp.kind(array['-p', '{port:game}', 'plain'], '{"K":"{key}"}'), '{"port:game":"20000","key":"1"}'),
  '{"args":["-p","20000","plain"],"env":{"K":"1"}}'::jsonb, 'arguments and environment');
select is(orrery.server_kind_fill(pg_temp.kind('{}', '{}'), '{}'), '{"args":[],"env":{}}'::jsonb, 'none');
select is(orrery.server_kind_fill(pg_temp.kind(array['{port:game}', '{last_port:game}', '{cluster}', '{kind}', '{key}', '{server_id}', '{host}', '{private_host}', '{agent}'], '{}'), null) -> 'args',
  '["","","","","","","","",""]'::jsonb, 'all there are');
select is(orrery_test.refusal($$select orrery.server_kind_fill(pg_temp.kind('{x}', '{"K":"{port:rcon}"}'), null)$$) ->> 'code', 'OR003', 'one there is not');
select * from finish();
rollback;
