-- tick: what the tick loop knows of the database it runs in and of itself.
create table if not exists orrery.incarnation (
  only_row          boolean not null default true,
  incarnation       bigint  not null,
  system_identifier text    not null,
  timeline          bigint  not null,
  lineage           bytea   not null,
  constraint incarnation_pkey primary key (only_row),
  constraint incarnation_only_row check (only_row)
);
comment on column orrery.incarnation.lineage is 'Random, made when the incarnation was raised: tells two databases apart that were restored from one backup.';
comment on table orrery.incarnation is 'Raised when the database is another one (restore, failover), so that no epoch is given twice.';

create unlogged table if not exists orrery.tick_state (
  only_row boolean     not null default true,
  tick_at  timestamptz not null,
  backend  integer     not null,
  since_at timestamptz not null,
  purge_at timestamptz not null,
  constraint tick_state_pkey primary key (only_row),
  constraint tick_state_only_row check (only_row)
) with (fillfactor = 10);
comment on table orrery.tick_state is 'When the tick last ran, written once a second.';
comment on column orrery.tick_state.since_at is 'Since when it has ticked without a gap, over all loops.';
comment on column orrery.tick_state.purge_at is 'When old rows are deleted next.';

create sequence if not exists orrery.epoch_seq;
create sequence if not exists orrery.doorbell_seq minvalue 0 start 0;
comment on sequence orrery.doorbell_seq is 'When the next doorbell would be due at the steady rate, in ms of the epoch: bounds notifying commits without a lock.';
