-- orrery_event_partitions: partitions of event, made now and each hour.
select orrery.event_partitions();
select orrery.cron_job_set('orrery_event_partitions', '7 * * * *', 'select orrery.event_partitions()');
