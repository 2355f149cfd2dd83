-- Catches a player who is told what is for the log, or not why he was thrown out.
begin;
select plan(8);
select is(orrery.session_end_reason(r, l), w, format('%s, %s', r, l)) from (values
  ('lapse: silent for 10 s', null, 'lapse'), ('token expired', null, 'token expired'), ('kicked: spam: twice', null, 'kicked: spam: twice'),
  ('banned until 2026-11-23 08:00:00 UTC: cheats', 'superseded', 'banned until 2026-11-23 08:00:00 UTC: cheats'), ('kickedly: x', null, 'kickedly'),
  ('lapse: signal 9', 'superseded', 'superseded'), ('shutdown: kicked: no', null, 'shutdown'), (null, null, 'ended')) v (r, l, w);
select * from finish();
rollback;
