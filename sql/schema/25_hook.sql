-- hook: what a game does when something happens, or is asked, that concerns it; the control plane knows only the handler's name.
create table if not exists orrery.hook (
  hook    text not null,
  handler text not null,
  constraint hook_pkey primary key (hook, handler),
  constraint hook_known check (hook in ('cluster_created', 'character_details', 'command'))
);
do $do$
begin
  if not exists (
    select from pg_catalog.pg_constraint k
    where k.conrelid = 'orrery.hook'::regclass and k.conname = 'hook_known' and pg_catalog.pg_get_constraintdef(k.oid) like '%''command''%') then
    alter table orrery.hook drop constraint if exists hook_known,
      add constraint hook_known check (hook in ('cluster_created', 'character_details', 'command'));
  end if;
end
$do$;
create unique index if not exists hook_command_key on orrery.hook (hook) where hook = 'command';
comment on table orrery.hook is 'Functions of games: cluster_created fn(cluster text), each called, by name; character_details fn(cluster text, character_ids bigint[]) returns jsonb, an object of theirs by number, answers joined; command fn(cluster text, character_id bigint, kind text, key text, name text, args jsonb) returns jsonb, one.';
comment on column orrery.hook.handler is 'Qualified name; SECURITY DEFINER, not owned by orrery_owner.';
