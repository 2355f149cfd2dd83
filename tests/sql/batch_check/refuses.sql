-- Catches a call that takes as long as its caller likes.
begin;
set local client_min_messages = warning;
select no_plan();
select lives_ok(format('select orrery.batch_check(''p_x'', %L)', v), left(v::text, 20)) from unnest(array['[]', '[5,{}]', (select jsonb_agg(n) from generate_series(1, 200) n)]::jsonb[]) v;
select throws_ok(format('select orrery.batch_check(''p_x'', %L)', v), 'OR003', null, coalesce(left(v::text, 20), 'none')) from unnest(array['{}', 'null', '5', null, (select jsonb_agg(n) from generate_series(1, 201) n)]::jsonb[]) v;
select * from finish();
rollback;
