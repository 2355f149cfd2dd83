-- Catches an incarnation that is lowered, or one raised without ids beyond those that were given.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.incarnation_current() as i, orrery.epoch_next() as e \gset
select lineage as l from orrery.incarnation \gset
select nextval(pg_get_serial_sequence('orrery.command', 'command_id')) as c, nextval('orrery.event_id_seq') as ev, (select last_value from orrery.doorbell_seq) as d \gset
select is(orrery.incarnation_lift(:i - 1, 'test', 'no'), :i::bigint, 'what is above stays');
select is((select lineage from orrery.incarnation), :'l'::bytea, 'with its lineage');
select is(orrery.incarnation_lift(:i + 4, 'test', 'why'), :i::bigint + 5, 'put above');
select is((select (noun_id, reason)::text from orrery.event where rule = 'test'), format('(%s,why)', :i + 5), 'with an event that says why');
select cmp_ok(orrery.epoch_next() & 4294967295, '>', :e & 4294967295, 'epochs');
select cmp_ok(nextval(pg_get_serial_sequence('orrery.command', 'command_id')), '>', :c::bigint + 1000000, 'commands');
select cmp_ok(nextval('orrery.event_id_seq'), '>', :ev::bigint + 1000000, 'and notices go on further on');
select is((select last_value from orrery.doorbell_seq), :d::bigint, 'the doorbell''s sequence is a time and stays');
select * from finish();
rollback;
