-- Catches a restored or failed-over database that goes on without a word, so that epochs would be given twice.
begin;
set local client_min_messages = warning;
select plan(5);
select orrery.tick_identity();
select incarnation as i from orrery.incarnation \gset
select count(*) as events from orrery.event where noun = 'incarnation' \gset
select orrery.tick_identity();
select is((select incarnation from orrery.incarnation), :i::bigint, 'the same database: nothing');
select is((select count(*) from orrery.event where noun = 'incarnation'), :events::bigint, 'no event either');
update orrery.incarnation set system_identifier = 'another';
select orrery.tick_identity();
select is((select incarnation from orrery.incarnation), :i::bigint + 1, 'another one raises the incarnation before anything is decided');
select is((select system_identifier from orrery.incarnation), (select system_identifier::text from pg_control_system()), 'and is known from then on');
select is((select count(*) from orrery.event where noun = 'incarnation' and noun_id = (:i + 1)::text), 1::bigint, 'with an event');
select * from finish();
rollback;
