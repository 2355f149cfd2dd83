-- Fixtures of chat: players who are attached to a chat server, and what they say.
-- A cluster t with login server main, chat servers a and b, and grid aldra-1.
create or replace function orrery_test.chat_up(out login bigint, out chat_a bigint, out chat_b bigint, out grid bigint)
language plpgsql as $$
begin
  perform orrery_test.cluster_running('t');
  login := orrery_test.server_made('t', 'login', 'main');
  grid := orrery_test.server_made('t', 'grid', 'aldra-1');
  chat_a := orrery_test.server_made('t', 'chat', 'a');
  chat_b := orrery_test.server_made('t', 'chat', 'b');
end
$$;

-- An account and a character of this name, in play at its place; its session is attached to a chat server.
create or replace function orrery_test.chatter(p_login bigint, p_chat bigint, p_name text, p_key text default 'aldra-1') returns bigint
language plpgsql as $$
declare
  v_account bigint := orrery_test.account_made('t', p_name);
  v_character bigint := orrery.character_create(p_name, p_name, 'grid', p_key, 't');
  v_open jsonb := orrery_test.opened(p_login, v_account);
begin
  if not exists (select from orrery.placement p where p.cluster = 't' and p.kind = 'grid' and p.key = p_key) then
    perform orrery_test.server_made('t', 'grid', p_key);
  end if;
  perform orrery_test.selected(p_login, (v_open ->> 'session_id')::bigint, (v_open ->> 'epoch')::bigint, v_character);
  update orrery.attachment a set server_id = p_chat where a.session_id = (v_open ->> 'session_id')::bigint;
  return (v_open ->> 'session_id')::bigint;
end
$$;

-- An entry of a call of its chat server.
create or replace function orrery_test.chat_entry(p_session bigint, p_rest jsonb) returns jsonb
language sql as $$
  select jsonb_build_object('session_id', a.session_id, 'epoch', a.epoch) || p_rest from orrery.attachment a where a.session_id = p_session
$$;

create or replace function orrery_test.chat_one(p_function text, p_session bigint, p_rest jsonb) returns jsonb
language sql as $$
  select orrery_test.one((select a.server_id from orrery.attachment a where a.session_id = p_session), p_function, orrery_test.chat_entry(p_session, p_rest))
$$;

-- The channel of a session of this kind (and name).
create or replace function orrery_test.chat_in(p_session bigint, p_kind text, p_name text default null) returns bigint
language sql as $$
  select (c.value ->> 'channel_id')::bigint from jsonb_array_elements(orrery_test.chat_one('chat_channels', p_session, '{}') -> 'channels') c
  where c.value ->> 'kind' = p_kind and (p_name is null or c.value ->> 'name' = p_name)
$$;

-- Says it in a channel; the number it was given there.
create or replace function orrery_test.chat_said(p_session bigint, p_channel bigint, p_message_id bigint, p_text text) returns bigint
language sql as $$
  select (orrery_test.chat_one('chat_say', p_session, jsonb_build_object('channel_id', p_channel, 'message_id', p_message_id, 'text', p_text)) #>> '{said,0,number}')::bigint
$$;

-- What a channel holds after a number: "number from: text", in order.
create or replace function orrery_test.chat_heard(p_chat bigint, p_channel bigint, p_after bigint default 0) returns text[]
language sql as $$
  select array(
    select format('%s %s%s: %s', m.value ->> 'number', m.value ->> 'from', ' to ' || (m.value ->> 'to'), m.value ->> 'text')
    from jsonb_array_elements(orrery_test.one(p_chat, 'chat_read', jsonb_build_object('channel_id', p_channel, 'after', p_after, 'limit', 200)) -> 'messages')
      with ordinality m (value, n) order by m.n)
$$;
