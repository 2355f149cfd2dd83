-- login_subject: whose attempts are counted together: an IPv4 address, or the /64 of an IPv6 address.
-- p_address: host:port, [v6]:port or a host. Null when that is no address of 1 to 100 characters; what is none of these is taken as it is.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: login_begin, account_password_set, session_resolve.
create or replace function orrery.login_subject(p_address text) returns text
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
declare
  v_host text;
begin
  -- a.b.c.d:port, as nearly all are, without a regular expression, which costs ten times as much
  v_host := split_part(p_address, ':', 1);
  if length(v_host) between 7 and 15 and rtrim(v_host, '0123456789.') = '' and length(p_address) <= 100
      and rtrim(substr(p_address, length(v_host) + 1), '0123456789') in ('', ':') then
    return v_host;
  end if;
  if length(p_address) not between 1 and 100 or p_address ~ '[[:cntrl:]]' then
    return null;
  end if;
  v_host := lower(coalesce(substring(p_address from '^\[([^]]*)\]'), p_address));
  if v_host ~ '^[0-9a-f:.]{2,45}$' and v_host like '%:%:%' then
    begin
      if v_host like '::ffff:%.%' then
        return host(substr(v_host, 8)::inet);
      end if;
      return network(set_masklen(v_host::inet, 64))::text;
    exception when data_exception then
      return v_host;
    end;
  end if;
  return v_host;
end
$$;
comment on function orrery.login_subject(text) is 'Whose attempts to log in are counted together: an address, or a /64 of IPv6.';
