-- Catches a buffer of the wrong size.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.fleet_buffer(format('{"allocated":%s,"args":%s}', allocated, args)::jsonb), want::bigint, format('%s with %s', allocated, args)) from (values
  (0, '{"buffer":5}', 5), (10, '{"buffer":5}', 15), (0, '{"buffer_percent":20}', 0), (10, '{"buffer_percent":20}', 12), (11, '{"buffer_percent":20}', 14),
  (100, '{"buffer":5,"buffer_percent":20}', 120), (1, '{"buffer":5,"buffer_percent":20}', 6), (1, '{}', null)) v (allocated, args, want);
select * from finish();
rollback;
