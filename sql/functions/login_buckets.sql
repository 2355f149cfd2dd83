-- login_buckets: in which bucket each subject's attempts to log in are counted: a hash keyed by a secret of the cluster, so that nobody
-- can choose a name or an address that shares somebody else's. Null for null.
-- Reads: cluster_secret.   Writes: nothing.   Locks: none.
-- Errors: none.            Called by: login_charge, login_refund.
create or replace function orrery.login_buckets(p_cluster text, p_scope text, p_subjects text[]) returns integer[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key bytea := (select c.link_secret || convert_to(' ' || p_scope || ' ', 'UTF8') from orrery.cluster_secret c where c.cluster = p_cluster);
begin
  return (
    select array_agg(get_byte(h.hash, 0) << 8 | get_byte(h.hash, 1) order by s.n)
    from unnest(p_subjects) with ordinality s (subject, n), lateral (select sha256(v_key || convert_to(s.subject, 'UTF8')) as hash offset 0) h);
end
$$;
comment on function orrery.login_buckets(text, text, text[]) is 'In which buckets attempts to log in are counted.';
