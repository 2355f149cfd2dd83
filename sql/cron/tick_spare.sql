-- orrery_tick_spare: takes over when the main loop ends or is terminated.
select orrery.cron_job_set('orrery_tick_spare', '* * * * *', 'call orrery.tick_loop(true)');
