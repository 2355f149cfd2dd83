-- Catches an agent that nobody rings, or two do, and one listener that rings them all.
begin;
set local client_min_messages = warning;
select no_plan();
update orrery.agent set state = 'stopped', rule = 'test' where state = 'up';
update orrery.agent set listens = false;
select orrery.setting_set('listeners_max', 3);
select orrery_test.agent_up('agent-' || n) ->> 'agent_id' from generate_series(1, 13) n order by n;
create temp view shares as
  select a.name, a.listens, a.relays from orrery.agent a where a.state = 'up';
select orrery.agent_listeners();
select is((select count(*) from shares where listens), 3::bigint, 'three listen');
select is((select count(distinct r ->> 'agent_id') from shares, jsonb_array_elements(relays) r), 10::bigint, 'each of the others has one');
select is((select count(*) from shares, jsonb_array_elements(relays) r), 10::bigint, 'and only one');
select results_eq($$select jsonb_array_length(relays) from shares where listens order by 1$$, array[3, 3, 4], 'shared evenly');
select is((select sum(jsonb_array_length(relays)) from shares where not listens), 0::bigint, 'who does not listen passes nothing on');
update orrery.agent set state = 'lost', rule = 'test' where name in ('agent-1', 'agent-13');
select orrery.agent_listeners();
select is((select count(*) from shares, jsonb_array_elements(relays) r), 8::bigint, 'who is lost is not rung and rings nobody');
create temp table versions as select a.agent_id, a.xmin as version from orrery.agent a;
select orrery.agent_listeners();
select is_empty('select agent_id, xmin from orrery.agent except select * from versions', 'what does not change is not written');
update orrery.agent set private_port = private_port + 1 where name = 'agent-12';
select orrery.agent_listeners();
select is((select count(*) from shares, jsonb_array_elements(relays) r join orrery.agent a on a.agent_id = (r ->> 'agent_id')::bigint and a.private_port = (r ->> 'port')::integer),
  8::bigint, 'one that moved is rung where it is');
update orrery.agent set relays = (select b.relays from orrery.agent b where b.name = 'agent-2') where name = 'agent-3';
select orrery.agent_listeners();
select is((select count(distinct r ->> 'agent_id') from shares, jsonb_array_elements(relays) r), 8::bigint, 'none is rung by two, and another by nobody');
update orrery.agent set relays = '[]' where name = 'agent-2';
select orrery.agent_listeners();
select is((select count(*) from shares, jsonb_array_elements(relays) r), 8::bigint, 'nor forgotten');
select orrery.setting_set('listeners_max', 64);
select orrery.agent_listeners();
select is((select count(*) from orrery.agent where relays <> '[]'), 0::bigint, 'when all listen nothing is passed on');
select * from finish();
rollback;
