-- character_create: a character of an account, at a place that exists. Returns its id.
-- Writes: character, event.
-- Errors: OR001 unknown account, kind or key; OR003 bad name or key; OR008 the name is taken; those of cluster_resolve.
-- Called by: DBA; cli.
create or replace function orrery.character_create(
  p_account_name text, p_name text, p_kind text, p_key text, p_cluster text default null)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := orrery.clock();
  v_cluster text;
  v_account_id bigint;
  v_kind orrery.server_kind;
  v_character_id bigint;
begin
  v_cluster := orrery.cluster_resolve(p_cluster,
    replace(format('character_create(%L, %L, %L, %L', p_account_name, p_name, p_kind, p_key), '%', '%%') || ', %L)');
  if p_name is null or length(p_name) not between 1 and 64 or p_name ~ '[[:cntrl:]]' then
    perform orrery.fail('OR003', format('%L is no character name', left(p_name, 64)), 'A name has 1 to 64 characters, none of them a control character.',
      'Choose another name.');
  end if;
  if length(p_key) not between 1 and 200 or p_key ~ '[[:cntrl:]]' then
    perform orrery.fail('OR003', 'a key has 1 to 200 characters, none of them a control character', format('Got %L.', left(p_key, 200)), 'Name a place that exists.');
  end if;
  select a.account_id into v_account_id from orrery.account a where a.cluster = v_cluster and a.name_key = lower(p_account_name);
  if not found then
    perform orrery.fail('OR001', format('no account %s in %s', coalesce(p_account_name, 'null'), v_cluster), 'Names are compared without case.',
      'SELECT account_create(...) makes one.');
  end if;
  select k.* into v_kind from orrery.server_kind k where k.cluster = v_cluster and k.kind = p_kind;
  if not found or v_kind.role <> 'zone' or p_key is null then
    perform orrery.fail('OR001', format('no place %s %s in %s', coalesce(p_kind, 'null'), coalesce(p_key, 'null'), v_cluster),
      'A character stands at a key of a kind whose role is zone.', format('Kinds here: %s.', coalesce((
        select string_agg(k.kind, ', ' order by k.kind) from orrery.server_kind k where k.cluster = v_cluster and k.role = 'zone'), 'none')));
  end if;
  if v_kind.world_function is not null then
    execute format('select %s($1, $2, $3)', v_kind.world_function::regproc) using v_cluster, p_kind, p_key;
  end if;
  begin
    insert into orrery."character" (cluster, account_id, name, kind, key, created_at)
    values (v_cluster, v_account_id, p_name, p_kind, p_key, v_now)
    returning character_id into v_character_id;
  exception when unique_violation then
    perform orrery.fail('OR008', format('character %s exists already in %s', p_name, v_cluster), 'Names differ by more than case.',
      'Choose another name.');
  end;
  perform orrery.event_add(v_cluster, 'character', v_character_id::text, 'character_create',
    format('%s of account %s, at %s %s', p_name, p_account_name, p_kind, p_key));
  return v_character_id;
end
$$;
comment on function orrery.character_create(text, text, text, text, text) is 'Creates a character of an account at a place.';
grant execute on function orrery.character_create(text, text, text, text, text) to orrery_admin;
