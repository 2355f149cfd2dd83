-- Catches chat that goes on taking a player to be where he was, or that he never comes to.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'pat', 'grid', 'aldra-1') as s \gset
create function pg_temp.places(p_chat bigint) returns jsonb language sql as $$
  select coalesce(jsonb_agg(a #>> '{place,key}'), '[]') from jsonb_array_elements(orrery_test.answer(p_chat, 'server_sync') -> 'arrivals') a $$;
create function pg_temp.takes(p_chat bigint, p_key text) returns void language sql as $$
  select orrery_test.answer(p_chat, 'server_sync', quote_literal(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('session_id', session_id, 'epoch', epoch, 'role', 'chat',
    'place', case when p_key is not null then jsonb_build_object('kind', case when p_key ~ 'gate' then 'station' else 'grid' end, 'key', p_key) end))))) from orrery.attachment where server_id = p_chat $$;
select is(pg_temp.places(:chat), '["aldra-1"]', 'he is in the grid');
select orrery_test.handed(:grid, 'pat', 'station', 'aldra-gate');
select pg_temp.takes(:chat, 'aldra-1');
select is(pg_temp.places(:chat), '["aldra-gate"]', 'a report of where he was, which crosses the hand-off, is not taken for the news');
select pg_temp.takes(:chat, 'aldra-gate');
select is(pg_temp.places(:chat), '[]', 'that of where he is, is');
update orrery_test.player set epoch = (select epoch from orrery.session where session_id = :s);
update orrery.server set state = 'stopping' where server_id = :chat;
select orrery_test.handed(:station, 'pat', 'grid', 'aldra-1');
select is(pg_temp.places(:chat), '["aldra-1"]', 'chat that just stops hears of it');
select pg_temp.takes(:chat, null);
select is(pg_temp.places(:chat), '[]', 'who does not say where has taken what there is');
-- he came while there was none
delete from orrery.attachment;
update orrery_test.player set epoch = (select epoch from orrery.session where session_id = :s);
select is(orrery_test.handed(:grid, 'pat', 'station', 'aldra-gate') -> 'chat', 'null', 'none');
select orrery_test.server_made('t', 'chat', 'main') as chat \gset
update orrery_test.player set epoch = (select epoch from orrery.session where session_id = :s);
select is(orrery_test.handed(:station, 'pat', 'grid', 'aldra-1') #>> '{chat,server_id}', :'chat', 'when there is one again he is attached to it');
select is(pg_temp.places(:chat), '["aldra-1"]', 'as it hears');
select * from finish();
rollback;
