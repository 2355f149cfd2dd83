-- The sample game's tables are isolated by cluster as the control plane's are.
select orrery.isolation_apply('space');
