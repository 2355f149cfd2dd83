-- gate: which places a ship can go to from another.
create table if not exists space.gate (
  cluster   text not null,
  from_kind text not null,
  from_key  text not null,
  to_kind   text not null,
  to_key    text not null,
  constraint gate_pkey primary key (cluster, from_kind, from_key, to_kind, to_key),
  constraint gate_from_fkey foreign key (cluster, from_kind, from_key) references space.place (cluster, kind, key),
  constraint gate_to_fkey foreign key (cluster, to_kind, to_key) references space.place (cluster, kind, key),
  constraint gate_leads_elsewhere check ((from_kind, from_key) <> (to_kind, to_key))
);
create index if not exists gate_to_idx on space.gate (cluster, to_kind, to_key);
comment on table space.gate is 'Ways from place to place, one row each way: to dock, to undock and to jump.';
