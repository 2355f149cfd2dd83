-- session_command_run: one command of a player: what came of it when it was ordered before, or what the game answers now. Its effect and its
-- result are kept together or not at all; what the game refuses, or fails at, has no effect and may be ordered anew.
-- Returns {"ref","result"} or {"ref","error"}.
-- Writes: session_command, event, once a minute, when the game fails; what the game writes.   Locks: the game's; the caller holds the session.
-- Errors: those that let the whole transaction be tried again (deadlock, serialisation, a lock that did not come); of an entry: OR001 no game
-- takes commands; OR008 another command under this id; OR013 the game's function failed; those of class OR that it raises.
-- Called by: session_command.
create or replace function orrery.session_command_run(
  p_me orrery.server, p_ref jsonb, p_session_id bigint, p_character_id bigint, p_id bigint, p_name text, p_args jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
-- a game asks of its tables what it likes
set enable_seqscan = on
set plan_cache_mode = auto
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_before  record;
  v_handler text;
  v_result  jsonb;
  v_message text;
  v_detail  text;
  v_hint    text;
  v_context text;
begin
  select c.name, c.result into v_before from orrery.session_command c where c.session_id = p_session_id and c.id = p_id;
  if found then
    if v_before.name <> p_name then
      return orrery.entry_error(p_ref, 'OR008', format('command %s of session %s was another: %s', p_id, p_session_id, v_before.name),
        'Each order has a number of its own.');
    end if;
    return jsonb_build_object('ref', p_ref, 'result', v_before.result);
  end if;
  select h.handler into v_handler from orrery.hook h where h.hook = 'command';
  if not found then
    return orrery.entry_error(p_ref, 'OR001', 'no game takes commands here', 'hook_set(''command'', …) registers one.');
  end if;
  begin
    execute format('select %s($1, $2, $3, $4, $5, $6)', v_handler::regproc) into v_result
    using p_me.cluster, p_character_id, p_me.kind, p_me.key, p_name, p_args;
    insert into orrery.session_command (session_id, id, cluster, name, args, result, made_at)
    values (p_session_id, p_id, p_me.cluster, p_name, p_args, coalesce(v_result, '{}'), v_now)
    returning result into v_result;
  exception
    when transaction_rollback or lock_not_available then
      raise;
    when assert_failure or others then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint, v_context = pg_exception_context;
      -- OR007 says that the session is elsewhere, which is not for a game to say
      if sqlstate ~ '^OR' and sqlstate <> 'OR007' then
        return orrery.entry_error(p_ref, sqlstate, v_message, v_hint);
      end if;
      if not exists (
        select from orrery.event e
        where e.noun = 'hook' and e.noun_id = v_handler and e.cluster = p_me.cluster and e.rule = 'session_command' and e.recorded_at > v_now - interval '1 minute') then
        perform orrery.event_add(p_me.cluster, 'hook', v_handler, 'session_command', format('failed at command %s of session %s: %s', p_name, p_session_id, left(v_message, 500)),
          jsonb_build_object('code', sqlstate, 'detail', left(v_detail, 1000), 'context', left(v_context, 1000), 'args', p_args));
        raise warning 'hook % fails at command %: % %', v_handler, p_name, sqlstate, left(v_message, 500);
      end if;
      return orrery.entry_error(p_ref, 'OR013', format('%s cannot be done now', p_name), 'Something is wrong with the game: try again later.');
  end;
  return jsonb_build_object('ref', p_ref, 'result', v_result);
end
$$;
comment on function orrery.session_command_run(orrery.server, jsonb, bigint, bigint, bigint, text, jsonb) is 'One command of a player: what came of it before, or comes of it now.';
