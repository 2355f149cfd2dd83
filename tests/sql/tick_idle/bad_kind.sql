-- Catches one kind whose game is broken, or a cluster that is stopped just then, that keeps the always-on servers of all others away.
begin;
set local client_min_messages = error;
select no_plan();
select orrery_test.agent_up('a', '{"clusters":["t","u"]}') as a \gset
create function orrery_test.world_of_no_use(text, text, text) returns jsonb language plpgsql as $$ begin raise exception 'no such world'; end $$;
select orrery_test.cluster_running('t');
select orrery_test.cluster_running('u');
select orrery.server_kind_set('alpha', '{"role":"other","command":"true","always_on_key":"main"}', 't');
update orrery.server_kind set world_function = 'orrery_test.world_of_no_use' where cluster = 't' and kind = 'alpha';
select orrery.tick_step('idle', null);
select is((select count(*) from orrery.server where kind in ('login', 'chat') and cluster in ('t', 'u')), 4::bigint, 'all others are requested');
select is((select count(*) from orrery.server where kind = 'alpha'), 0::bigint, 'the bad one is not');
select is((select array_agg(e.reason || ' ' || e.cluster) from orrery.event e where e.noun = 'kind' and e.noun_id = 'alpha' and e.rule = 'tick_failed'), '{"orrery_test.world_of_no_use failed for alpha main: no such world t"}', 'an event tells');
select is((select count(*) from orrery.event e where e.noun = 'tick' and e.rule = 'tick_failed'), 0::bigint, 'the step itself went well');
select orrery.tick_step('idle', null);
select is((select count(*) from orrery.event e where e.noun = 'kind' and e.rule = 'tick_failed'), 1::bigint, 'once a minute');
select * from finish();
rollback;
