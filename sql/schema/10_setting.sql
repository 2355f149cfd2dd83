-- setting: every constant of the control plane, with its unit, range and reason. Not per cluster.
create table if not exists orrery.setting (
  name      text    not null,
  value     numeric not null,
  unit      text    not null,
  min_value numeric not null,
  max_value numeric not null,
  comment   text    not null,
  constraint setting_pkey primary key (name),
  constraint setting_value_in_range check (value between min_value and max_value)
);
comment on table orrery.setting is 'Constants of the control plane, with unit, range and reason.';

insert into orrery.setting (name, value, unit, min_value, max_value, comment) values
  ('tick_ms',               50,    'ms',    5,    1000,     'Longest sleep of the tick between two looks at what is due.'),
  ('tick_spare_ms',         100,   'ms',    10,   5000,     'How often the spare tick loop tries to take over.'),
  ('tick_late_ms',          5000,  'ms',    1000, 600000,   'A tick older than this is reported as stalled.'),
  ('doorbells_per_s',       10,    '1/s',   1,    100,      'Notifying commits a second at most: each wakes every listener and serialises commits.'),
  ('doorbell_again_ms',     150,   'ms',    10,   60000,    'A command that an agent has not fetched for so long is rung for by the tick.'),
  ('heartbeat_ms',          1000,  'ms',    100,  60000,    'How often an agent heartbeats.'),
  ('lease_ms',              15000, 'ms',    2000, 600000,   'An agent not heard of for so long stops its servers itself; longer than a database failover.'),
  ('lease_margin_ms',       5000,  'ms',    500,  600000,   'The database waits this much longer before it judges an agent lost.'),
  ('command_retry_ms',      3000,  'ms',    200,  600000,   'A claimed command not reported for so long is delivered again.'),
  ('commands_per_heartbeat', 100,  'count', 1,    10000,    'Commands handed out in one answer at most.'),
  ('start_slack_ms',        5000,  'ms',    100,  600000,   'The database waits this much longer than a start or stop may take before it asks the agent.'),
  ('start_backoff_ms',      1000,  'ms',    10,   60000,    'Wait before a failed server is started again; doubles with each failure.'),
  ('start_backoff_max_ms',  60000, 'ms',    10,   3600000,  'Longest such wait.'),
  ('server_stable_ms',      60000, 'ms',    100,  3600000,  'A server ready for so long has its count of failures forgotten.'),
  ('place_retry_ms',        1000,  'ms',    50,   60000,    'How often a server waiting for an agent with room is tried again.'),
  ('sync_ms',               5000,  'ms',    500,  60000,    'How often a server asks what changed although nobody told it.'),
  ('keepalive_ms',          2500,  'ms',    100,  60000,    'A side that sent nothing for so long sends a ping.'),
  ('lapse_ms',              10000, 'ms',    500,  600000,   'A client not heard of for so long is logged out.'),
  ('login_timeout_ms',      60000, 'ms',    1000, 3600000,  'A login must be on its way to a server by then.'),
  ('login_stale_ms',        90000, 'ms',    1000, 3600000,  'A login whose server has not ended it by then is ended by the tick, never before login_timeout_ms.'),
  ('ready_wait_ms',         30000, 'ms',    1000, 600000,   'How long a login waits for its grid or station before it is told to try later.'),
  ('orphan_ms',             60000, 'ms',    1000, 3600000,  'A session whose server died is kept so long for its replacement.'),
  ('zone_tick_hz',          20,    'Hz',    1,    100,      'Simulation steps a second of a zone.'),
  ('zone_visible',          40,    'count', 1,    400,      'Nearest entities a player is shown.'),
  ('zone_view_m',           1000,  'm',     1,    100000,   'How far a player sees.'),
  ('hash_threads',          1,     'count', 1,    64,       'Threads that verify passwords in one login server.'),
  ('hash_queue_max',        64,    'count', 1,    10000,    'Passwords waiting to be verified; more are told to try later.'),
  ('code_ttl_s',            86400, 's',     60,   31536000, 'How long a one-time code is good for.'),
  ('timers_per_tick',       1000,  'count', 1,    100000,   'Timers fired in one step at most.'),
  ('timer_attempts_max',    5,     'count', 1,    100,      'Failures of a timer before it is parked.'),
  ('timer_backoff_ms',      1000,  'ms',    10,   3600000,  'Wait before a failed timer is tried again; doubles with each failure.'),
  ('event_days_ahead',      14,    'days',  2,    60,       'Partitions of event that exist in advance.'),
  ('event_days_kept',       90,    'days',  1,    3650,     'How long events are kept.'),
  ('ended_kept_s',          3600,  's',     1,    2592000,  'How long rows of ended servers and sessions are kept to answer questions about them.')
on conflict (name) do nothing;
