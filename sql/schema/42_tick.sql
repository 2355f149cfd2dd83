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
  only_row   boolean     not null default true,
  backend    integer     not null,
  backend_at timestamptz not null,
  since_at   timestamptz not null,
  constraint tick_state_pkey primary key (only_row),
  constraint tick_state_only_row check (only_row)
);
comment on table orrery.tick_state is 'The lease of the tick: which loop holds it. Empty after a crash.';
comment on column orrery.tick_state.backend is 'Pid of the holder''s backend; 0: nobody holds it.';
comment on column orrery.tick_state.backend_at is 'When that backend started; pids are used again.';
comment on column orrery.tick_state.since_at is 'Since when it has ticked without a gap, over all loops.';

-- A sequence that is not logged is written without transaction id or WAL: an idle tick leaves no trace in the log.
create unlogged sequence if not exists orrery.tick_seq minvalue 0 start 0;
comment on sequence orrery.tick_seq is 'When the tick last ran, in ms of the epoch; written once a second, gone after a crash.';

create sequence if not exists orrery.epoch_seq;
comment on sequence orrery.epoch_seq is 'Lower half of the epochs.';
create sequence if not exists orrery.doorbell_seq minvalue 0 start 0;
comment on sequence orrery.doorbell_seq is 'When the next doorbell would be due at the steady rate, in ms of the epoch: bounds notifying commits without a lock.';
