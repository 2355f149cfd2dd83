-- hook: what a game does when something happens, or is asked, that concerns it; the control plane knows only the handler's name.
create table if not exists orrery.hook (
  hook    text not null,
  handler text not null,
  constraint hook_pkey primary key (hook, handler),
  constraint hook_known check (hook in ('cluster_created', 'character_details'))
);
comment on table orrery.hook is 'Functions of games: cluster_created fn(cluster text), each called, by name; character_details fn(cluster text, character_ids bigint[]) returns jsonb, an object of theirs by number, answers joined.';
comment on column orrery.hook.handler is 'Qualified name; SECURITY DEFINER, not owned by orrery_owner.';
