-- world: what outlives the server of a key: what it saved last, and what the database changed in it since (news).
create table if not exists orrery.world (
  cluster     text   not null,
  kind        text   not null,
  key         text   not null,
  saved       jsonb,
  saved_epoch bigint,
  saved_at    timestamptz,
  news_number bigint not null default 0,
  constraint world_pkey primary key (cluster, kind, key),
  constraint world_kind_fkey foreign key (cluster, kind) references orrery.server_kind (cluster, kind),
  constraint world_key_size check (length(key) between 1 and 200),
  constraint world_saved_size check (octet_length(saved::text) <= 1048576),
  constraint world_saved_is_object check (jsonb_typeof(saved) = 'object'),
  constraint world_saved_by_somebody check ((saved is null) = (saved_epoch is null) and (saved is null) = (saved_at is null))
);
comment on table orrery.world is 'What the server of a key saved of its world, and how many news it had; rows stay.';
comment on column orrery.world.saved is 'Opaque to the control plane; null: nothing yet.';
comment on column orrery.world.saved_epoch is 'Of the server that saved it; null: none did.';
comment on column orrery.world.saved_at is 'When; null: never.';
comment on column orrery.world.news_number is 'Of the last of its news; 0: there were none. Counted here and not by a sequence, so that news commit in the order of their numbers.';

create table if not exists orrery.world_news (
  cluster text        not null,
  kind    text        not null,
  key     text        not null,
  number  bigint      not null,
  made_at timestamptz not null,
  body    jsonb       not null,
  constraint world_news_pkey primary key (cluster, kind, key, number),
  constraint world_news_world_fkey foreign key (cluster, kind, key) references orrery.world (cluster, kind, key),
  constraint world_news_body_size check (octet_length(body::text) <= 8192),
  constraint world_news_body_is_object check (jsonb_typeof(body) = 'object')
);
create index if not exists world_news_made_idx on orrery.world_news (made_at);
comment on table orrery.world_news is 'What the database changed in a world that a server runs; kept for news_kept_s.';
comment on column orrery.world_news.body is 'Opaque to the control plane.';
