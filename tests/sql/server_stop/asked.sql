-- Catches a stop that is not what was asked for, one that is said twice or of what is not there, and one by who may not.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"run"}', 't'), orrery.server_kind_set('kept', '{"role":"other","command":"run","always_on_key":"k"}', 't');
select orrery.server_request('plain', 'one', 't') ->> 'server_id' as one, orrery.server_request('plain', 'two', 't') ->> 'server_id' as two,
  orrery.server_request('kept', 'k', 't') ->> 'server_id' as kept \gset
select orrery_test.carry_out(:'a') is not null as carried_out \gset
create role orrery_test_dba login in role orrery_admin;
create role orrery_test_other login in role orrery_admin;
create role orrery_test_viewer login in role orrery_viewer;
select orrery.cluster_create('u');
select orrery.cluster_grant('t', 'orrery_test_dba'), orrery.cluster_grant('u', 'orrery_test_other'), orrery.cluster_grant('t', 'orrery_test_viewer');
select jsonb_agg(to_jsonb(s) order by s.server_id) as before, (select count(*) from orrery.event) as events from orrery.server s \gset
select is(orrery_test.as_login('orrery_test_other', format('select orrery.server_stop(%s)', :one)), 'OR001', 'another cluster''s login');
select is(orrery_test.as_login('orrery_test_viewer', format('select orrery.server_stop(%s)', :one)), '42501', 'a viewer');
select is(orrery_test.refusal('select orrery.server_stop(null)') ->> 'code', 'OR001', 'null');
select is(orrery_test.refusal('select orrery.server_stop(-1)') ->> 'code', 'OR001', 'unknown');
select is(orrery_test.refusal('select orrery.server_stop(-1)') ->> 'hint', 'SELECT * FROM server_status', 'and where to look');
select is(orrery_test.refusal(format('select orrery.server_stop(%s, %L)', :one, r)) ->> 'code', 'OR003', 'such a reason') from unnest(array['', E'a\nb', E'\x1b[2J', repeat('x', 201)]) r;
select is((select jsonb_agg(to_jsonb(s) order by s.server_id) from orrery.server s), :'before'::jsonb, 'nothing is changed');
select is((select count(*) from orrery.event), :events::bigint, 'nor told');

select is(orrery_test.as_login('orrery_test_dba', format('select orrery.server_stop(%s)', :one)), 'stopping', 'its own DBA');
select is((select array[state, rule, reason] from orrery.server where server_id = :one), '{stopping,server_stop,"asked by orrery_test_dba"}', 'the row says who');
select is(orrery.server_stop(:two, 'not needed'), 'stopping', 'the answer is its state');
select is((select reason from orrery.event where noun = 'server' and noun_id = :'two' and to_state = 'stopping'), 'not needed', 'the event says why');
select is((select array_agg(server_id order by server_id) from orrery.command where verb = 'stop'), array[:one, :two]::bigint[], 'its agent is told, of no other');
select is(orrery_test.refusal(format('select orrery.server_stop(%s)', :two)) -> 'code', '"OR002"', 'it stops already');
select is(orrery_test.refusal(format('select orrery.server_stop(%s)', :two)) ->> 'detail', 'not needed', 'and why');
select orrery_test.carry_out(:'a') is not null as carried_out \gset
select is((select array_agg(state) from orrery.server where server_id in (:one, :two)), '{stopped,stopped}', 'it is carried out');
select is(orrery_test.refusal(format('select orrery.server_stop(%s)', :two)) ->> 'code', 'OR002', 'it has stopped');

select is(orrery.server_stop(:kept), 'stopping', 'one that is always on too');
select orrery_test.carry_out(:'a') is not null as carried_out \gset
-- a second after the last
select setval('orrery.tick_seq', 1, false) is not null as never_ticked \gset
select orrery.tick(orrery.clock() - interval '1 minute') is not null as ticked \gset
select is((select count(*) from orrery.server where kind = 'kept' and state in ('requested', 'starting') and server_id <> :kept), 1::bigint, 'which is replaced');
select * from finish();
rollback;
