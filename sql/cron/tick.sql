-- orrery_tick: the main tick loop, a minute long.
select orrery.cron_job_set('orrery_tick', '* * * * *', 'call orrery.tick_loop()');
