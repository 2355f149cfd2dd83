-- session_was_handed: has a server, under its epoch of the session, handed this session to that place, where it is since? Then the answer was lost.
-- Reads: session, character.   Writes: nothing.   Locks: none.
-- Errors: none.                Called by: session_select, session_hand_off, session_seats.
create or replace function orrery.session_was_handed(p_session_id bigint, p_server_id bigint, p_session_epoch bigint, p_character_id bigint,
  p_kind text, p_key text) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from (
      select n.state, n.character_id, n.payload, c.kind, c.key
      from orrery.session n left join orrery."character" c on c.character_id = n.character_id where n.session_id = p_session_id offset 0) n
    where n.state = 'playing' and n.character_id = p_character_id and n.kind = p_kind and n.key = p_key
      and n.payload -> 'from' = jsonb_build_object('server_id', p_server_id, 'epoch', p_session_epoch));
end
$$;
comment on function orrery.session_was_handed(bigint, bigint, bigint, bigint, text, text)
  is 'Has this server handed the session to that place, where it is since?';
