-- skill_train: a character begins to learn the next level of a skill; a timer finishes it, whether its grid is up or not.
-- Writes: skill_training, and a timer skill_training keyed by the character.   Returns when it is finished.
-- Asked again for the same skill it answers the same.
-- Errors: OR001 unknown character or skill; OR002 it learns another, or knows all of it; those of cluster_resolve.
-- Called by: DBA, players through the game.
create or replace function space.skill_train(p_character text, p_skill text, p_cluster text default null) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := orrery.clock();
  v_cluster text;
  v_character record;
  v_skill space.skill;
  v_training space.skill_training;
  v_level integer;
  v_finishes_at timestamptz;
begin
  v_cluster := orrery.cluster_resolve(p_cluster,
    replace(format('space.skill_train(%L, %L', p_character, p_skill), '%', '%%') || ', %L)');
  select c.character_id, c.name into v_character from orrery."character" c
  where c.cluster = v_cluster and c.name_key = lower(p_character);
  if not found then
    perform orrery.fail('OR001', format('no character %s in %s', p_character, v_cluster), 'Names are compared without case.',
      'SELECT character, skill, level FROM space.skill_status;');
  end if;
  select s.* into v_skill from space.skill s where s.skill = p_skill;
  if not found then
    perform orrery.fail('OR001', format('no skill %s', p_skill),
      format('There are %s.', (select string_agg(s.skill, ', ' order by s.skill) from space.skill s)), 'Name one of them.');
  end if;
  select coalesce(max(s.level), 0) into v_level from space.character_skill s
  where s.character_id = v_character.character_id and s.skill = p_skill;
  if v_level >= v_skill.level_max then
    perform orrery.fail('OR002', format('%s knows all of %s', v_character.name, p_skill), format('Level %s is the last.', v_level),
      'Train another skill.');
  end if;
  v_finishes_at := v_now + v_skill.seconds_per_level * interval '1 second';
  insert into space.skill_training (cluster, character_id, skill, to_level, started_at, finishes_at)
  values (v_cluster, v_character.character_id, p_skill, v_level + 1, v_now, v_finishes_at)
  on conflict (character_id) do nothing;
  if not found then
    select t.* into v_training from space.skill_training t where t.character_id = v_character.character_id;
    if v_training.skill = p_skill then
      -- asked again: its timer is set again, should somebody have cancelled it
      perform orrery.timer_schedule('skill_training', v_character.character_id::text, v_training.finishes_at, '{}', v_cluster);
      raise notice '%', format('%s learns %s already: level %s at %s', v_character.name, p_skill, v_training.to_level,
        to_char(v_training.finishes_at, 'HH24:MI:SS'));
      return v_training.finishes_at;
    end if;
    perform orrery.fail('OR002', format('%s learns %s already', v_character.name, v_training.skill),
      format('Level %s is finished at %s.', v_training.to_level, v_training.finishes_at), 'A character learns one thing at a time.');
  end if;
  perform orrery.timer_schedule('skill_training', v_character.character_id::text, v_finishes_at, '{}', v_cluster);
  raise notice '%', format('%s learns %s: level %s at %s', v_character.name, p_skill, v_level + 1, to_char(v_finishes_at, 'HH24:MI:SS'));
  return v_finishes_at;
end
$$;
comment on function space.skill_train(text, text, text) is 'A character begins to learn the next level of a skill.';
grant execute on function space.skill_train(text, text, text) to orrery_admin;
