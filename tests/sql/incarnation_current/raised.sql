-- Catches a database that was restored, failed over or loaded from a dump and goes on giving ids that were given already,
-- or two databases from one backup that cannot be told apart.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.incarnation_current() as i, orrery.epoch_next() as e \gset
select lineage as l from orrery.incarnation \gset
select is(orrery.incarnation_current(), :i::bigint, 'the same database: the same incarnation');
select is((select lineage from orrery.incarnation), :'l'::bytea, 'and lineage');
-- what a failover finds: its own timeline, sequences behind by what was not replicated
update orrery.incarnation set timeline = timeline - 1;
select is(orrery.incarnation_current(), :i::bigint + 1, 'another timeline raises it');
select isnt((select lineage from orrery.incarnation), :'l'::bytea, 'with a lineage of its own');
select is((select octet_length(lineage) from orrery.incarnation), 32, 'of 32 bytes');
select cmp_ok(orrery.epoch_next() & 4294967295, '>', (:e & 4294967295) + 1000000, 'and the ids go on beyond what may have been given');
select lineage as l from orrery.incarnation \gset
-- what a dump loaded into a new cluster finds
update orrery.incarnation set system_identifier = 'another';
select is(orrery.epoch_next() >> 32, :i::bigint + 2, 'another system identifier raises it, before an epoch is given');
select isnt((select lineage from orrery.incarnation), :'l'::bytea, 'with a lineage of its own again');
select is((select count(*) from orrery.event where noun = 'incarnation' and rule = 'incarnation_current' and noun_id = (:i + 2)::text), 1::bigint, 'one event');
-- a blank one
delete from orrery.incarnation;
select is(orrery.incarnation_current(), 1::bigint, 'a new database begins with 1');
select is((select octet_length(lineage) from orrery.incarnation), 32, 'and has a lineage');
select * from finish();
rollback;
