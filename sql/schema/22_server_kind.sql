-- server_kind: what can be started: an executable, what it needs and how it is judged.
create table if not exists orrery.server_kind (
  cluster            text    not null,
  kind               text    not null,
  role               text    not null,
  command            text    not null,
  args               text[]  not null default '{}',
  env                jsonb   not null default '{}',
  always_on_key      text,
  public_port        integer,
  cpu_millis         integer not null default 100,
  memory_bytes       bigint  not null default 67108864,
  sessions_max       integer not null default 1000,
  ready_deadline_ms  integer not null default 10000,
  stop_grace_ms      integer not null default 5000,
  start_attempts_max integer not null default 5,
  idle_stop_ms       integer,
  on_isolation       text    not null default 'stop',
  limits             jsonb   not null default '{}',
  log_bytes_max      bigint  not null default 16777216,
  log_files          integer not null default 3,
  watchdog_ms        integer,
  world_function     text,
  ports              jsonb   not null default '[{"name":"public","protocol":"udp","count":1},{"name":"private","protocol":"udp","count":1}]',
  ready_by           text    not null default 'notify',
  ready_pattern      text,
  stop_signal        text    not null default 'TERM',
  agent_labels       jsonb   not null default '{}',
  apart              text,
  placement_function text    not null default 'orrery.placement_spread',
  counters           jsonb   not null default '{}',
  version            bigint  not null default 1,
  constraint server_kind_pkey primary key (cluster, kind),
  constraint server_kind_cluster_fkey foreign key (cluster) references orrery.cluster (cluster),
  constraint server_kind_name_valid check (kind ~ '^[a-z][a-z0-9_-]{0,31}$'),
  constraint server_kind_role_known check (role in ('login', 'chat', 'zone', 'other')),
  constraint server_kind_isolation_known check (on_isolation in ('stop', 'hold')),
  constraint server_kind_port_range check (public_port between 1024 and 65535),
  constraint server_kind_sizes_valid check (cpu_millis >= 0 and memory_bytes >= 0 and sessions_max >= 0 and ready_deadline_ms > 0
    and stop_grace_ms >= 0 and start_attempts_max > 0 and idle_stop_ms > 0),
  constraint server_kind_ready_valid check (ready_by in ('notify', 'port', 'output') and (ready_by = 'output') = (ready_pattern is not null)
    and (ready_by <> 'port' or ports <> '[]')),
  constraint server_kind_stop_signal_known check (stop_signal in ('TERM', 'INT', 'QUIT', 'HUP', 'USR1', 'USR2')),
  constraint server_kind_port_has_one check (public_port is null or ports <> '[]'),
  constraint server_kind_log_valid check (log_bytes_max >= 4096 and log_files between 1 and 100 and watchdog_ms > 0)
);
comment on table orrery.server_kind is 'What can be started in a cluster: an executable, what it needs, how it is judged.';
comment on column orrery.server_kind.args is 'Arguments of the command, with placeholders (spec_fill).';
comment on column orrery.server_kind.env is 'Object of names and values, with placeholders, set beside what the spawn contract sets, whose names it cannot have.';
comment on column orrery.server_kind.always_on_key is 'Set: one server of this key runs as long as the cluster does.';
comment on column orrery.server_kind.public_port is 'Fixed number of the first of its ports; null takes one from the agent''s range.';
comment on column orrery.server_kind.idle_stop_ms is 'Stopped when without sessions for so long; null never.';
comment on column orrery.server_kind.on_isolation is 'stop: killed at the end of its lease, replaced when its agent is lost; hold: goes on, replaced only when known dead or fenced.';
comment on column orrery.server_kind.limits is 'rlimits: nofile, nproc, address_space_bytes, file_size_bytes, core_bytes, cpu_s.';
comment on column orrery.server_kind.log_bytes_max is 'Its log is renamed at this size; log_files of them are kept.';
comment on column orrery.server_kind.watchdog_ms is 'Killed when it sent no WATCHDOG=1 for so long; null: not watched.';
comment on column orrery.server_kind.world_function is 'fn(cluster, kind, key) returns jsonb: what the server is told of its world at start; raises OR001 for a key that does not exist.';
comment on column orrery.server_kind.ports is 'Ports it needs, the public one first: [{"name","protocol":"udp"|"tcp","count":contiguous ones}]; one named private is where other servers reach it.';
comment on column orrery.server_kind.ready_by is 'What makes it ready. notify: READY=1 by sd_notify; port: its first port is bound by a process of its own; output: a line of its output matches ready_pattern.';
comment on column orrery.server_kind.ready_pattern is 'POSIX extended regular expression, of 1000 bytes at most, without back-references; intervals go to 255.';
comment on column orrery.server_kind.stop_signal is 'Asks it to stop; SIGKILL follows after stop_grace_ms.';
comment on column orrery.server_kind.agent_labels is 'Labels that an agent must have, by name and value.';
comment on column orrery.server_kind.apart is 'agent: no two of this kind on one agent; the name of a label: no two on agents of one value of it; null: as the policy likes.';
comment on column orrery.server_kind.placement_function is 'fn(kind jsonb, room jsonb) returns float8: the agent with the highest score is taken, null refuses one. orrery.placement_spread, orrery.placement_packed, or a game''s.';
comment on column orrery.server_kind.version is 'Grows with each change; a fleet replaces servers of an earlier one.';
comment on column orrery.server_kind.counters is 'What a server has room for, by name: {"players":16}; allocations ask by it, and the server says how many there are.';
