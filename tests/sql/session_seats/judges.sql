-- Catches a session that is handed over though it is not the caller's any more, a target that is not ready or not locked, or a seat given twice.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b', 'c', 'd', 'e']) n;
select v as me from orrery.server v where server_id = :grid \gset
update orrery.session s set release_at = now(), release_reason = 'superseded' from orrery_test.player p where p.session_id = s.session_id and p.name = 'd';
update orrery.server_kind set sessions_max = 1 where cluster = 't' and kind = 'station';
select orrery_test.handed(:grid, 'e', 'station', 'aldra-gate');
create function pg_temp.seats(p_me orrery.server, p_states text[], p_target bigint, p_locked bigint[], p_waits text default null) returns table (answers text[], targets bigint[], waits text[]) language sql as $$
  select array(select coalesce(a #>> '{error,code}', a #>> '{}') from unnest(s.answers) a), s.targets, s.waits
  from (select array_agg(to_jsonb(name) order by name) as refs, array_agg(session_id order by name) as ids, array_agg(epoch order by name) as epochs, array_agg(character_id order by name) as characters,
    array_agg('station'::text) as kinds, array_agg('aldra-gate'::text) as keys from orrery_test.player) p,
  orrery.session_seats(p_me, p_states, p.refs, p.ids, p.epochs, p.characters, p.kinds, p.keys, p_locked, array_fill(null::jsonb, array[5]), array_fill(p_target, array[5]), array_fill(p_waits, array[5])) s $$;
select is(s.answers::text || s.targets::text, format('{OR006,OR006,OR006,OR007,true}{%s,%s,%s,%s,%s}', :station, :station, :station, :station, :station), 'full; to be released; handed over before')
from pg_temp.seats(:'me', array['playing'], :station, array[:station]::bigint[]) s;
update orrery.server_kind set sessions_max = 3 where cluster = 't' and kind = 'station';
select is((s.answers)::text, '{NULL,NULL,OR006,OR007,true}', 'two seats are left') from pg_temp.seats(:'me', array['playing'], :station, array[:station]::bigint[]) s;
select is((s.answers)::text, '{OR007,OR007,OR007,OR007,true}', 'in another state it is not this caller''s') from pg_temp.seats(:'me', array['waiting'], :station, array[:station]::bigint[]) s;
select is((s.answers[1], s.targets[1], s.waits[1])::text, '(,,"station aldra-gate is busy")', 'one that is not locked is busy') from pg_temp.seats(:'me', array['playing'], :station, '{}') s;
update orrery.server set state = 'stopping' where server_id = :station;
select is((s.answers[1], s.targets[1], s.waits[1])::text, '(,,"station aldra-gate is stopping")', 'one that stops is not ready') from pg_temp.seats(:'me', array['playing'], :station, array[:station]::bigint[]) s;
select is((s.answers[1], s.targets[1], s.waits[1])::text, '(,,because)', 'who has none waits for what he was told') from pg_temp.seats(:'me', array['playing'], null, '{}', 'because') s;
select * from finish();
rollback;
