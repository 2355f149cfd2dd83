-- fleet: so many servers of a kind, as a policy says.
create table if not exists orrery.fleet (
  cluster         text        not null,
  fleet           text        not null,
  kind            text        not null,
  policy          text        not null default 'orrery.fleet_fixed',
  policy_args     jsonb       not null default '{}',
  size_min        integer     not null default 0,
  size_max        integer     not null default 100,
  cooldown_ms     bigint      not null default 60000,
  surge           integer     not null default 1,
  unavailable_max integer     not null default 0,
  size            integer     not null default 0,
  over_since      timestamptz,
  fault           text,
  fault_at        timestamptz,
  paused          text,
  paused_version  bigint,
  created_at      timestamptz not null,
  constraint fleet_pkey primary key (cluster, fleet),
  constraint fleet_kind_fkey foreign key (cluster, kind) references orrery.server_kind (cluster, kind),
  constraint fleet_name_valid check (fleet ~ '^[a-z][a-z0-9_-]{0,31}$'),
  constraint fleet_size_valid check (size_min between 0 and size_max and size_max <= 100000 and size >= 0),
  constraint fleet_replacement_goes_on check (surge >= 0 and unavailable_max >= 0 and surge + unavailable_max between 1 and 100000),
  constraint fleet_cooldown_valid check (cooldown_ms between 0 and 86400000)
);
create index if not exists fleet_kind_idx on orrery.fleet (cluster, kind);
comment on table orrery.fleet is 'So many servers of a kind, as a policy says.';
comment on column orrery.fleet.policy is 'fn(fleet jsonb) returns bigint: how many there should be, allocated ones included (fleet_counts says what it is given). orrery.fleet_fixed, orrery.fleet_buffer, or a game''s.';
comment on column orrery.fleet.policy_args is 'Given to the policy as args.';
comment on column orrery.fleet.cooldown_ms is 'There must be too many for so long before some are stopped.';
comment on column orrery.fleet.surge is 'So many above size while servers of an earlier version of the kind are replaced.';
comment on column orrery.fleet.unavailable_max is 'So many of size need not be ready while servers of an earlier version are replaced.';
comment on column orrery.fleet.size is 'What the policy said last, within size_min and size_max.';
comment on column orrery.fleet.over_since is 'Since when there are too many; null: there are not.';
comment on column orrery.fleet.fault is 'How the policy failed; it is asked again policy_retry_ms later, and size stays until then, within its bounds; null: it did not.';
comment on column orrery.fleet.fault_at is 'When it failed last; null: it did not.';
comment on column orrery.fleet.paused is 'Why replacement stands still, until fleet_resume or another version of the kind; null: it goes on.';
comment on column orrery.fleet.paused_version is 'Version of the kind that failed; null: not paused.';

-- A policy of a fleet or of placement that hung.
create table if not exists orrery.policy_hung (
  policy  text        not null,
  hung_at timestamptz not null,
  constraint policy_hung_pkey primary key (policy)
);
comment on table orrery.policy_hung is 'Policies that did not even end when they were cancelled: they are called no more until they are named again.';
