-- Catches chat that is kept for ever, too short, or of which the newest go.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann \gset
select orrery_test.chat_in(:ann, 'cluster') as everybody, orrery_test.chat_in(:ann, 'space') as space \gset
select orrery_test.chat_said(:ann, :everybody, n, 'm' || n) from generate_series(1, 103) n;
select orrery_test.chat_said(:ann, :space, 1, 'here');
update orrery.setting set value = 100 where name = 'chat_kept_max';
select is(orrery.tick_purge(), null, 'all was done');
select results_eq(format('select min(number), max(number) from orrery.chat_message where channel_id = %s', :everybody), $$values (4::bigint, 103::bigint)$$, 'so many of a channel');
select is((select count(*) from orrery.chat_message where channel_id = :space), 1::bigint, 'each channel for itself');
select orrery_test.clock_advance(make_interval(secs => orrery.setting('chat_kept_s')::float8 + 1));
select orrery_test.chat_said(:ann, :everybody, 200, 'new');
select orrery.tick_purge();
select is(orrery_test.chat_heard(:a, :everybody), array['104 Ann: new'], 'for so long; numbers go on');
select * from finish();
rollback;
