-- orrery_tick_boot: ticks at once after a restart instead of at the next full minute.
select orrery.cron_job_set('orrery_tick_boot', '@reboot', 'call orrery.tick_loop()');
