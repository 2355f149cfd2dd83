-- cluster: a named deployment; its name decides which data its servers see.
create table if not exists orrery.cluster (
  cluster         text        not null,
  state           text        not null default 'stopped',
  rule            text        not null default 'cluster_create',
  reason          text,
  state_at        timestamptz not null,
  created_at      timestamptz not null,
  shutdown_at     timestamptz,
  notice_id       bigint,
  version         bigint      not null default 1,
  login_port      integer     not null,
  constraint cluster_pkey primary key (cluster),
  constraint cluster_name_valid check (cluster ~ '^[a-z][a-z0-9_-]{0,31}$'),
  constraint cluster_state_known check (state in ('stopped', 'starting', 'running', 'shutting_down', 'stopping')),
  constraint cluster_deadline_when_stopping check ((shutdown_at is not null) = (state in ('shutting_down', 'stopping'))),
  constraint cluster_login_port_range check (login_port between 1024 and 65535),
  constraint cluster_login_port_key unique (login_port)
);
comment on table orrery.cluster is 'A named deployment, e.g. production; its name decides which data its servers see.';
comment on column orrery.cluster.rule is 'Rule that made the last change of state.';
comment on column orrery.cluster.shutdown_at is 'When its servers are told to stop, of one that is shut down.';
comment on column orrery.cluster.version is 'Counts the changes that agents are told of (cluster_version).';
comment on column orrery.cluster.notice_id is 'Number of the last announcement to players; the event that made it.';

create table if not exists orrery.cluster_secret (
  cluster      text   not null,
  link_secret  bytea  not null,
  keys_version bigint not null default 1,
  constraint cluster_secret_pkey primary key (cluster),
  constraint cluster_secret_cluster_fkey foreign key (cluster) references orrery.cluster (cluster),
  constraint cluster_secret_link_size check (octet_length(link_secret) = 32)
);
alter table orrery.cluster_secret add column if not exists keys_version bigint not null default 1;
comment on table orrery.cluster_secret is 'Root of the link keys, and of the hashes by which attempts to log in are counted.';
comment on column orrery.cluster_secret.keys_version is 'Counts the changes of cluster_key, so that login servers see when to ask for them.';

-- Login servers take all of a cluster's keys; clients are given all that a login server holds.
create table if not exists orrery.cluster_key (
  cluster    text        not null,
  public_key bytea       not null,
  static_key bytea       not null,
  made_at    timestamptz not null,
  held_at    timestamptz,
  constraint cluster_key_pkey primary key (cluster, public_key),
  constraint cluster_key_cluster_fkey foreign key (cluster) references orrery.cluster (cluster),
  constraint cluster_key_size check (octet_length(public_key) = 32 and octet_length(static_key) = 32)
);
comment on table orrery.cluster_key is 'X25519 keys of the login handshake: several while one takes the place of another.';
comment on column orrery.cluster_key.static_key is 'The private half.';
comment on column orrery.cluster_key.held_at is 'When a login server first said that it holds it; null: clients are not told of it yet.';

create table if not exists orrery.cluster_login (
  login   name not null,
  cluster text not null,
  constraint cluster_login_pkey primary key (login)
);
comment on table orrery.cluster_login is 'Which cluster a database login sees; * is every one. A login that is not here sees none.';
