-- Catches a policy that is not the one that was named, and a failure that spreads.
begin;
set local client_min_messages = warning;
select no_plan();
create function orrery_test.score(jsonb, jsonb) returns float8 language sql as $$ select ($2 ->> 'servers')::float8 $$;
create function pg_temp.score(p_function text, p_room jsonb) returns text language sql as $$
  select format('%s %s', s.score, s.fault) from orrery.placement_score(p_function, '{}', p_room) s
$$;
select is(pg_temp.score('orrery.placement_spread', '{"reserved":0.5,"cpu":0}'), '-0.5 ', 'spread');
select is(pg_temp.score('orrery.placement_packed', '{"reserved":0.5,"cpu":0}'), '0.5 ', 'packed');
select is(pg_temp.score('orrery_test.score', '{"reserved":0.5,"cpu":0,"servers":7}'), '7 ', 'a game''s');
select matches(pg_temp.score('orrery_test.score', '{"reserved":0.5,"cpu":0,"servers":"x"}'), '^-0.5 orrery_test.score failed: ', 'that fails');
select matches(pg_temp.score('orrery_test.gone', '{"reserved":0.5,"cpu":0}'), '^-0.5 orrery_test.gone failed: ', 'that is gone');
select * from finish();
rollback;
