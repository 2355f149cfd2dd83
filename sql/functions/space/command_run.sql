-- command_run: hook: what a player ordered that is to last. The zone judges whether he is near enough and quick enough; here is judged what he has.
-- Commands: mine, jettison and loot in a grid; load and unload at a station. Each answers {"cargo":{ore:units}}, what is on board then, and more.
-- Writes: what they write.   Locks: theirs; the caller holds the character's session, so that nobody else changes his cargo.
-- Errors: OR001 no such command; OR002 not here; theirs.   Called by: session_command, through the hook command.
create or replace function space.command_run(p_cluster text, p_character_id bigint, p_kind text, p_key text, p_name text, p_args jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_where text := case when p_name in ('mine', 'jettison', 'loot') then 'grid' when p_name in ('load', 'unload') then 'station' end;
  v_answer jsonb;
begin
  if v_where is null then
    perform orrery.fail('OR001', format('no command %s', left(p_name, 32)), 'The game does not know it.', 'There are jettison, load, loot, mine and unload.');
  elsif v_where <> p_kind then
    perform orrery.fail('OR002', format('%s is for a %s', p_name, v_where), format('This is %s %s.', p_kind, p_key), format('Go to a %s first.', v_where));
  end if;
  v_answer := case p_name
    when 'mine' then space.mine(p_cluster, p_character_id, p_args)
    when 'jettison' then space.jettison(p_cluster, p_character_id, p_kind, p_key, p_args)
    when 'loot' then space.loot(p_cluster, p_character_id, p_kind, p_key, p_args)
    when 'load' then space.load(p_cluster, p_character_id, p_kind, p_key, p_args)
    when 'unload' then space.unload(p_cluster, p_character_id, p_kind, p_key, p_args) end;
  -- a statement of its own: in that one it would be as it was before
  return v_answer || jsonb_build_object('cargo', space.cargo_of(p_character_id));
end
$$;
comment on function space.command_run(text, bigint, text, text, text, jsonb) is 'What a player of the sample game ordered that is to last.';
grant execute on function space.command_run(text, bigint, text, text, text, jsonb) to orrery_owner;

-- a studio's own that stands there stays
select orrery.hook_set('command', 'space.command_run', false);
