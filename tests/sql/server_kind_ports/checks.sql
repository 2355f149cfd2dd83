-- Catches ports that no agent could give, and a start whose arguments name what there is not.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
create function pg_temp.set_to(p_spec jsonb) returns text language plpgsql as $$
begin
  perform orrery.server_kind_set('arena', '{"command":"arena"}'::jsonb || p_spec, 't');
  return null;
exception when others then
  return sqlstate;
end
$$;
select is(pg_temp.set_to(s::jsonb), case when fine then null else 'OR003' end, s) from (values
  ('{"ports":[]}', true), ('{"ports":[{"name":"game"}]}', true), ('{"ports":[{"name":"game","protocol":"tcp","count":4},{"name":"rcon"}]}', true),
  ('{"ports":[{"name":"game","count":1000}]}', true),
  ('{"ports":null}', false), ('{"ports":{}}', false), ('{"ports":[1]}', false), ('{"ports":[{}]}', false), ('{"ports":[{"name":null}]}', false),
  ('{"ports":[{"name":"Game"}]}', false), ('{"ports":[{"name":"game"},{"name":"game"}]}', false), ('{"ports":[{"name":"game","count":0}]}', false),
  ('{"ports":[{"name":"game","count":-1}]}', false), ('{"ports":[{"name":"game","count":1.5}]}', false), ('{"ports":[{"name":"game","count":"2"}]}', false),
  ('{"ports":[{"name":"game","count":null}]}', false), ('{"ports":[{"name":"game","count":1001}]}', false),
  ('{"ports":[{"name":"a","count":501},{"name":"b","count":500}]}', false), ('{"ports":[{"name":"game","protocol":"sctp"}]}', false),
  ('{"ports":[{"name":"game","protocol":null}]}', false), ('{"ports":[{"name":"game","number":7}]}', false),
  ('{"ports":[{"name":"game"}],"args":["-p","{port:game}"]}', true), ('{"ports":[{"name":"game"}],"args":["-p","{port:public}"]}', false),
  ('{"env":{"KEY":"{key}"}}', true), ('{"env":{"KEY":"{nothing}"}}', false),
  ('{"ports":[],"args":[],"env":{},"ready_by":"port"}', false), ('{"ports":[],"args":[],"public_port":7777}', false), ('{"ready_by":"output"}', false),
  ('{"ports":[{"name":"game","count":6}],"args":[],"public_port":65530}', true), ('{"ports":[{"name":"game","count":7}],"args":[],"public_port":65530}', false),
  ('{"public_port":2147483647}', false), ('{"ports":[{"name":"game"}],"public_port":null}', true),
  ('{"ready_by":"output","ready_pattern":"^up"}', true), ('{"ready_by":"notify","ready_pattern":null}', true), ('{"ready_by":"soon"}', false),
  ('{"stop_signal":"INT"}', true), ('{"stop_signal":"KILL"}', false), ('{"agent_labels":{"region":"eu"}}', true), ('{"agent_labels":{"region":1}}', false),
  ('{"agent_labels":[]}', false), ('{"agent_labels":null}', false), ('{"apart":"agent"}', true), ('{"apart":"rack 1"}', false), ('{"apart":null}', true),
  ('{"placement_function":"orrery.placement_packed"}', true), ('{"placement_function":null}', false)) v (s, fine);
select is(pg_temp.set_to('{"role":"zone","ports":[{"name":"game"}]}'), 'OR003', 'one of ours needs a private port');
select is(pg_temp.set_to('{"placement_function":"orrery.clock"}'), 'OR001', 'a policy has its arguments');
select is(pg_temp.set_to('{"placement_function":"orrery.placement_score"}'), 'OR001', 'and no others');
select is((select k.ports from orrery.server_kind k where k.cluster = 't' and k.kind = 'arena'), '[{"name":"game","count":1,"protocol":"udp"}]'::jsonb, 'what is left away has its default');
select is(orrery.server_kind_ports('k', '[]'), '[]'::jsonb, 'none');
select * from finish();
rollback;
