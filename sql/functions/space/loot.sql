-- loot: command: {"junk":id}: take a piece of junk on board, whole; whoever is first has it. The grid has news of it.
-- Writes: junk, cargo; what news_add writes.   Locks: junk; those of news_add.
-- Errors: OR001 none is named, or it is not here (any more); OR003 no number; those of cargo_add.   Called by: command_run.
create or replace function space.loot(p_cluster text, p_character_id bigint, p_kind text, p_key text, p_args jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id   bigint := space.order_number(p_args, 'junk', 1, 9223372036854775807);
  v_junk space.junk;
begin
  delete from space.junk j where j.junk_id = v_id and j.cluster = p_cluster and j.kind = p_kind and j.key = p_key returning * into v_junk;
  if not found then
    perform orrery.fail('OR001', 'it is not there any more', 'Somebody was faster, or it never was here.', 'Look for another.');
  end if;
  perform space.cargo_add(p_cluster, p_character_id, v_junk.ore, v_junk.units);
  perform orrery.news_add(p_kind, p_key, jsonb_build_object('junk_gone', v_junk.junk_id), p_cluster);
  return jsonb_build_object('junk', v_junk.junk_id, 'ore', v_junk.ore, 'units', v_junk.units);
end
$$;
comment on function space.loot(text, bigint, text, text, jsonb) is 'A piece of junk is taken on board.';
