-- Catches a server that starts without its world, or learns a key that is not its own.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1', 'starting') as grid, orrery_test.server_made('t', 'login', 'main') as login,
  orrery_test.server_made('t', 'station', 'nowhere', 'starting') as lost \gset
select orrery_test.answer(:grid, 'server_start_info') as i \gset
select is(:'i'::jsonb - array['settings', 'link_root', 'world'],
  '{"cluster":"t","kind":"grid","key":"aldra-1","role":"zone","saved":null,"news_number":0}'::jsonb, 'who it is');
select is(:'i'::jsonb -> 'world', space.world('t', 'grid', 'aldra-1'), 'and its world');
insert into orrery.world (cluster, kind, key, saved, saved_epoch, saved_at, news_number)
values ('t', 'grid', 'aldra-1', '{"rocks":3}', 1, now(), 7), ('t', 'grid', 'aldra-2', '{"rocks":4}', 1, now(), 8);
select is((select (i -> 'saved', i -> 'news_number')::text from orrery_test.answer(:grid, 'server_start_info') i), '("{""rocks"": 3}",7)', 'what was saved of it, and which news came before');
select is(orrery_test.answer(:login, 'server_start_info') ?| array['saved', 'news_number'], false, 'of a zone alone');
select is((:'i'::jsonb -> 'settings' ->> 'zone_tick_hz')::numeric, orrery.setting('zone_tick_hz'), 'settings by name');
select is(:'i'::jsonb ->> 'link_root', (select encode(orrery.link_root(c.link_secret, s.server_id, s.epoch), 'hex')
  from orrery.server s join orrery.cluster_secret c using (cluster) where s.server_id = :grid), 'the root of its senders'' keys');
select is(orrery_test.answer(:login, 'server_start_info') -> 'static_keys', (select jsonb_build_array(encode(static_key, 'hex')) from orrery.cluster_key where cluster = 't'),
  'the login server alone gets the static keys');
select is(orrery_test.answer(:login, 'server_start_info') -> 'keys_version', '1', 'and which they are');
select is(orrery_test.answer(:login, 'server_start_info') -> 'world', '{}'::jsonb, 'no world for a kind without a world function');
select throws_ok(format('select orrery.server_start_info(%s)', orrery_test.me(:lost)), 'OR001', null, 'a key that does not exist');
select * from finish();
rollback;
