-- Catches a start that is accepted twice or changes something when refused.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select lives_ok('select orrery.cluster_start(''t'')', 'a stopped cluster starts');
select array_agg(s order by s.server_id)::text as before from orrery.server s where s.cluster = 't' \gset
select orrery_test.refusal('select orrery.cluster_start(''t'')') as no \gset
select is(:'no'::jsonb ->> 'code', 'OR002', 'not twice');
select ok(:'no'::jsonb ->> 'detail' <> '' and :'no'::jsonb ->> 'hint' <> '', 'with detail and hint');
select is((select array_agg(s order by s.server_id)::text from orrery.server s where s.cluster = 't'), :'before', 'nothing was changed');
select is(orrery_test.refusal('select orrery.cluster_start(''nowhere'')') ->> 'code', 'OR001', 'unknown cluster');
select is(orrery_test.refusal('select orrery.cluster_start(''nowhere'')') ->> 'hint', 'SELECT cluster_create(''nowhere'')', 'the hint makes it');
select * from finish();
rollback;
