-- Catches sessions of a dead server, or what is attached to them, that are not held before the first is changed.
begin;
set local client_min_messages = warning;
select plan(6);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('pat', 'One', 'grid', 'aldra-1', 't') as one \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select a ->> 'session_id' as k, a ->> 'epoch' as ke from orrery_test.opened(:login, :kim) a \gset
select orrery_test.selected(:login, :s, :e, :one) ->> 'status' as status \gset
update orrery.attachment set taken = true;
create temp view rows as
  select session_id::text as id, state as what, xmax::text as held_by from orrery.session union all select session_id || ' ' || role, role, xmax::text from orrery.attachment;
create temp table before as select * from rows;
-- What is locked since the savepoint, by state and role: a subtransaction has a number of its own.
create function pg_temp.held() returns text[] language sql as $$
  select array_agg(n.what order by n.what) from rows n join before b on b.id = n.id and b.held_by <> n.held_by
$$;
savepoint a;
select is(pg_temp.held(), null, 'nothing is locked yet');
select lives_ok('select orrery.sessions_lock(null), orrery.sessions_lock(''{}'')', 'none is no mistake');
select is(pg_temp.held(), null, 'and locks nothing');
select orrery.sessions_lock(array[:chat]);
select is(pg_temp.held(), '{chat}', 'what is attached to a server');
select orrery.sessions_lock(array[:grid]);
select is(pg_temp.held(), '{chat,playing}', 'its sessions');
select orrery.sessions_lock(array[:chat, :login]);
select is(pg_temp.held(), '{chat,playing,selecting}', 'of all of a set');
select * from finish();
rollback;
