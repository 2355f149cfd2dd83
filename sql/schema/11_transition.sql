-- transition: every allowed edge of every state machine. Any other is refused (function state_guard).
create table if not exists orrery.transition (
  machine    text not null,
  from_state text not null,
  to_state   text not null,
  why        text not null,
  agent_verb text,
  constraint transition_pkey primary key (machine, from_state, to_state)
);
comment on table orrery.transition is 'Allowed edges of every state machine; from_state none is creation.';
comment on column orrery.transition.agent_verb is 'Verb of the command that makes the agent carry out this edge; null: no agent has a part in it.';

insert into orrery.transition (machine, from_state, to_state, why) values
  ('cluster', 'none',          'stopped',       'created'),
  ('cluster', 'stopped',       'starting',      'cluster_start'),
  ('cluster', 'starting',      'running',       'its always-on servers are ready'),
  ('cluster', 'starting',      'shutting_down', 'cluster_shutdown before it ran'),
  ('cluster', 'running',       'shutting_down', 'cluster_shutdown'),
  ('cluster', 'shutting_down', 'running',       'cluster_shutdown_cancel'),
  ('cluster', 'shutting_down', 'starting',      'cluster_shutdown_cancel before it ran'),
  ('cluster', 'shutting_down', 'stopping',      'the deadline has passed'),
  ('cluster', 'stopping',      'stopped',       'no server is left'),

  ('agent', 'none', 'up',   'registered for the first time'),
  ('agent', 'up',   'lost', 'not heard of for lease + margin'),
  ('agent', 'lost', 'up',   'heard of again'),
  ('agent', 'up',      'stopped', 'its operator stopped it'),
  ('agent', 'lost',    'stopped', 'its operator stopped it'),
  ('agent', 'stopped', 'up',      'registered again'),
  ('agent', 'stopped', 'lost',    'silent, with servers not accounted for'),

  ('server', 'none',      'requested', 'asked for'),
  ('server', 'requested', 'starting',  'placed on an agent'),
  ('server', 'requested', 'stopped',   'no longer wanted before it was placed'),
  ('server', 'requested', 'failed',    'gave up'),
  ('server', 'starting',  'ready',     'reported READY'),
  ('server', 'starting',  'stopping',  'no longer wanted'),
  ('server', 'starting',  'requested', 'exited before READY, tried again'),
  ('server', 'starting',  'failed',    'exited before READY too often'),
  ('server', 'starting',  'stopped',   'exited, no longer wanted'),
  ('server', 'ready',     'stopping',  'no longer wanted'),
  ('server', 'ready',     'requested', 'exited or was lost, replaced'),
  ('server', 'ready',     'failed',    'exited too often'),
  ('server', 'ready',     'stopped',   'exited by itself, no longer wanted'),
  ('server', 'stopping',  'stopped',   'reported exited'),
  ('server', 'failed',    'requested', 'asked for again'),
  ('server', 'failed',    'stopped',   'its cluster is shut down'),

  ('allocation', 'none',      'waiting',   'asked for, none is free'),
  ('allocation', 'none',      'allocated', 'asked for'),
  ('allocation', 'waiting',   'allocated', 'one is free'),
  ('allocation', 'waiting',   'released',  'wanted no more'),
  ('allocation', 'waiting',   'expired',   'none was free in its time'),
  ('allocation', 'allocated', 'confirmed', 'who asked says that he has it'),
  ('allocation', 'allocated', 'released',  'given back'),
  ('allocation', 'allocated', 'expired',   'not confirmed in its time, taken back'),
  ('allocation', 'allocated', 'failed',    'its server is gone'),
  ('allocation', 'confirmed', 'released',  'given back'),
  ('allocation', 'confirmed', 'failed',    'its server is gone'),

  ('command', 'none',    'pending', 'decided'),
  ('command', 'pending', 'claimed', 'handed to the agent'),
  ('command', 'claimed', 'pending', 'the agent registered anew'),
  ('command', 'claimed', 'done',    'reported done'),
  ('command', 'claimed', 'failed',  'reported failed'),
  ('command', 'pending', 'void',    'nothing left to do'),
  ('command', 'claimed', 'void',    'nothing left to do'),
  ('command', 'pending', 'expired', 'not fetched in its time'),
  ('command', 'claimed', 'expired', 'not reported in its time'),

  ('session', 'none',      'selecting', 'logged in'),
  ('session', 'selecting', 'waiting',   'character selected, its server is awaited'),
  ('session', 'selecting', 'playing',   'handed to the server of its character'),
  ('session', 'waiting',   'selecting', 'its server did not come'),
  ('session', 'waiting',   'playing',   'handed to the server of its character'),
  ('session', 'playing',   'orphaned',  'its server died'),
  ('session', 'orphaned',  'playing',   'adopted by the replacement'),
  ('session', 'selecting', 'ended',     'logged out'),
  ('session', 'waiting',   'ended',     'logged out'),
  ('session', 'playing',   'ended',     'logged out'),
  ('session', 'orphaned',  'ended',     'logged out')
on conflict (machine, from_state, to_state) do update set why = excluded.why;

update orrery.transition t set agent_verb = v.verb
from (values ('requested', 'starting', 'start'), ('starting', 'stopping', 'stop'), ('ready', 'stopping', 'stop')) v(from_state, to_state, verb)
where t.machine = 'server' and t.from_state = v.from_state and t.to_state = v.to_state and t.agent_verb is distinct from v.verb;
