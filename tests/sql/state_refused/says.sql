-- Catches a refusal that lets the change through, or does not say which one it was and what is allowed.
begin;
select no_plan();
select throws_ok($$select orrery.state_refused('server', '7', 'ready', 'none', 'test')$$, 'OR009', 'server 7 cannot go from ready to none', 'refused');
do $$ declare v_detail text; v_hint text; begin
  perform orrery.state_refused('server', '7', 'ready', 'none', 'a rule');
exception when sqlstate 'OR009' then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  perform set_config('orrery_test.said', v_detail || ' ' || v_hint, true);
end $$;
select matches(current_setting('orrery_test.said'), 'Rule a rule .*machine = ''server''', 'by whose rule, and where the allowed ones are');
select * from finish();
rollback;
