-- login_charge: count attempts to log in. Each fills its subject's bucket by one, which leaks steadily; one that would overflow is
-- not let in, and not counted. Subjects of one hash share a bucket, so that the table stays small whatever is tried.
-- p_scope: address or account.   p_subjects: one an attempt, in the order they came; null ones are not counted.
-- Returns for each how many ms it has to wait; 0: it is let in.
-- Writes: login_limit.   Locks: login_limit, in key order: of address before account, and both before anything else but the
-- caller's own lock of an account.
-- Errors: none.          Called by: login_begin, account_password_set, session_resolve.
create or replace function orrery.login_charge(p_cluster text, p_scope text, p_subjects text[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_burst   float8 := orrery.setting('login_' || p_scope || '_burst');
  v_per_ms  float8 := orrery.setting('login_' || p_scope || '_per_minute') / 60000;
  v_buckets integer[] := orrery.login_buckets(p_cluster, p_scope, p_subjects);
  v_waits   bigint[];
begin
  with asked as (
    select b.bucket, b.n, row_number() over (partition by b.bucket order by b.n) as nth, count(*) over (partition by b.bucket) as count
    from unnest(v_buckets) with ordinality b (bucket, n) where b.bucket is not null
  ), filled as (
    insert into orrery.login_limit as l (cluster, scope, bucket, level, charged, level_at)
    select p_cluster, p_scope, a.bucket, least(a.count, v_burst), least(a.count, v_burst), v_now
    from asked a where a.nth = a.count order by a.bucket
    on conflict (cluster, scope, bucket) do update
    set (level, charged, level_at) = (
      select x.level + x.charged, x.charged, excluded.level_at
      from (
        -- what was asked for may be more than a bucket takes, but no more than that is ever let in
        select d.level, least(excluded.charged, greatest(floor(v_burst - d.level), 0)) as charged
        from (select greatest(l.level - greatest(extract(epoch from excluded.level_at - l.level_at)::float8 * 1000, 0) * v_per_ms, 0) as level) d
      ) x)
    returning l.bucket, l.level, l.charged
  )
  select array_agg(case when a.nth <= f.charged or a.nth is null then 0
    else ceil((f.level + a.nth - f.charged - v_burst) / v_per_ms) end order by s.n) into v_waits
  from generate_subscripts(p_subjects, 1) s (n)
  left join asked a on a.n = s.n
  left join filled f on f.bucket = a.bucket;
  return v_waits;
end
$$;
comment on function orrery.login_charge(text, text, text[]) is 'Counts attempts to log in; says who has to wait, and how long.';
