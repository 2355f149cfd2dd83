-- session_renew: sessions go on for token_ms from now, as their clients ask for.
-- p_renewals: [{"session_id","epoch"}] → [{"session_id","expires_in_ms"}] of those that are this server's, are not to be released, and whose
-- account may play; the others are left out.
-- Writes: session.token_expires_at.   Locks: session, in key order.
-- Errors: those of server_identity and batch_check.   Called by: src/pg/control_api.
create or replace function orrery.session_renew(p_server_id bigint, p_epoch bigint, p_token text, p_renewals jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_me      orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token);
  v_ms      numeric := orrery.setting('token_ms');
  v_renewed jsonb;
begin
  perform orrery.batch_check('p_renewals', p_renewals);
  with asked as (
    -- an epoch may have more than 18 digits: it is compared as it was sent
    select case when (e.value -> 'session_id')::text ~ '^-?[0-9]{1,18}$' then (e.value ->> 'session_id')::bigint end as session_id,
      e.value -> 'epoch' as epoch
    from jsonb_array_elements(p_renewals) e (value)
  ), held as (
    select s.session_id from orrery.session s
    where (s.session_id, to_jsonb(s.epoch)) in (select a.session_id, a.epoch from asked a) and s.server_id = v_me.server_id
      and s.state <> 'ended' and s.release_at is null and s.token_expires_at > v_now
      and exists (
        select from orrery.account a
        where a.account_id = s.account_id and a.active and (a.banned_at is null or a.banned_until <= v_now))
    order by s.session_id for no key update of s
  ), renewed as (
    update orrery.session s set token_expires_at = v_now + make_interval(secs => v_ms::float8 / 1000)
    from held h where s.session_id = h.session_id
    returning s.session_id
  )
  select jsonb_agg(jsonb_build_object('session_id', r.session_id, 'expires_in_ms', v_ms) order by r.session_id) into v_renewed from renewed r;
  return coalesce(v_renewed, '[]');
end
$$;
comment on function orrery.session_renew(bigint, bigint, text, jsonb) is 'Lets sessions go on for another while.';
grant execute on function orrery.session_renew(bigint, bigint, text, jsonb) to orrery_session;
