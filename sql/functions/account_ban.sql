-- account_ban: keep a player out, at once and until then: his session ends, its servers are told, and he cannot log in, whatever his
-- password or device. A second ban replaces the first.
-- p_reason: the player is shown it.   p_seconds: for how long; null: for good.
-- Returns the event, and says in words who it was, and how to undo it.
-- Writes: account, event; what account_session_end writes.   Locks: cluster, account, then those of account_session_end.
-- Errors: OR001 unknown account; OR003 null, a reason too long or with control characters, no such time; those of
-- cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.account_ban(p_name text, p_reason text, p_seconds bigint default null, p_cluster text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_seconds_max constant bigint := 3155760000; -- 100 years
  v_now        timestamptz := orrery.clock();
  v_cluster    text := orrery.cluster_resolve(p_cluster,
    replace(format('account_ban(%L, %L, %L', left(p_name, 64), left(p_reason, 200), p_seconds), '%', '%%') || ', %L)');
  v_account    orrery.account;
  v_until      timestamptz;
  v_session_id bigint;
  v_words      text;
  v_event      bigint;
begin
  if p_reason is null or p_reason !~ '^[^[:cntrl:]]{1,200}$' or p_seconds not between 1 and c_seconds_max then
    perform orrery.fail('OR003',
      'an account is banned for a reason of 1 to 200 characters, none of them a control character, and for 1 second to 100 years',
      format('Got %L, %L.', left(p_reason, 250), p_seconds), 'SELECT account_ban(''name'', ''why'', 86400); without seconds it is for good.');
  end if;
  v_account := orrery.account_named(v_cluster, p_name);
  v_until := v_now + p_seconds * interval '1 second';
  update orrery.account a set banned_at = v_now, banned_until = v_until, ban_reason = p_reason where a.account_id = v_account.account_id;
  v_session_id := orrery.account_session_end(v_account.account_id, 'account_ban', orrery.ban_words(v_until, p_reason));
  v_words := format('%s is %s', v_account.name, orrery.ban_words(v_until, p_reason));
  v_event := orrery.event_add(v_cluster, 'account', v_account.account_id::text, 'account_ban', v_words || ', by ' || session_user,
    jsonb_build_object('session_id', v_session_id));
  raise notice '%', format('%s%s; undo: SELECT account_unban(%L, %L)', v_words,
    case when v_session_id is null then ', and was not logged in' else format(', session %s ends', v_session_id) end, v_account.name, v_cluster);
  return v_event;
end
$$;
comment on function orrery.account_ban(text, text, bigint, text) is 'Keeps a player out, at once and until then; returns the event.';
grant execute on function orrery.account_ban(text, text, bigint, text) to orrery_admin;
