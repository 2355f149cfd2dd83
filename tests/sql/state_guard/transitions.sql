-- Catches an edge added or dropped unseen: change this with sql/schema/11_transition.sql, and the agent with both.
begin;
select plan(1);
select is((
  select string_agg(e.edge, ' ' order by e.edge collate "C") from (select machine || ':' || from_state || '>' || to_state as edge from orrery.transition) e),
  'agent:lost>up agent:none>up agent:up>lost cluster:none>stopped cluster:running>shutting_down '
  'cluster:shutting_down>running cluster:shutting_down>starting cluster:shutting_down>stopping cluster:starting>running '
  'cluster:starting>shutting_down cluster:stopped>starting cluster:stopping>stopped command:claimed>done '
  'command:claimed>failed command:claimed>pending command:claimed>void command:none>pending command:pending>claimed '
  'command:pending>void server:failed>requested server:failed>stopped server:none>requested server:ready>failed '
  'server:ready>requested server:ready>stopped server:ready>stopping server:requested>failed server:requested>starting '
  'server:requested>stopped server:starting>failed server:starting>ready server:starting>requested '
  'server:starting>stopped server:starting>stopping server:stopping>stopped session:none>selecting session:orphaned>ended '
  'session:orphaned>playing session:playing>ended session:playing>orphaned session:selecting>ended '
  'session:selecting>playing session:selecting>waiting session:waiting>ended session:waiting>playing '
  'session:waiting>selecting',
  'every edge of every state machine');
select * from finish();
rollback;
