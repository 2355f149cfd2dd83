-- Catches a player who is not told until when.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.ban_words('2026-11-23 10:00:00+02', 'cheats'), 'banned until 2026-11-23 08:00:00 UTC: cheats', 'until then');
select is(orrery.ban_words(null, 'cheats'), 'banned for good: cheats', 'for good');
select * from finish();
rollback;
