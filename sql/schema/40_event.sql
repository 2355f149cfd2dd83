-- event: append-only history, partitioned by the real time of recording (function event_partitions).
create sequence if not exists orrery.event_id_seq;
create table if not exists orrery.event (
  event_id    bigint      not null default nextval('orrery.event_id_seq'),
  recorded_at timestamptz not null default clock_timestamp(),
  cluster     text,
  noun        text        not null,
  noun_id     text        not null,
  from_state  text,
  to_state    text,
  rule        text        not null,
  reason      text,
  detail      jsonb,
  constraint event_pkey primary key (event_id, recorded_at)
) partition by range (recorded_at);
create index if not exists event_noun_idx on orrery.event (noun, noun_id, event_id);
create index if not exists event_cluster_idx on orrery.event (cluster, event_id);
comment on table orrery.event is 'Append-only history: what changed, by which rule, and why in words.';
comment on column orrery.event.cluster is 'Whose it is; null: of no cluster, shown to every login.';
comment on column orrery.event.noun_id is 'Id or name of what it is about.';
comment on column orrery.event.from_state is 'State before, none when it was made; null: no change of state.';
comment on column orrery.event.to_state is 'State after; null: no change of state.';
comment on column orrery.event.detail is 'What a program wants to know besides; null nothing.';
comment on sequence orrery.event_id_seq is 'Numbers of events, in the order they were made, not of their commit.';
create table if not exists orrery.event_default partition of orrery.event default;
comment on table orrery.event_default is 'Catches events when no partition for their day exists, so that nothing is lost.';
