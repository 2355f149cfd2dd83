-- labels_fault: what is wrong with labels, in words; null when they are an object of at most 32 texts of 1 to 63 characters, by names
-- of the same length of letters, digits, and . _ / - between them.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: agent_register, server_kind_with, server_allocate, server_counted.
create or replace function orrery.labels_fault(p_labels jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when jsonb_typeof(p_labels) is distinct from 'object' then 'Labels are an object of texts.'
    when (select count(*) from jsonb_object_keys(p_labels)) > 32 then 'There are 32 labels at most.'
    else (
      select format('Label %s is none: it is a name and a text, of 1 to 63 characters each; a name has letters and digits, and . _ / - between them.',
        left(format('%s=%s', l.key, l.value), 100)) from jsonb_each(p_labels) l
      where l.key !~ '^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$' or jsonb_typeof(l.value) <> 'string'
        or length(l.value #>> '{}') not between 1 and 63 or l.value #>> '{}' ~ '[[:cntrl:]]'
      order by l.key limit 1) end;
end
$$;
comment on function orrery.labels_fault(jsonb) is 'What is wrong with labels, in words.';
