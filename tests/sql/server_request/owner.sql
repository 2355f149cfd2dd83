-- Catches two owners of a key, and requests that make no sense.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_request('grid', 'aldra-1', 't') as one \gset
select is(orrery.server_request('grid', 'aldra-1', 't'), :'one'::jsonb, 'asked for twice, one server');
select orrery_test.carry_out(:'a');
select is(orrery.server_request('grid', 'aldra-1', 't') ->> 'state', 'ready', 'ready');
select is(orrery.server_request('grid', 'aldra-1', 't') ->> 'epoch', :'one'::jsonb ->> 'epoch', 'the same epoch');
select orrery.server_stop((:'one'::jsonb ->> 'server_id')::bigint);
select orrery.server_request('grid', 'aldra-1', 't') as two \gset
select isnt(:'two'::jsonb ->> 'server_id', :'one'::jsonb ->> 'server_id', 'one that stops owns its key no more');
select ok((:'two'::jsonb ->> 'epoch')::bigint > (:'one'::jsonb ->> 'epoch')::bigint, 'the next has a higher epoch');
create schema game;
grant usage on schema game to orrery_owner;
create function game.any(p_kind jsonb, p_room jsonb) returns float8 language sql security definer as 'select 1::float8';
select orrery.server_kind_set('arena', '{"command":"arena","placement_function":"game.any"}', 't');
select is(orrery.server_request('arena', '1', 't') ->> 'state', 'requested', 'one whose policy is a game''s is left to the tick, which can be cancelled');
select orrery.tick_servers();
select is(orrery.server_request('arena', '1', 't') ->> 'state', 'starting', 'and placed by it');
select is(orrery_test.refusal($$select orrery.server_request('warp', '1', 't')$$) ->> 'code', 'OR001', 'unknown kind');
select is(orrery_test.refusal($$select orrery.server_request('grid', 'no-such-place', 't')$$) ->> 'code', 'OR001', 'unknown key');
select is(orrery_test.refusal($$select orrery.server_request('grid', null, 't')$$) ->> 'code', 'OR003', 'null');
select is(orrery_test.refusal(format('select orrery.server_request(''grid'', %L, ''t'')', repeat('x', 201))) ->> 'code', 'OR003', 'a key too long');
select is(orrery_test.refusal(format('select orrery.server_stop(%s)', :'one'::jsonb ->> 'server_id')) ->> 'code', 'OR002', 'stops already');
select is(orrery_test.refusal('select orrery.server_stop(-1)') ->> 'code', 'OR001', 'no such server');
select orrery.cluster_create('u');
select is(orrery_test.refusal($$select orrery.server_request('chat', 'main', 'u')$$) ->> 'code', 'OR002', 'stopped cluster');
select orrery.cluster_start('u');
select is(orrery_test.refusal($$select orrery.server_request('grid', '100%s')$$) ->> 'hint', $$SELECT server_request('grid', '100%s', 't')$$, 'the hint completes any statement');
select * from finish();
rollback;
