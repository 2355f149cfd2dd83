-- ready_pattern_fault: what is wrong with a kind's ready_pattern, in words; null when it is a POSIX extended regular expression of 1 to 1000
-- bytes without back-references. The agent's regcomp, which is asked at each start, takes what this takes but for oddities.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: server_kind_with.
create or replace function orrery.ready_pattern_fault(p_pattern jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pattern text := p_pattern #>> '{}';
begin
  if jsonb_typeof(p_pattern) is distinct from 'string' then
    return 'ready_pattern is a text.';
  elsif octet_length(v_pattern) not between 1 and 1000 then
    return 'ready_pattern has 1 to 1000 bytes.';
  elsif replace(v_pattern, '\\', '') ~ '\\[1-9]' then
    return 'ready_pattern: back-references are not POSIX.';
  end if;
  -- ***: and (?e): what follows is an extended regular expression, whatever it begins with
  perform '' ~ ('***:(?e)' || v_pattern);
  return null;
exception when invalid_regular_expression then
  return format('ready_pattern is no POSIX extended regular expression: %s.', replace(sqlerrm, 'invalid regular expression: ', ''));
end
$$;
comment on function orrery.ready_pattern_fault(jsonb) is 'What is wrong with a kind''s ready_pattern, in words.';
