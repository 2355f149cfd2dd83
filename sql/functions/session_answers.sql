-- session_answers: what session_select and session_hand_off answer, in order, once all is done.
-- p_answers: of each entry its error, true when it was handed over before, or null; then p_targets: where it was handed to; null: it waits, p_waits.
-- Reads: session, attachment.   Writes: nothing.   Locks: none.
-- Errors: none.                 Called by: session_select, session_hand_off.
create or replace function orrery.session_answers(p_me orrery.server, p_refs jsonb[], p_sessions bigint[], p_answers jsonb[], p_targets bigint[],
  p_waits text[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hands jsonb := orrery.session_targets(p_me, array(
    select u.id from unnest(p_sessions, p_answers, p_targets) u (id, answer, target)
    where u.answer = 'true' or u.answer is null and u.target is not null));
begin
  return (
    select jsonb_agg(case
      when u.answer = 'true' or u.answer is null and u.target is not null then jsonb_build_object('ref', u.ref) || (v_hands -> u.id::text)
      when u.answer is not null then u.answer
      else jsonb_build_object('ref', u.ref, 'status', 'waiting', 'reason', u.waits) end order by u.n)
    from unnest(p_refs, p_sessions, p_answers, p_targets, p_waits) with ordinality u (ref, id, answer, target, waits, n));
end
$$;
comment on function orrery.session_answers(orrery.server, jsonb[], bigint[], jsonb[], bigint[], text[]) is 'What is answered to hand-offs, in order.';
