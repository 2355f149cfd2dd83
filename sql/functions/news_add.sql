-- news_add: tell a world what was changed in it, in the transaction that changes it. Its server is told to ask (server_sync); one that
-- starts reads what was changed by itself, and begins with the news after that. Returns the number of the news in that world.
-- The world's row is held until the transaction ends, so that who asks for what came after a number misses nothing.
-- Writes: world, world_news; what session_tell writes.   Locks: world; those of session_tell.
-- Errors: OR001 no such kind of role zone; OR003 a key or body that is none; those of the kind's world function (no such key), of the first news
-- and before anything was saved, and of cluster_resolve.
-- Called by: games; DBA.
create or replace function orrery.news_add(p_kind text, p_key text, p_body jsonb, p_cluster text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_cluster text;
  v_kind    orrery.server_kind;
  v_number  bigint;
  v_server  bigint;
begin
  v_cluster := orrery.cluster_resolve(p_cluster, replace(format('news_add(%L, %L, %L', left(p_kind, 64), left(p_key, 200), left(p_body::text, 200)), '%', '%%') || ', %L)');
  if p_key is null or length(p_key) not between 1 and 200 or p_key ~ '[[:cntrl:]]' then
    perform orrery.fail('OR003', 'a key has 1 to 200 characters, none of them a control character', format('Got %L.', left(p_key, 200)), 'Name a place that exists.');
  end if;
  if p_body is null or jsonb_typeof(p_body) <> 'object' or octet_length(p_body::text) > 8192 then
    perform orrery.fail('OR003', 'the body of news is an object of 8192 bytes at most', format('Got %s bytes.', coalesce(octet_length(p_body::text), 0)),
      'Say what was changed, and where to read it.');
  end if;
  select k.* into v_kind from orrery.server_kind k where k.cluster = v_cluster and k.kind = p_kind and k.role = 'zone';
  if not found then
    perform orrery.fail('OR001', format('no kind %L of role zone in %s', left(p_kind, 64), v_cluster), 'Worlds are those of zone servers.', 'SELECT * FROM kind_status');
  end if;
  if v_kind.world_function is not null and not exists (
    select from orrery.world w where w.cluster = v_cluster and w.kind = p_kind and w.key = p_key) then
    execute format('select %s($1, $2, $3)', v_kind.world_function::regproc) using v_cluster, p_kind, p_key;
  end if;
  insert into orrery.world as w (cluster, kind, key, news_number) values (v_cluster, p_kind, p_key, 1)
  on conflict (cluster, kind, key) do update set news_number = w.news_number + 1
  returning w.news_number into v_number;
  insert into orrery.world_news (cluster, kind, key, number, made_at, body) values (v_cluster, p_kind, p_key, v_number, v_now, p_body);
  select s.server_id into v_server
  from orrery.placement p join orrery.server s on s.server_id = p.server_id and s.state = 'ready'
  where p.cluster = v_cluster and p.kind = p_kind and p.key = p_key;
  -- once a transaction is enough; undone with what is undone
  if v_server is not null and current_setting('orrery.told_news', true) is distinct from v_server::text then
    perform orrery.session_tell(array[v_server], 'news_add');
    perform set_config('orrery.told_news', v_server::text, true);
  end if;
  return v_number;
end
$$;
comment on function orrery.news_add(text, text, jsonb, text) is 'Tells a world what the database changed in it.';
grant execute on function orrery.news_add(text, text, jsonb, text) to orrery_admin, orrery_space_owner;
