-- Catches a search for stale logins that reads every session: while many play, only an index of logins is read.
begin;
select plan(1);
set local enable_seqscan = off;
create function pg_temp.plan_of(p_statement text) returns text language plpgsql as $$
declare
  v_line text;
  v_all text := '';
begin
  for v_line in execute 'explain ' || p_statement loop
    v_all := v_all || v_line;
  end loop;
  return v_all;
end
$$;
select matches(pg_temp.plan_of($$select session_id from orrery.session where state in ('selecting', 'waiting') and state_at <= now()$$), 'session_login_idx', 'an index of logins only');
select * from finish();
rollback;
