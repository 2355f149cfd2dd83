-- character_details: hook: what a player sees of characters before selecting one: their skills and what they learn.
-- Returns an object of all of them, by number.
-- Reads: character_skill, skill_training.   Called by: session_open, through the hook of this name.
create or replace function space.character_details(p_cluster text, p_character_ids bigint[]) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((
    select jsonb_object_agg(i.id, jsonb_build_object('skills', coalesce(s.skills, '{}'), 'training', t.training))
    from unnest(p_character_ids) i (id)
    left join (
      select s.character_id, jsonb_object_agg(s.skill, s.level) as skills
      from space.character_skill s where s.cluster = p_cluster and s.character_id = any(p_character_ids)
      group by s.character_id) s on s.character_id = i.id
    left join (
      select t.character_id, jsonb_build_object('skill', t.skill, 'to_level', t.to_level, 'finishes_at', t.finishes_at) as training
      from space.skill_training t where t.cluster = p_cluster and t.character_id = any(p_character_ids)) t on t.character_id = i.id
    where i.id is not null), '{}');
end
$$;
comment on function space.character_details(text, bigint[]) is 'Skills and training of characters, for their players to choose by.';
grant execute on function space.character_details(text, bigint[]) to orrery_owner;

drop function if exists space.character_details(text, bigint);
select orrery.hook_set('character_details', 'space.character_details');
