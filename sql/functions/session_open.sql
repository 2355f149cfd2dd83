-- session_open: a player has logged in: a session owned by this login server, its root secret, the account's characters.
-- An orphaned session of the account, whose server died, is ended first.
-- Writes: session, session_secret; what session_end_all writes.   Locks: those of epoch_next, server (its own, shared), those of session_end_all.
-- Reads: account, character; calls hook character_details.
-- Errors: those of server_identity; OR001 unknown account; OR003 no address; OR002 account not active or cluster stopping; OR006 server full;
-- OR008 the account is in play already.
-- Called by: src/pg/control_api (role login).
create or replace function orrery.session_open(
  p_server_id bigint, p_epoch bigint, p_token text, p_account_id bigint, p_client_address text)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  v_now timestamptz := orrery.clock();
  v_me orrery.server;
  v_account orrery.account;
  v_root bytea := orrery.random_bytes(32);
  v_session_epoch bigint := orrery.epoch_next();
  v_session_id bigint;
  v_orphans bigint[];
begin
  -- first: who is just reporting its end ends its sessions, and must not miss this one
  perform from orrery.server s where s.server_id = p_server_id for share;
  v_me := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  if length(p_client_address) not between 1 and 100 or p_client_address ~ '[[:cntrl:]]' then
    perform orrery.fail('OR003', 'a client''s address has 1 to 100 characters, none of them a control character',
      format('Got %L.', left(p_client_address, 100)), 'It is host:port.');
  end if;
  select a.* into v_account from orrery.account a where a.account_id = p_account_id and a.cluster = v_me.cluster;
  if not found then
    perform orrery.fail('OR001', format('no account %s in %s', p_account_id, v_me.cluster), 'The id is unknown in this cluster.',
      'Use the id that account_credential gave.');
  end if;
  if not v_account.active then
    perform orrery.fail('OR002', format('account %s is not active', v_account.name), 'It may not log in.',
      format('SELECT account_active_set(%L, true);', v_account.name));
  end if;
  if (select c.state from orrery.cluster c where c.cluster = v_me.cluster) in ('stopping', 'stopped') then
    perform orrery.fail('OR002', format('cluster %s is shut down', v_me.cluster), 'It takes no logins any more.',
      'Wait until it is started again.');
  end if;
  if (select count(*) from orrery.session s where s.server_id = v_me.server_id and s.state <> 'ended')
     >= (select k.sessions_max from orrery.server_kind k where k.cluster = v_me.cluster and k.kind = v_me.kind) then
    perform orrery.fail('OR006', format('%s %s is full', v_me.kind, v_me.key), 'It has as many sessions as its kind allows.',
      'Try again in a moment.');
  end if;
  -- Its server is dead: nobody else will end it for orphan_ms, and the player is here again.
  select array_agg(s.session_id) into v_orphans from orrery.session s where s.account_id = p_account_id and s.state = 'orphaned';
  if v_orphans is not null then
    perform orrery.session_end_all(v_orphans, 'session_open', 'logged in again after its server died');
  end if;
  begin
    insert into orrery.session (cluster, account_id, server_id, epoch, rule, reason, state_at, opened_at, client_address, taken)
    values (v_me.cluster, p_account_id, v_me.server_id, v_session_epoch, 'session_open',
      format('%s logged in from %s', v_account.name, coalesce(p_client_address, 'an unknown address')), v_now, v_now,
      p_client_address, true)
    returning session_id into v_session_id;
  exception when unique_violation then
    perform orrery.fail('OR008', format('account %s is in play already', v_account.name), 'An account has one session at a time.',
      format('Log out there, or try again in %s s, when a silent session has lapsed.', ceil(orrery.setting('lapse_ms') / 1000)));
  end;
  insert into orrery.session_secret (session_id, cluster, root) values (v_session_id, v_me.cluster, v_root);
  return jsonb_build_object(
    'session_id', v_session_id, 'epoch', v_session_epoch, 'root', encode(v_root, 'hex'),
    'characters', (
      select coalesce(jsonb_agg(jsonb_build_object('character_id', c.character_id, 'name', c.name, 'kind', c.kind, 'key', c.key,
        'details', orrery.character_details(c.cluster, c.character_id)) order by c.character_id), '[]')
      from orrery."character" c where c.account_id = p_account_id and c.cluster = v_me.cluster));
end
$$;
comment on function orrery.session_open(bigint, bigint, text, bigint, text) is 'Opens a session for a player who logged in.';
grant execute on function orrery.session_open(bigint, bigint, text, bigint, text) to orrery_session;
