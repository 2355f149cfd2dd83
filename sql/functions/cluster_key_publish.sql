-- cluster_key_publish: a login server says which keys it holds, so that clients may be told of them.
-- p_public_keys: ["hex of 32 bytes",…], four at most; those that were retired meanwhile mean nothing.
-- Writes: cluster_key.held_at, event, when it changed.   Locks: cluster_key.
-- Errors: those of server_identity; OR001 none is a key of the cluster; OR003 malformed.
-- Called by: src/pg/control_api (role login).
create or replace function orrery.cluster_key_publish(p_server_id bigint, p_epoch bigint, p_token text, p_public_keys jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_me   orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  v_now  timestamptz := orrery.clock();
  v_keys bytea[];
  v_new  text;
begin
  if p_public_keys is null or jsonb_typeof(p_public_keys) <> 'array' or jsonb_array_length(p_public_keys) not between 1 and 4
      or exists (select from jsonb_array_elements(p_public_keys) e (value)
        where jsonb_typeof(e.value) <> 'string' or e.value #>> '{}' !~ '^[0-9a-f]{64}$') then
    perform orrery.fail('OR003', 'public keys are an array of one to four, each of 64 lower-case hex digits',
      format('Got %L.', left(p_public_keys::text, 300)), 'Pass the X25519 public keys of those that cluster_keys gave.');
  end if;
  select array_agg(decode(e.value, 'hex')) into v_keys from jsonb_array_elements_text(p_public_keys) e (value);
  perform from orrery.cluster_key k where k.cluster = v_me.cluster and k.public_key = any(v_keys);
  if not found then
    perform orrery.fail('OR001', 'none of these is a key of the cluster', format('Got %L.', left(p_public_keys::text, 300)),
      'Ask cluster_keys anew.');
  end if;
  with held as (
    select k.public_key from orrery.cluster_key k
    where k.cluster = v_me.cluster and k.public_key = any(v_keys) and k.held_at is null
    order by k.public_key for no key update
  ), told as (
    update orrery.cluster_key k set held_at = v_now
    from held h where k.cluster = v_me.cluster and k.public_key = h.public_key
    returning k.public_key
  )
  select string_agg(encode(t.public_key, 'hex'), ', ' order by t.public_key) into v_new from told t;
  if v_new is not null then
    perform orrery.event_add(v_me.cluster, 'cluster', v_me.cluster, 'cluster_key_publish', format('clients may use public key %s', v_new));
  end if;
end
$$;
comment on function orrery.cluster_key_publish(bigint, bigint, text, jsonb) is 'A login server says which keys it holds.';
grant execute on function orrery.cluster_key_publish(bigint, bigint, text, jsonb) to orrery_session;

drop function if exists orrery.cluster_key_publish(bigint, bigint, text, text);
