-- Catches a session that changes hands in part: owner without epoch, character without state, a chat server that is forgotten.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b']) n;
update orrery.character set state = jsonb_build_object('of', name);
select array_agg(session_id order by session_id) as ids, array_agg(epoch order by session_id) as epochs, array_agg(character_id order by session_id) as characters from orrery_test.player \gset
update orrery.attachment set taken = true;
select orrery.session_move(v, :'epochs', :'ids', :'characters', array[:station, :grid]::bigint[], array[:chat]::bigint[], 1::bigint << 40, 'test') from orrery.server v where server_id = :grid;
select is((select jsonb_object_agg(p.name, jsonb_build_array(s.server_id, s.payload #> '{from,epoch}', s.payload #> '{from,server_id}', s.payload #> '{state,of}', s.taken, s.rule)) from orrery.session s join orrery_test.player p using (session_id)),
  (select jsonb_object_agg(name, jsonb_build_array(case name when 'a' then :station else :grid end, epoch, :grid, upper(name), false, 'test')) from orrery_test.player), 'each to its own server, with its own state');
select ok(bool_and(epoch > 1::bigint << 40), 'above what was said') from orrery.session;
select is((select array_agg(distinct taken) from orrery.attachment), array[false], 'chat is to hear');
select is((select count(*) from orrery.attachment where epoch > 1::bigint << 40), 0::bigint, 'under its epochs');
update orrery.attachment set taken = true;
create temp table kept as select * from orrery.attachment;
update orrery.session set state = 'orphaned';
select orrery.session_move(v, null, :'ids', :'characters', array[:grid, :grid]::bigint[], null, 1::bigint << 40, 'test') from orrery.server v where server_id = :grid;
select is((select array_agg(distinct payload ? 'from') from orrery.session), array[false], 'from nobody');
select set_eq('select * from orrery.attachment', 'select * from kept', 'and chat is as it was');
-- two chat servers, of which one is gone
select orrery_test.server_made('t', 'chat', 'other') as other \gset
select orrery.session_move(v, :'epochs', :'ids', :'characters', array[:station, :station]::bigint[], array[:other]::bigint[], 1::bigint << 40, 'test') from orrery.server v where server_id = :grid;
select is((select array_agg(distinct (server_id, taken, epoch > 1::bigint << 40)::text) from orrery.attachment), array[format('(%s,f,t)', :other)], 'who has none is given one that is');
select * from finish();
rollback;
