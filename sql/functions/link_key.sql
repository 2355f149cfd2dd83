-- link_key: the key from one source to one target over private UDP.
-- HMAC-SHA256(link_root(target), source ‖ source epoch), numbers as 8 bytes, big-endian (docs/control.md).
-- Called by: server_target.
create or replace function orrery.link_key(p_link_root bytea, p_source_id bigint, p_source_epoch bigint) returns bytea
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
begin
  return orrery.hmac_sha256(int8send(p_source_id) || int8send(p_source_epoch), p_link_root);
end
$$;
comment on function orrery.link_key(bytea, bigint, bigint) is 'Key from one server to another over private UDP.';
