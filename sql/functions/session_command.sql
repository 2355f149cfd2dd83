-- session_command: what players ordered that is to last: run by the function of the hook `command`, each in the order given, its result kept in
-- the transaction of its effect. Asked again by the same id it answers the same and does nothing.
-- p_commands: [{"ref","session_id","epoch","id","name","args":{…}}] → [{"ref","result":{…}}] or {"ref","error"}, which spoils no other.
-- Writes: what session_command_run writes.   Locks: session, in key order; those of session_command_run, in the order of the commands.
-- Errors: those of server_identity, batch_check and session_command_run; of an entry: OR003 malformed; OR007 the session is not this server's.
-- Called by: src/pg/control_api (role zone).
create or replace function orrery.session_command(p_server_id bigint, p_epoch bigint, p_token text, p_commands jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me      orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'zone');
  v_command record;
  v_session record;
  v_answers jsonb := '[]'::jsonb;
begin
  perform orrery.batch_check('p_commands', p_commands);
  -- those that are this server's; whose owner changes while they are waited for is seen below
  perform from orrery.session s
  where s.session_id = any(array(
      select case when (c.value -> 'session_id')::text ~ '^[0-9]{1,18}$' then (c.value ->> 'session_id')::bigint end from jsonb_array_elements(p_commands) c (value)))
    and s.server_id = v_me.server_id
  order by s.session_id for no key update;
  for v_command in
    select c.value -> 'ref' as ref, c.value ->> 'name' as name, coalesce(c.value -> 'args', '{}') as args,
      case when (c.value -> 'session_id')::text ~ '^-?[0-9]{1,18}$' then (c.value ->> 'session_id')::bigint end as session_id,
      case when (c.value -> 'epoch')::text ~ '^-?[0-8]?[0-9]{1,18}$' then (c.value ->> 'epoch')::bigint end as epoch,
      -- up to 2⁶³ - 1
      case when (c.value -> 'id')::text ~ '^[1-9][0-9]{0,17}$' or (c.value -> 'id')::text ~ '^[1-9][0-9]{18}$' and (c.value -> 'id')::text collate "C" <= '9223372036854775807'
        then (c.value ->> 'id')::bigint end as id
    from jsonb_array_elements(p_commands) with ordinality c (value, n) order by c.n
  loop
    if v_command.session_id is null or v_command.epoch is null or v_command.id is null then
      v_answers := v_answers || orrery.entry_error(v_command.ref, 'OR003', 'session_id, epoch and id are numbers', 'An id is between 1 and 9223372036854775807.');
    elsif v_command.name is null or v_command.name !~ '^[a-z_]{1,32}$' then
      v_answers := v_answers || orrery.entry_error(v_command.ref, 'OR003', 'the name of a command has 1 to 32 of a to z and _', 'Use one that the game knows.');
    elsif jsonb_typeof(v_command.args) <> 'object' or octet_length(v_command.args::text) > 4096 then
      v_answers := v_answers || orrery.entry_error(v_command.ref, 'OR003', 'args is an object of 4096 bytes at most', 'Say less in one command.');
    else
      select s.character_id, s.server_id, s.epoch, s.state into v_session from orrery.session s where s.session_id = v_command.session_id;
      if not found or v_session.server_id <> v_me.server_id or v_session.epoch <> v_command.epoch or v_session.state <> 'playing' then
        v_answers := v_answers || orrery.session_lost(v_command.ref, v_command.session_id, v_command.epoch);
      else
        v_answers := v_answers || orrery.session_command_run(v_me, v_command.ref, v_command.session_id, v_session.character_id, v_command.id,
          v_command.name, v_command.args);
      end if;
    end if;
  end loop;
  return v_answers;
end
$$;
comment on function orrery.session_command(bigint, bigint, text, jsonb) is 'Runs what players ordered that is to last, each once.';
grant execute on function orrery.session_command(bigint, bigint, text, jsonb) to orrery_session;
