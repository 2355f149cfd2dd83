-- login_refund: attempts that were right are taken back, so that only wrong ones count against an account.
-- Writes: login_limit.   Locks: login_limit; what another just counts is left to leak away, since the caller holds what others wait for.
-- Errors: none.          Called by: session_open.
create or replace function orrery.login_refund(p_cluster text, p_scope text, p_subjects text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_buckets integer[] := orrery.login_buckets(p_cluster, p_scope, p_subjects);
begin
  with rights as (
    select b.bucket, count(*) as count from unnest(v_buckets) b (bucket) where b.bucket is not null group by b.bucket
  ), held as (
    select l.bucket, r.count from rights r join orrery.login_limit l on l.cluster = p_cluster and l.scope = p_scope and l.bucket = r.bucket and l.bucket = any(v_buckets)
    for no key update of l skip locked
  )
  update orrery.login_limit l set level = greatest(l.level - h.count, 0)
  from held h where l.cluster = p_cluster and l.scope = p_scope and l.bucket = h.bucket and l.bucket = any(v_buckets);
end
$$;
comment on function orrery.login_refund(text, text, text[]) is 'Takes back attempts to log in that were right.';
