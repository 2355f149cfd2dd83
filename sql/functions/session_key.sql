-- session_key: K, the key between a client and one server of its session.
-- HMAC-SHA256(root, "orrery/1" ‖ session ‖ server ‖ session epoch), numbers as 8 bytes, big-endian (docs/control.md).
-- Called by: server_sync.
create or replace function orrery.session_key(p_root bytea, p_session_id bigint, p_server_id bigint, p_epoch bigint) returns bytea
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
begin
  return orrery.hmac_sha256(
    convert_to('orrery/1', 'UTF8') || int8send(p_session_id) || int8send(p_server_id) || int8send(p_epoch), p_root);
end
$$;
comment on function orrery.session_key(bytea, bigint, bigint, bigint) is 'Key between a client and one server of its session.';
