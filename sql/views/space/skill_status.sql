-- skill_status: levels that characters have, and what each learns.
create or replace view space.skill_status as
select c.cluster, c.name as character, coalesce(s.skill, t.skill) as skill, coalesce(s.level, 0) as level,
       t.to_level as training, t.finishes_at
from space.character_skill s
full join space.skill_training t on t.character_id = s.character_id and t.skill = s.skill
join orrery."character" c on c.character_id = coalesce(s.character_id, t.character_id);
comment on view space.skill_status is 'Skills of characters: level, the level in training and when it is finished.';
grant select on space.skill_status to orrery_viewer, orrery_admin;
