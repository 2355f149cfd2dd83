-- Catches a hand-off that fails, or names a dead server, because chat is not there.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
update orrery.server set state = 'stopping' where server_id = :chat;
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select is(orrery_test.selected(:login, :s, :e, :one) -> 'chat', 'null'::jsonb, 'no chat');
select is((select count(*)::int from orrery.attachment where session_id = :s), 0, 'no attachment');
select * from finish();
rollback;
