-- skill_training_fire: handler of timers skill_training: those whose key is a character of their cluster that learns reach
-- their level; others mean nothing.
-- Writes: skill_training, character_skill, event.   Locks: skill_training in key order.   Called by: tick_timers.
create or replace function space.skill_training_fire(p_timers orrery.timer[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_learned record;
begin
  for v_learned in
    with held as (
      select t.character_id from space.skill_training t
      where (t.cluster, t.character_id) in (
        select f.cluster, case when f.key ~ '^[0-9]{1,18}$' then f.key::bigint end from unnest(p_timers) f)
      order by t.character_id
      for update
    ), finished as (
      delete from space.skill_training t using held h where t.character_id = h.character_id
      returning t.cluster, t.character_id, t.skill, t.to_level
    )
    insert into space.character_skill (cluster, character_id, skill, level)
    select f.cluster, f.character_id, f.skill, f.to_level from finished f
    on conflict (character_id, skill) do update set level = greatest(character_skill.level, excluded.level)
    returning cluster, character_id, skill, level
  loop
    perform orrery.event_add(v_learned.cluster, 'character', v_learned.character_id::text, 'skill_training_fire',
      format('learned %s %s', v_learned.skill, v_learned.level));
  end loop;
end
$$;
comment on function space.skill_training_fire(orrery.timer[]) is 'Finishes the training of characters whose timers are due.';
grant execute on function space.skill_training_fire(orrery.timer[]) to orrery_owner;

select orrery.timer_kind_set('skill_training', 'space.skill_training_fire', 'A character finishes a level of a skill.');
