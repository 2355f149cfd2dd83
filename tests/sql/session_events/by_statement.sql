-- Catches a session whose change of state is refused nowhere or leaves no event, when a statement changes many or none; and an event of what did not change.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann, orrery.character_create('kim', 'Kit', 'grid', 'aldra-1', 't') as kit \gset
insert into orrery.session (cluster, account_id, server_id, epoch, rule, reason, state_at, opened_at)
values ('t', :pat, :login, 1, 'test', 'first', '-infinity', now()), ('t', :kim, :login, 2, 'test', 'second', '-infinity', now());
select results_eq($$select cluster, from_state, to_state, rule, reason from orrery.event where noun = 'session' order by event_id$$,
  $$values ('t', 'none', 'selecting', 'test', 'first'), ('t', 'none', 'selecting', 'test', 'second')$$, 'each that is made is an event');
select set_eq($$select noun_id from orrery.event where noun = 'session'$$, $$select session_id::text from orrery.session$$, 'of its own');
select ok((select bool_and(state_at > now() - interval '1 minute') from orrery.session), 'and is dated');
select session_id as a from orrery.session where account_id = :pat \gset
select session_id as b from orrery.session where account_id = :kim \gset
update orrery.session set state = case session_id when :a then 'waiting' else state end, character_id = :ann, rule = 'moved', reason = 'x' where session_id in (:a, :b);
select is((select array_agg((noun_id = :'a', from_state, to_state, rule, reason)::text) from orrery.event where noun = 'session' and from_state <> 'none'),
  '{"(t,selecting,waiting,moved,x)"}', 'of two the one that changed its state');
update orrery.session set taken = not taken;
update orrery.session set state = 'ended' where false;
select is((select count(*) from orrery.event where noun = 'session'), 3::bigint, 'no other event');
select throws_ok($$update orrery.session set state = case state when 'waiting' then 'playing' else 'orphaned' end, rule = 'wrong'$$, 'OR009',
  format('session %s cannot go from selecting to orphaned', :'b'), 'one edge that is not allowed refuses the statement');
select throws_ok(format($$insert into orrery.session (cluster, account_id, server_id, epoch, state, character_id, rule, state_at, opened_at)
  select 't', a, %s, 9, 'playing', %s, 'wrong', now(), now() from unnest(array[%s]) a$$, :grid, :ann, orrery_test.account_made('t', 'lee')), 'OR009', null, 'nor is one born in play');
select throws_ok(format($$insert into orrery.session (cluster, account_id, server_id, epoch, rule, state_at, opened_at) values ('t', %s, %s, 9, 'twice', now(), now())$$, :pat, :login), '23505');
select is((select count(*) from orrery.event where noun = 'session'), 3::bigint, 'what is refused is no event');
update orrery.session set state = 'ended', rule = 'test';
select is((select count(*) from orrery.event where noun = 'session' and to_state = 'ended' and cluster = 't'), 2::bigint, 'two at once are two events');
select is((select array_agg(t.tgname::text order by t.tgname) from pg_trigger t where t.tgrelid = 'orrery.session'::regclass and t.tgfoid = 'orrery.session_events()'::regprocedure
  and t.tgenabled = 'O'), '{session_changed,session_opened}', 'on every insert and update');
select * from finish();
rollback;
