-- Fixtures for what servers and accounts call: made rows of clusters, agents, servers, accounts and characters, each
-- brought to its state by allowed edges. For tests run as a superuser, inside a transaction that is rolled back.
create schema if not exists orrery_test;

create or replace function orrery_test.cluster_running(p_cluster text) returns void
language plpgsql as $$
begin
  if not exists (select from orrery.cluster c where c.cluster = p_cluster) then
    perform orrery.cluster_create(p_cluster);
  end if;
  update orrery.cluster c set state = 'starting', rule = 'test' where c.cluster = p_cluster and c.state = 'stopped';
  update orrery.cluster c set state = 'running', rule = 'test' where c.cluster = p_cluster and c.state = 'starting';
end
$$;

create or replace function orrery_test.agent_made(p_name text default 'test-agent') returns bigint
language plpgsql as $$
declare
  v_agent_id bigint := (select a.agent_id from orrery.agent a where a.name = p_name);
begin
  if v_agent_id is null then
    insert into orrery.agent (name, state, rule, state_at, registered_at, identity_hash, token_hash, boot_id, host, version,
      public_address, private_address, private_port, port_min, port_max, cpus, memory_bytes, lease_ms, clusters)
    values (p_name, 'up', 'test', now(), now(), 'i', 't', 'boot', 'host', '0', '192.0.2.1', '10.0.0.1', 9000, 20000, 29999, 4, 2^33, 15000, '{}')
    returning agent_id into v_agent_id;
  end if;
  return v_agent_id;
end
$$;

-- A server that owns its key, in state p_state (ready, starting, stopping or requested). Its token is token_of(id).
create or replace function orrery_test.server_made(p_cluster text, p_kind text, p_key text, p_state text default 'ready')
returns bigint
language plpgsql as $$
declare
  v_id bigint;
  v_epoch bigint := orrery.epoch_next();
begin
  insert into orrery.server (cluster, kind, key, epoch, rule, state_at, requested_at)
  values (p_cluster, p_kind, p_key, v_epoch, 'test', now(), now()) returning server_id into v_id;
  insert into orrery.placement (cluster, kind, key, server_id, epoch) values (p_cluster, p_kind, p_key, v_id, v_epoch)
  on conflict (cluster, kind, key) do update set server_id = excluded.server_id, epoch = excluded.epoch;
  if p_state <> 'requested' then
    update orrery.server s
    set state = 'starting', agent_id = orrery_test.agent_made(),
        on_isolation = (select k.on_isolation from orrery.server_kind k where k.cluster = p_cluster and k.kind = p_kind), token_hash = sha256(convert_to(orrery_test.token_of(v_id), 'UTF8')),
        public_host = '192.0.2.1', public_port = 20000 + v_id % 4000 * 2, private_host = '10.0.0.1', private_port = 20001 + v_id % 4000 * 2
    where s.server_id = v_id;
  end if;
  if p_state in ('ready', 'stopping') then
    update orrery.server s set state = 'ready' where s.server_id = v_id;
  end if;
  if p_state = 'stopping' then
    update orrery.server s set state = 'stopping' where s.server_id = v_id;
  end if;
  return v_id;
end
$$;

create or replace function orrery_test.token_of(p_server_id bigint) returns text
language sql as $$ select md5('token of ' || p_server_id); $$;

-- The three arguments every call of a server begins with, as SQL text.
create or replace function orrery_test.me(p_server_id bigint) returns text
language sql as $$
  select format('%s, %s, %L', s.server_id, s.epoch, orrery_test.token_of(s.server_id)) from orrery.server s where s.server_id = p_server_id;
$$;

-- The jsonb that a call of a server answers: answer(server, 'server_sync', '''[]''').
create or replace function orrery_test.answer(p_server_id bigint, p_function text, p_arguments text default null) returns jsonb
language plpgsql as $$
declare
  v_answer text;
begin
  execute format('select orrery.%s(%s)', p_function, concat_ws(', ', orrery_test.me(p_server_id), p_arguments)) into v_answer;
  return nullif(v_answer, '')::jsonb;
end
$$;

-- What a batched call answers to one entry, without its ref; an entry's error is raised as such: one(server, 'session_open', entry).
create or replace function orrery_test.one(p_server_id bigint, p_function text, p_entry jsonb) returns jsonb
language plpgsql as $$
declare
  v_answer jsonb;
begin
  execute format('select orrery.%s(%s, %L)', p_function, orrery_test.me(p_server_id), jsonb_build_array('{"ref":1}' || p_entry)) into v_answer;
  v_answer := v_answer -> 0;
  if v_answer ? 'error' then
    raise exception using errcode = v_answer #>> '{error,code}', message = v_answer #>> '{error,message}', hint = v_answer #>> '{error,hint}';
  end if;
  return v_answer - 'ref';
end
$$;

create or replace function orrery_test.opened(p_server_id bigint, p_account_id bigint, p_address text default null, p_device_id bigint default null) returns jsonb
language sql as $$
  select orrery_test.one(p_server_id, 'session_open', jsonb_build_object('account_id', p_account_id, 'address', p_address, 'device_id', p_device_id));
$$;

create or replace function orrery_test.selected(p_server_id bigint, p_session_id bigint, p_session_epoch bigint, p_character_id bigint) returns jsonb
language sql as $$
  select orrery_test.one(p_server_id, 'session_select', jsonb_build_object('session_id', p_session_id, 'epoch', p_session_epoch, 'character_id', p_character_id));
$$;

create or replace function orrery_test.account_made(p_cluster text, p_name text) returns bigint
language plpgsql as $$
begin
  perform orrery.account_create(p_name, '$argon2id$of-' || p_name, p_cluster);
  return (select a.account_id from orrery.account a where a.cluster = p_cluster and a.name = p_name);
end
$$;

-- What a statement answers, as text, when p_login runs it; its SQLSTATE when it fails.
create or replace function orrery_test.as_login(p_login name, p_statement text) returns text
language plpgsql as $$
declare
  v_answer text;
begin
  execute format('set local session authorization %I', p_login);
  execute p_statement into v_answer;
  set local session authorization default;
  return v_answer;
exception when others then
  return sqlstate;
end
$$;

-- A game of the tests' own, with its handlers of timers. They note what they were called with in orrery_test.fired.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'orrery_test_game') then
    create role orrery_test_game nologin;
  end if;
end
$$;
create table if not exists orrery_test.fired (kind text not null, key text not null, payload jsonb not null, batch integer not null);
grant usage on schema orrery_test to orrery_test_game, orrery_owner;
grant usage on schema orrery to orrery_test_game;
grant insert on orrery_test.fired to orrery_test_game;

create or replace function orrery_test.note_fired(p_timers orrery.timer[]) returns void
language sql security definer as $$
  insert into orrery_test.fired select t.timer_kind, t.key, t.payload, cardinality(p_timers) from unnest(p_timers) t;
$$;
alter function orrery_test.note_fired(orrery.timer[]) owner to orrery_test_game;

-- Notes, and then fails when a key begins with bad.
create or replace function orrery_test.note_or_fail(p_timers orrery.timer[]) returns void
language plpgsql security definer as $$
begin
  insert into orrery_test.fired select t.timer_kind, t.key, t.payload, cardinality(p_timers) from unnest(p_timers) t;
  if exists (select from unnest(p_timers) t where t.key like 'bad%') then
    raise exception 'cannot do bad';
  end if;
end
$$;
alter function orrery_test.note_or_fail(orrery.timer[]) owner to orrery_test_game;

create or replace function orrery_test.not_definer(p_timers orrery.timer[]) returns void language sql as $$ select; $$;

-- A function for the hook command: keeps what it was called with in orrery_test.ordered, and fails in the way that its name says.
create table if not exists orrery_test.ordered (n bigint generated always as identity, cluster text, character_id bigint, kind text, key text, name text, args jsonb);
grant insert on orrery_test.ordered to orrery_test_game;
grant execute on function orrery.fail(text, text, text, text) to orrery_test_game;

create or replace function orrery_test.take_order(p_cluster text, p_character_id bigint, p_kind text, p_key text, p_name text, p_args jsonb) returns jsonb
language plpgsql security definer as $$
begin
  insert into orrery_test.ordered (cluster, character_id, kind, key, name, args) values (p_cluster, p_character_id, p_kind, p_key, p_name, p_args);
  case p_name
    when 'refuse' then perform orrery.fail(coalesce(p_args ->> 'code', 'OR002'), 'the hold is full', null, 'Unload first.');
    when 'raise' then raise exception using errcode = coalesce(p_args ->> 'code', 'P0001'), message = 'broken';
    when 'assert' then assert false, 'broken';
    when 'nothing' then return null;
    when 'number' then return '7';
    when 'much' then return jsonb_build_object('a', repeat('x', 9000));
    else null;
  end case;
  return jsonb_build_object('done', p_args);
end
$$;
alter function orrery_test.take_order(text, bigint, text, text, text, jsonb) owner to orrery_test_game;

-- A session in play at a zone, without a login server: {"session_id","epoch"}.
create or replace function orrery_test.playing(p_server_id bigint, p_character_id bigint) returns jsonb
language plpgsql as $$
declare
  v_answer jsonb;
begin
  insert into orrery.session (cluster, account_id, character_id, server_id, epoch, rule, state_at, opened_at)
  select c.cluster, c.account_id, c.character_id, p_server_id, orrery.epoch_next(), 'test', now(), now() from orrery."character" c where c.character_id = p_character_id;
  update orrery.session s set state = 'playing', rule = 'test' where s.character_id = p_character_id and s.state = 'selecting'
  returning jsonb_build_object('session_id', s.session_id, 'epoch', s.epoch) into v_answer;
  return v_answer;
end
$$;

-- What session_command answers to one command, without its ref.
create or replace function orrery_test.command(p_server_id bigint, p_session jsonb, p_id bigint, p_name text, p_args jsonb default '{}') returns jsonb
language sql as $$
  select (orrery_test.answer(p_server_id, 'session_command', format('%L', jsonb_build_array(
    p_session || jsonb_build_object('ref', 'r', 'id', p_id, 'name', p_name, 'args', p_args)))) -> 0) - 'ref'
$$;

-- A character at a place of cluster t that runs there, of an account of its own.
create or replace function orrery_test.character_made(p_name text, p_kind text, p_key text) returns bigint
language plpgsql as $$
begin
  perform orrery_test.account_made('t', lower(p_name));
  return orrery.character_create(lower(p_name), p_name, p_kind, p_key, 't');
end
$$;

-- Players in play. A player who has logged in and been handed to the server of his place, which has taken note: played(login, 'pat', 'grid', 'aldra-1').
create table if not exists orrery_test.player (
  name text primary key, account_id bigint not null, character_id bigint not null, session_id bigint not null, epoch bigint not null, root text not null);

create or replace function orrery_test.played(p_login_id bigint, p_name text, p_kind text, p_key text, p_state jsonb default '{}') returns bigint
language plpgsql as $$
declare
  v_cluster   text := (select s.cluster from orrery.server s where s.server_id = p_login_id);
  v_account   bigint := orrery_test.account_made(v_cluster, p_name);
  v_character bigint := orrery.character_create(p_name, initcap(p_name), p_kind, p_key, v_cluster);
  v_opened    jsonb;
  v_owner     jsonb;
begin
  update orrery.character c set state = p_state where c.character_id = v_character;
  v_opened := orrery_test.opened(p_login_id, v_account);
  v_owner := orrery_test.selected(p_login_id, (v_opened ->> 'session_id')::bigint, (v_opened ->> 'epoch')::bigint, v_character) -> 'owner';
  insert into orrery_test.player
  values (p_name, v_account, v_character, (v_opened ->> 'session_id')::bigint, (v_owner ->> 'epoch')::bigint, v_opened ->> 'root');
  perform orrery_test.took((v_owner ->> 'server_id')::bigint, 'owner');
  return (v_opened ->> 'session_id')::bigint;
end
$$;

-- The server holds what arrives at it in that role.
create or replace function orrery_test.took(p_server_id bigint, p_role text) returns void
language sql as $$
  select orrery_test.answer(p_server_id, 'server_sync', quote_literal(coalesce((
    select jsonb_agg(jsonb_build_object('session_id', a -> 'session_id', 'epoch', a -> 'epoch', 'role', p_role))
    from jsonb_array_elements(orrery_test.answer(p_server_id, 'server_sync') -> 'arrivals') a where a ->> 'role' = p_role), '[]')));
$$;

-- What session_hand_off is asked for a player, and what it answers to that alone; p_more: members of the entry.
create or replace function orrery_test.hand(p_name text, p_kind text, p_key text, p_more jsonb default '{}') returns jsonb
language sql as $$
  select jsonb_build_object('ref', p.name, 'session_id', p.session_id, 'epoch', p.epoch, 'kind', p_kind, 'key', p_key, 'state', jsonb_build_object('at', p_key)) || p_more
  from orrery_test.player p where p.name = p_name;
$$;
create or replace function orrery_test.handed(p_server_id bigint, p_name text, p_kind text, p_key text, p_more jsonb default '{}') returns jsonb
language sql as $$ select orrery_test.one(p_server_id, 'session_hand_off', orrery_test.hand(p_name, p_kind, p_key, p_more) - 'ref'); $$;

-- The process of a server dies, or is ready again under its next epoch.
create or replace function orrery_test.died(p_server_id bigint) returns void
language sql as $$ select orrery.server_exited(s.server_id, s.epoch, 'agent_report', 'signal 9') from orrery.server s where s.server_id = p_server_id; $$;
create or replace function orrery_test.back(p_server_id bigint) returns void
language plpgsql as $$
begin
  update orrery.server s
  set state = 'starting', rule = 'test', agent_id = orrery_test.agent_made(), on_isolation = 'stop', token_hash = sha256(convert_to(orrery_test.token_of(p_server_id), 'UTF8'))
  where s.server_id = p_server_id and s.state = 'requested';
  perform orrery.server_ready(s.server_id, s.epoch, 1) from orrery.server s where s.server_id = p_server_id;
end
$$;

-- A kind of zones whose world function knows the place 'fine', and fails with its key's SQLSTATE of any other.
create or replace function orrery_test.world_or_fail(p_cluster text, p_kind text, p_key text) returns jsonb
language plpgsql stable security definer as $$
begin
  if p_key <> 'fine' then
    raise exception using errcode = p_key, message = 'broken';
  end if;
  return '{}';
end
$$;

create or replace function orrery_test.world_kind_made(p_cluster text) returns void
language plpgsql as $$
begin
  perform orrery.server_kind_set('odd', '{"role":"zone","command":"orrery-sessiond"}', p_cluster);
  update orrery.server_kind k set world_function = 'orrery_test.world_or_fail' where k.cluster = p_cluster and k.kind = 'odd';
end
$$;
