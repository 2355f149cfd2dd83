-- Catches a chat server that speaks for sessions of another, of an epoch that is over, or that have ended.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :b, 'Kim') as kim \gset
select epoch as e from orrery.attachment where session_id = :ann \gset
create function pg_temp.names(p_server bigint, p_sessions bigint[], p_epochs bigint[]) returns text[] language sql as $$
  select array_agg(c.name order by n) from unnest(orrery.chat_attached(p_server, p_sessions, p_epochs)) with ordinality c (character_id, cluster, account_id, name, name_key, kind, key, state, created_at, n) $$;
select is(pg_temp.names(:a, array[:kim, :ann, null], array[:e, :e, :e]), array[null, 'Ann', null], 'in the order of asking; of others nothing');
select is(pg_temp.names(:a, array[:ann], array[:e - 1]), array[null::text], 'not under another epoch');
update orrery.attachment set ended = true where session_id = :ann;
select is(pg_temp.names(:a, array[:ann], array[:e]), array[null::text], 'not when it has ended');
select * from finish();
rollback;
