-- character_details: hook: what a player sees of a character before selecting it: its skills and what it learns.
-- Reads: character_skill, skill_training.   Called by: session_open, through the hook of this name.
create or replace function space.character_details(p_cluster text, p_character_id bigint) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'skills', (select coalesce(jsonb_object_agg(s.skill, s.level), '{}') from space.character_skill s
               where s.cluster = p_cluster and s.character_id = p_character_id),
    'training', (select jsonb_build_object('skill', t.skill, 'to_level', t.to_level, 'finishes_at', t.finishes_at)
                 from space.skill_training t where t.cluster = p_cluster and t.character_id = p_character_id));
end
$$;
comment on function space.character_details(text, bigint) is 'Skills and training of a character, for its player to choose by.';
grant execute on function space.character_details(text, bigint) to orrery_owner;

select orrery.hook_set('character_details', 'space.character_details');
