-- Catches an address that is counted as many, or many as one.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.login_subject(v[1]), v[2], coalesce(v[1], 'null')) from (values (array['192.0.2.9:4711', '192.0.2.9']), (array['192.0.2.9', '192.0.2.9']),
  (array['[2001:db8:1:2:3:4:5:6]:4711', '2001:db8:1:2::/64']), (array['2001:db8:1:2::9', '2001:db8:1:2::/64']), (array['[2001:DB8:1:3::]:1', '2001:db8:1:3::/64']),
  (array['[::ffff:192.0.2.9]:4711', '192.0.2.9']), (array['[::1]:5', '::/64']), (array['somewhere', 'somewhere']), (array['[1:2:3]:4', '1:2:3']), (array[repeat('x', 101), null]), (array['', null]),
  (array[E'a\nb', null]), (array['999.0.2.9:1', '999.0.2.9']), (array[null, null])) x (v);
select * from finish();
rollback;
