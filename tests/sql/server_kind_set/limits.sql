-- Catches a limit that no agent knows or that is no number, and a kind that loses its limits, its log or its watchdog.
begin;
select no_plan();
select orrery_test.cluster_running('t');
create function pg_temp.it() returns text language sql as $$
  select concat_ws(' ', k.limits, k.log_bytes_max, k.log_files, coalesce(k.watchdog_ms::text, 'null')) from orrery.server_kind k where k.cluster = 't' and k.kind = 'arena'
$$;
select orrery.server_kind_set('arena', '{"role":"other","command":"x"}', 't');
select is(pg_temp.it(), '{} 16777216 3 null', 'the defaults');
select orrery.server_kind_set('arena', '{"limits":{"nofile":1024,"nproc":1,"address_space_bytes":1073741824,"file_size_bytes":0,"core_bytes":0,"cpu_s":60},
  "log_bytes_max":8192,"log_files":1,"watchdog_ms":500}', 't');
select pg_temp.it() as full \gset
select alike(:'full'::text, '%"cpu_s": 60%"address_space_bytes": 1073741824% 8192 1 500', 'set');
select orrery.server_kind_set('arena', '{"sessions_max":9}', 't');
select is(pg_temp.it(), :'full'::text, 'and kept');
select is(orrery_test.refusal(format('select orrery.server_kind_set(''arena'', %L, ''t'')', spec)) ->> 'code', 'OR003', spec)
from unnest(array['{"limits":{"nofiles":1}}', '{"limits":{"nofile":-1}}', '{"limits":{"nofile":1.5}}', '{"limits":{"nofile":"1"}}', '{"limits":{"nofile":null}}',
  '{"limits":{"nofile":99999999999999999999}}', '{"limits":{"nofile":1e30}}', '{"limits":[]}', '{"limits":null}', '{"limits":7}', '{"log_bytes_max":0}', '{"log_files":0}', '{"log_files":101}',
  '{"log_files":null}', '{"watchdog_ms":0}', '{"watchdog_ms":-5}', '{"limits":{"nofile":{"x":1}}}', '{"on_isolation":"pray"}']) spec;
select is(orrery_test.refusal($$select orrery.server_kind_set('arena', '{"limits":{"nofiles":1}}', 't')$$) - 'code', jsonb_build_object('message', 'kind arena cannot have such limits',
  'detail', 'nofiles 1', 'hint', 'Each is one of nofile, nproc, address_space_bytes, file_size_bytes, core_bytes, cpu_s with a non-negative integer.'), 'which kind, in a word');
select is(pg_temp.it(), :'full'::text, 'nothing was changed');
select * from finish();
rollback;
