-- link_root: the key from which a server computes the keys of those that send to it over private UDP.
-- HMAC-SHA256(cluster link secret, "orrery/1 link" ‖ target ‖ target epoch), numbers as 8 bytes, big-endian.
-- Called by: server_start_info, server_target.
create or replace function orrery.link_root(p_link_secret bytea, p_target_id bigint, p_target_epoch bigint) returns bytea
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
begin
  return orrery.hmac_sha256(convert_to('orrery/1 link', 'UTF8') || int8send(p_target_id) || int8send(p_target_epoch), p_link_secret);
end
$$;
comment on function orrery.link_root(bytea, bigint, bigint) is 'Key from which a server computes the keys of its senders.';
