-- Catches a player who is limited for passwords that were right.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery.login_charge('t', 'account', array_fill('pat'::text, array[10]));
select orrery.login_refund('t', 'account', array['pat', 'pat', null, 'kim']);
select is((orrery.login_charge('t', 'account', array['pat', 'pat', 'pat']))[1:2] , array[0, 0]::bigint[], 'as many as were right');
select cmp_ok((orrery.login_charge('t', 'account', array['pat']))[1], '>', 0::bigint, 'and no more');
select orrery.login_refund('t', 'account', array_fill('pat'::text, array[50]));
select is((select level from orrery.login_limit), 0::float8, 'never more than there were');
select * from finish();
rollback;
