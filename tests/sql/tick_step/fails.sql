-- Catches a step that is not named while it runs, one whose failure is not told or told without end, and one that cannot be cancelled.
begin;
set local client_min_messages = error;
select no_plan();
create function orrery_test.tells(p_rule text) returns bigint language sql as $$ select count(*) from orrery.event e where e.noun = 'tick' and e.noun_id = 'clusters' and e.rule = p_rule $$;
create or replace function orrery.tick_clusters() returns timestamptz language plpgsql as $$ begin perform orrery.event_add(null, 'test', '1', current_setting('application_name')); return '2030-01-01Z'; end $$;
select is(orrery.tick_step('clusters', null), '2030-01-01Z'::timestamptz, 'it says when something is due');
select is((select rule from orrery.event where noun = 'test'), 'orrery tick: clusters', 'named while it runs');
create or replace function orrery.tick_clusters() returns timestamptz language plpgsql as $$
begin
  perform orrery.event_add(null, 'test', '2', 'half');
  raise query_canceled;
end $$;
select is(orrery.tick_step('clusters', null), null, 'cancelled');
select is((select count(*) from orrery.event where noun = 'test' and noun_id = '2'), 0::bigint, 'undone');
select is((select reason || ' ' || (detail ->> 'code') from orrery.event where noun = 'tick' and noun_id = 'clusters'), 'cancelled: it did not end in its time 57014', 'and told');
select orrery.tick_step('clusters', null);
select is(orrery_test.tells('tick_failed'), 1::bigint, 'once');
select lives_ok($$select orrery.tick_step('no such', null)$$, 'a step that is none fails like one');
select * from finish();
rollback;
