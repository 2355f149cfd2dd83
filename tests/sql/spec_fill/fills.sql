-- Catches a placeholder left as it is, filled in twice, or one that nobody knows.
begin;
set local client_min_messages = warning;
select no_plan();
create function pg_temp.fill(p_text text) returns text language sql as $$
  select orrery.spec_fill(p_text, '{"key":"{host}","host":"192.0.2.1","port:game":"20000","last_port:game":"20003"}')
$$;
select is(pg_temp.fill('sv_port {port:game}-{last_port:game} on {host}'), 'sv_port 20000-20003 on 192.0.2.1', 'names and ports');
select is(pg_temp.fill('{key}'), '{host}', 'what is filled in is not looked into again');
select is(pg_temp.fill(''), '', 'nothing');
select is(pg_temp.fill('plain'), 'plain', 'nothing to fill in');
select is(pg_temp.fill('{{host}'), '{host}', 'a brace is written twice');
select is(pg_temp.fill('{{{host}'), '{192.0.2.1', 'before a placeholder too');
select is(pg_temp.fill('{"map": {"name": 1}} } {'), '{"map": {"name": 1}} } {', 'JSON is no placeholder');
select is(orrery_test.refusal($$select pg_temp.fill('a {port:rcon} b')$$) ->> 'code', 'OR003', 'a port that the kind has not');
select matches(orrery_test.refusal($$select pg_temp.fill('{hosts}')$$) ->> 'detail', '\{host\} \{key\}', 'is answered with what there is');
select * from finish();
rollback;
