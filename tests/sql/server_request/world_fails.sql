-- Catches a mistake of a game's world function that comes without a code, or that starts a server.
begin;
set local client_min_messages = error;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.world_kind_made('t');
select throws_ok(format('select orrery.server_request(''odd'', %L, ''t'')', key), code, null, key)
from (values ('P0001', 'OR013'), ('22012', 'OR013'), ('42P01', 'OR013'), ('OR001', 'OR001'), ('OR002', 'OR002'), ('40001', '40001'), ('40P01', '40P01'), ('55P03', '55P03')) e (key, code);
select is((select count(*) from orrery.server where kind = 'odd'), 0::bigint, 'none is asked for');
select is(orrery.server_request('odd', 'fine', 't') ->> 'state', 'requested', 'but where it says that there is a place');
select * from finish();
rollback;
