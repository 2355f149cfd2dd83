-- Catches a client that is sent where its session is not, or to a chat it was taken from.
begin;
set local client_min_messages = warning;
select plan(6);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'One', 'grid', 'aldra-1', 't') as one \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select orrery_test.selected(:login, :s, :e, :one) as selected \gset
create function pg_temp.targets(p_source bigint, p_session bigint) returns jsonb language sql as $$ select orrery.session_targets(v, array[p_session]) -> p_session::text from orrery.server v where v.server_id = p_source $$;
select is(pg_temp.targets(:login, :s), :'selected', 'what session_select answered');
select is(pg_temp.targets(:login, :s) - 'status', (select jsonb_build_object('owner', orrery.server_target(v, :grid, n.epoch), 'chat', orrery.server_target(v, :chat, a.epoch))
  from orrery.server v, orrery.session n join orrery.attachment a using (session_id) where v.server_id = :login and n.session_id = :s), 'each with its own epoch of the session');
select isnt(pg_temp.targets(:login, :s) #> '{owner,epoch}', to_jsonb(:e::bigint), 'a new one');
select isnt(pg_temp.targets(:chat, :s) #> '{owner,link_key}', pg_temp.targets(:login, :s) #> '{owner,link_key}', 'the key is the source''s');
update orrery.attachment set ended = true where session_id = :s;
select is(pg_temp.targets(:login, :s) -> 'chat', 'null', 'no chat any more');
select is(pg_temp.targets(:login, -1), null, 'an unknown session');
select * from finish();
rollback;
