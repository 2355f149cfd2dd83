-- session_places: the servers of the places where sessions are to go. Those that are ready are locked, those that are not are asked for.
-- p_kinds, p_keys, p_answers: of each entry, where it is to go and, of one that is done, its answer.
-- p_noted: the caller notes which wait, and is told when their server is ready: that is not to fall between.
-- Gives of each entry, in order, the server that was found (targets) and, where there is none that is ready, why (waits, as players read it) or the
-- error; of all, those that are locked, so that their seats are counted right (exclusively), and the chat servers that are ready (shared).
-- Who has asked for a server in the same call holds it already: then targets that are busy are not waited for: they wait.
-- Writes: what server_request and command_add write; event, once a minute, when a game's function fails.
-- Locks: for places whose servers are not ready: cluster, those of server_request; then server, in key order.
-- Errors: of an entry: those of server_request.   Called by: session_select, session_hand_off.
create or replace function orrery.session_places(p_me orrery.server, p_refs jsonb[], p_kinds text[], p_keys text[], p_answers jsonb[],
  p_noted boolean, p_rule text, out answers jsonb[], out targets bigint[], out waits text[], out locked bigint[], out chats bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request   jsonb;
  v_requested boolean := false;
  v_place     record;
  v_lock      record;
  v_message   text;
  v_hint      text;
begin
  answers := p_answers;
  with places as (
    select d.kind, d.key, s.server_id
    from (select distinct u.kind, u.key from unnest(p_kinds, p_keys, p_answers) u (kind, key, answer) where u.answer is null) d
    cross join lateral (
      select p.server_id from orrery.placement p where p.cluster = p_me.cluster and p.kind = d.kind and p.key = d.key offset 0) p
    cross join lateral (select s.server_id from orrery.server s where s.server_id = p.server_id and s.state = 'ready' offset 0) s
  )
  select array_agg(p.server_id order by u.n) into targets
  from unnest(p_kinds, p_keys, p_answers) with ordinality u (kind, key, answer, n)
  left join places p on u.answer is null and p.kind = u.kind and p.key = u.key;
  waits := array_fill(null::text, array[cardinality(p_refs)]);
  for v_place in
    select u.kind, u.key, array_agg(u.n) as entries
    from unnest(p_kinds, p_keys, p_answers, targets) with ordinality u (kind, key, answer, target, n)
    where u.answer is null and u.target is null
    group by u.kind, u.key order by u.kind, u.key
  loop
    begin
      v_request := orrery.server_request(v_place.kind, v_place.key, p_me.cluster);
      if p_noted and v_request ->> 'state' <> 'ready' then
        -- whoever makes it ready tells those that wait: not before this one has noted that it does
        perform from orrery.cluster c where c.cluster = p_me.cluster for no key update;
        v_request := orrery.server_request(v_place.kind, v_place.key, p_me.cluster);
      end if;
      v_requested := true;
      for v_lock in select e.n from unnest(v_place.entries) e (n) loop
        -- why, and on which machine, is the operators' to read (server_why)
        waits[v_lock.n] := format('%s %s is %s', v_place.kind, v_place.key, v_request ->> 'state');
        targets[v_lock.n] := case when v_request ->> 'state' = 'ready' then (v_request ->> 'server_id')::bigint end;
      end loop;
    exception when sqlstate 'OR001' or sqlstate 'OR002' or sqlstate 'OR003' or sqlstate 'OR013' then
      get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
      if sqlstate = 'OR013' then
        perform orrery.tick_failed('kind', v_place.kind, p_me.cluster, sqlstate, v_message, '{}');
      end if;
      for v_lock in select e.n from unnest(v_place.entries) e (n) loop
        answers[v_lock.n] := orrery.entry_error(p_refs[v_lock.n], sqlstate, v_message, v_hint);
      end loop;
    end;
  end loop;

  locked := '{}';
  if array_remove(targets, null) <> '{}' then
    chats := orrery.chat_servers(p_me.cluster);
    for v_lock in
      select distinct i.id from unnest(targets || chats) i (id) where i.id is not null order by i.id
    loop
      if v_lock.id = any(chats) then
        perform from orrery.server s where s.server_id = v_lock.id and s.state = 'ready' for share;
        if not found then
          chats := array_remove(chats, v_lock.id);
        end if;
      elsif v_requested then
        perform from orrery.server s where s.server_id = v_lock.id for no key update skip locked;
        if found then
          locked := locked || v_lock.id;
        elsif p_noted then
          perform orrery.command_add(p_me.server_id, 'tell', (
            select jsonb_build_object('tell', 'ready', 'kind', s.kind, 'key', s.key) from orrery.server s where s.server_id = v_lock.id), p_rule);
        end if;
      else
        perform from orrery.server s where s.server_id = v_lock.id for no key update;
        locked := locked || v_lock.id;
      end if;
    end loop;
  end if;
end
$$;
comment on function orrery.session_places(orrery.server, jsonb[], text[], text[], jsonb[], boolean, text)
  is 'Servers of the places where sessions are to go, locked or asked for.';
