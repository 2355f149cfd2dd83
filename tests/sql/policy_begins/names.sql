-- Catches a policy that hung and is called again, and a loop of which nobody knows what it waits for.
begin;
set local client_min_messages = warning;
select no_plan();
set local application_name = 'somebody';
select orrery.policy_begins('game.slow');
select is(current_setting('application_name'), 'somebody', 'the name of others stays');
set local application_name = 'orrery tick: fleets';
select orrery.policy_begins('game.slow');
select is(current_setting('application_name'), 'orrery tick: fleets game.slow', 'a loop is named by what it calls');
select orrery.policy_begins(repeat('x', 100));
select is(current_setting('application_name'), rpad('orrery tick: fleets ', 63, 'x'), 'as far as there is room');
insert into orrery.policy_hung values ('game.slow', now());
select is(orrery_test.refusal($$select orrery.policy_begins('game.slow')$$) ->> 'code', 'OR002', 'one that hung is not called');
select * from finish();
rollback;
