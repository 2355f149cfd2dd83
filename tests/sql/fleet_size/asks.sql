-- Catches a policy whose answer is taken though it is none.
begin;
set local client_min_messages = warning;
select no_plan();
create function pg_temp.size(p_policy text, p_args text) returns text language sql as $$
  select format('%s %s', s.size, s.fault) from orrery.fleet_size(jsonb_populate_record(null::orrery.fleet,
    jsonb_build_object('policy', p_policy, 'size_min', 1, 'size_max', 10)), jsonb_build_object('allocated', 2, 'args', p_args::jsonb)) s
$$;
select is(pg_temp.size('orrery.fleet_fixed', '{"size":3}'), '3 ', 'what it says');
select is(pg_temp.size('orrery.fleet_fixed', '{"size":0}'), '1 ', 'size_min at least');
select is(pg_temp.size('orrery.fleet_buffer', '{"buffer":9}'), '10 ', 'size_max at most');
select is(pg_temp.size('orrery.fleet_fixed', '{"size":-3}'), ' policy orrery.fleet_fixed answered -3', 'no size');
select matches(pg_temp.size('orrery_test.none', '{}'), '^ policy orrery_test.none failed: ', 'no policy');
select * from finish();
rollback;
