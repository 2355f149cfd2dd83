-- Catches an inventory that makes no sense answered by an error of PostgreSQL's own, which no daemon knows.
begin;
set local client_min_messages = warning;
select plan(4);
select orrery_test.cluster_up('t') as a \gset
create function pg_temp.code(p_agent jsonb, p_inventory jsonb) returns text language sql as $$
  select orrery_test.refusal(format('select orrery_test.beat(%L, %L)', p_agent, p_inventory)) ->> 'code'
$$;
select is(pg_temp.code(:'a', '{}'), 'OR003', 'no array');
select is(pg_temp.code(:'a', '[1]'), 'OR003', 'no objects');
select is(pg_temp.code(:'a', '[{"server_id":"x","epoch":1,"state":"ready"}]'), 'OR003', 'no id');
select is((select array_agg(distinct state) from orrery.server where cluster = 't'), '{ready}', 'and nothing has changed');
select * from finish();
rollback;
