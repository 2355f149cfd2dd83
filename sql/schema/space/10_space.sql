-- The sample game: places (grids in space and stations) and what characters learn.
create table if not exists space.place (
  cluster text    not null,
  kind    text    not null,
  key     text    not null,
  name    text    not null,
  size_m  integer not null default 2000,
  seed    integer not null default floor(random() * 2147483647),
  constraint place_pkey primary key (cluster, kind, key),
  constraint place_size_valid check (size_m between 10 and 1000000)
);
alter table space.place add column if not exists seed integer not null default floor(random() * 2147483647);
comment on table space.place is 'Grids and stations that exist, whether a server runs for them or not.';
comment on column space.place.seed is 'Decides where the asteroids of a grid are.';

create table if not exists space.skill (
  skill            text    not null,
  seconds_per_level numeric not null,
  level_max        integer not null default 5,
  comment          text    not null,
  constraint skill_pkey primary key (skill),
  constraint skill_valid check (seconds_per_level > 0 and level_max between 1 and 10)
);
comment on table space.skill is 'What a character can learn, and how long a level takes.';
insert into space.skill (skill, seconds_per_level, comment) values
  ('navigation', 60, 'Flies faster.'), ('mining', 120, 'Mines more.'), ('gunnery', 180, 'Hits harder.')
on conflict (skill) do nothing;

create table if not exists space.character_skill (
  cluster      text    not null,
  character_id bigint  not null,
  skill        text    not null,
  level        integer not null default 0,
  constraint character_skill_pkey primary key (character_id, skill),
  constraint character_skill_skill_fkey foreign key (skill) references space.skill (skill)
);
create index if not exists character_skill_skill_idx on space.character_skill (skill);
comment on table space.character_skill is 'Levels that characters have reached.';

create table if not exists space.skill_training (
  cluster      text        not null,
  character_id bigint      not null,
  skill        text        not null,
  to_level     integer     not null,
  started_at   timestamptz not null,
  finishes_at  timestamptz not null,
  constraint skill_training_pkey primary key (character_id),
  constraint skill_training_skill_fkey foreign key (skill) references space.skill (skill)
);
create index if not exists skill_training_skill_idx on space.skill_training (skill);
comment on table space.skill_training is 'What each character learns now; finished by a timer.';
