-- session_command: what players ordered that is to last, with what came of it.
create table if not exists orrery.session_command (
  session_id bigint      not null,
  id         bigint      not null,
  cluster    text        not null,
  name       text        not null,
  args       jsonb       not null,
  result     jsonb       not null,
  made_at    timestamptz not null,
  constraint session_command_pkey primary key (session_id, id),
  constraint session_command_session_fkey foreign key (session_id) references orrery.session (session_id) on delete cascade,
  constraint session_command_id_positive check (id > 0),
  constraint session_command_name_valid check (name ~ '^[a-z_]{1,32}$'),
  constraint session_command_args_size check (octet_length(args::text) <= 4096),
  constraint session_command_result_size check (octet_length(result::text) <= 8192),
  constraint session_command_result_is_object check (jsonb_typeof(result) = 'object')
);
create index if not exists session_command_made_idx on orrery.session_command (made_at);
comment on table orrery.session_command is 'Commands of players that had their effect, kept for command_kept_s, as their session is: asked again they answer the same. One that was refused leaves no row.';
comment on column orrery.session_command.id is 'The client''s own number for it.';
comment on column orrery.session_command.args is 'What it was ordered with; another order under the same number is refused.';
comment on column orrery.session_command.result is 'What the game answered; written in the transaction of the effect.';
