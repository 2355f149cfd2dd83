-- Catches an epoch that is given twice, after a restore or failover above all.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.epoch_next() as e1, orrery.epoch_next() as e2 \gset
select ok(:e1 < :e2, 'grows');
select orrery.incarnation_current() as i \gset
select is(:e2::bigint >> 32, :i::bigint, 'begins with the incarnation');
update orrery.incarnation set timeline = timeline + 7;
select is(orrery.incarnation_current(), :i::bigint + 1, 'another timeline raises it');
update orrery.incarnation set system_identifier = 'another';
select is(orrery.epoch_next() >> 32, :i::bigint + 2, 'another database too, before an epoch is given');
select is(orrery.incarnation_current(), :i::bigint + 2, 'once');
select * from finish();
rollback;
