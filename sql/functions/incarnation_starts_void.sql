-- incarnation_starts_void: void the open starts of earlier incarnations, of the clusters that this login sees: what became of them
-- after the backup, or was not replicated before the failover, their agents' inventories alone say.
-- Writes: command, event.   Locks: command (skip locked: what is just being reported).
-- Errors: none.             Called by: incarnation_lift, tick_identity.
create or replace function orrery.incarnation_starts_void(p_rule text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with open as (
    select c.command_id from orrery.command c
    where c.verb = 'start' and c.state in ('pending', 'claimed') and c.epoch >> 32 < (select i.incarnation from orrery.incarnation i)
    order by c.command_id for no key update skip locked
  )
  update orrery.command c set state = 'void', rule = p_rule, reason = 'of an earlier incarnation: its agent says whether it was carried out'
  from open o where c.command_id = o.command_id;
end
$$;
comment on function orrery.incarnation_starts_void(text) is 'Voids the open starts of earlier incarnations.';
