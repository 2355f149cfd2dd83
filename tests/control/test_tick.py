#!/usr/bin/python3
"""The tick's two loops on real connections: who holds the lease, who takes over when a backend ends, dies or hangs, that two at
once fire and place nothing twice, what hangs is cancelled and parked, and what an idle tick costs."""

import contextlib
import os
import signal
import statistics
import threading
import time

import psycopg2

from database import Database, check, finish, machine, say, wait_until

IDLE_S = float(os.environ.get("ORRERY_IDLE_S", "12"))
STEP_MS_MAX = 1500


class Loop:
    """Calls tick_loop as pg_cron does, a minute after the other, on a connection that is made anew when it is lost."""

    def __init__(self, database, spare):
        self.database, self.spare, self.errors, self.running = database, spare, [], True
        self.pid = self.started_at = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        wait_until("a loop", lambda: self.pid, 10)

    def _run(self):
        while self.running:
            try:
                with contextlib.closing(self.database.connect("orrery_cron")) as connection:
                    connection.autocommit = True
                    self.pid = connection.get_backend_pid()
                    while self.running:
                        connection.cursor().execute(f"call orrery.tick_loop({str(self.spare).lower()})")
            except psycopg2.Error as error:
                self.errors.append(str(error).splitlines()[0])
                time.sleep(0.02)

    def stop(self):
        self.running = False
        with contextlib.suppress(psycopg2.Error):
            self.database.sql("select pg_terminate_backend(%s)", self.pid)
        self.thread.join(10)


class Watcher:
    """One connection that stays, for questions at short intervals."""

    def __init__(self, database):
        self.connection = database.connect()
        self.connection.autocommit = True

    def value(self, statement, *params):
        cursor = self.connection.cursor()
        cursor.execute(statement, params or None)
        return cursor.fetchone()[0]

    def holder(self):
        return self.value("select coalesce((select backend from orrery.tick_state), 0)")

    def tick_age_s(self):
        return self.value("select coalesce(extract(epoch from orrery.clock() - orrery.tick_at()), 1e9)::float8")


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prepare(database):
    """A cluster `t` with two agents and ten servers, which nobody expects to hear of again."""
    database.sql("""
        create schema games;
        create role games nologin;
        grant usage on schema games, orrery to games;
        grant usage on schema games to orrery_owner;
        create table games.fired (key text not null, at timestamptz not null default clock_timestamp());
        grant insert on games.fired to games;
        create function games.note(p_timers orrery.timer[]) returns void language sql security definer as
          'insert into games.fired (key) select t.key from unnest(p_timers) t';
        create function games.hang(p_timers orrery.timer[]) returns void language plpgsql security definer as $$
        begin
          insert into games.fired (key) select t.key from unnest(p_timers) t;
          if exists (select from unnest(p_timers) t where left(t.key, 4) = 'hang') then
            perform pg_sleep(3600);
          end if;
        end $$;
        alter function games.note(orrery.timer[]) owner to games;
        alter function games.hang(orrery.timer[]) owner to games;
        grant execute on function games.note(orrery.timer[]), games.hang(orrery.timer[]) to orrery_owner;
        select orrery.timer_kind_set('note', 'games.note', 'notes'), orrery.timer_kind_set('hang', 'games.hang', 'hangs');
        select orrery.setting_set('lease_ms', 600000), orrery.setting_set('tick_step_ms_max', %s);
        select orrery.cluster_create('t');
        select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');""", STEP_MS_MAX)
    agents = [database.value("select orrery.agent_register(%s, %s, %s)", f"a{n}", f"{n:064x}", psycopg2.extras.Json(machine(["t"])))
              for n in (1, 2)]
    database.sql("select orrery.cluster_start('t')")
    for key in range(8):
        database.sql("select orrery.server_request('plain', %s, 't')", str(key))
    for agent in agents:
        beat(database, agent)
    return agents


def beat(database, agent):
    """Heartbeats and carries out what comes: starts become ready, stops exit."""
    reports = []
    answer = database.value("select orrery.agent_heartbeat(%s, %s, '{}', '00')", agent["agent_id"], agent["token"])
    for command in answer["commands"]:
        reports.append({"command_id": command["command_id"], "ok": True})
        if command["verb"] != "tell":
            reports.append({"server_id": command["server_id"], "epoch": command["epoch"], "reason": "exit status 0",
                            "state": "ready" if command["verb"] == "start" else "exited"})
    database.sql("select orrery.agent_report(%s, %s, %s)", agent["agent_id"], agent["token"], psycopg2.extras.Json(reports))


def takes_over(database, watcher):
    took, kept = [], []
    for _ in range(5):
        wait_until("a tick", lambda: watcher.tick_age_s() < 0.2, 5, 0.01)
        holder = watcher.holder()
        since = watcher.value("select since_at from orrery.tick_state")
        database.sql("select pg_terminate_backend(%s)", holder)
        from_s = time.monotonic()
        wait_until("the other loop", lambda: watcher.holder() not in (0, holder), 5, 0.002)
        took.append(time.monotonic() - from_s)
        kept.append(watcher.value("select since_at from orrery.tick_state") == since)
    say(f"taken over after {', '.join(f'{t * 1000:.0f}' for t in took)} ms; tick_spare_ms is 100")
    check("a terminated loop is followed by the other within tick_spare_ms", statistics.median(took) < 0.15, str(took))
    check("and that is never a gap", all(kept), str(kept))


def hangs(database, watcher, loops, agents):
    """A handler that does not end, and a row that somebody holds: the other steps go on, and the loops live."""
    wait_until("both loops", lambda: watcher.value("select count(*) from pg_stat_activity where usename = 'orrery_cron'") == len(loops), 5)
    time.sleep(0.1)
    errors = [list(loop.errors) for loop in loops]
    database.sql("select orrery.timer_schedule('hang', 'good' || n, orrery.clock() + interval '0.2 s', '{}', 't') from generate_series(1, 20) n")
    database.sql("select orrery.timer_schedule('hang', 'hang', orrery.clock() + interval '0.2 s', '{}', 't')")
    database.sql("select orrery.timer_schedule('note', 'beside', orrery.clock() + interval '0.3 s', '{}', 't')")
    worst = 0.0
    until = time.monotonic() + 20
    parked = False
    while time.monotonic() < until and not parked:
        worst = max(worst, watcher.tick_age_s())
        parked = watcher.value("select exists (select from orrery.timer_parked where key = 'hang')")
        time.sleep(0.02)
    check("a handler that hangs is cancelled and its timer parked", parked)
    check("with the reason", watcher.value("select error from orrery.timer_parked where key = 'hang'") ==
          "57014: cancelled: it did not end in its time" if parked else False)
    wait_until("the others", lambda: watcher.value("select count(*) from games.fired") == 21, 10)
    check("timers of its batch and of other kinds fire, once",
          watcher.value("select array_agg(n order by n) = array_fill(1, array[21]) from (select count(*)::int as n from games.fired group by key) f"))
    say(f"with a handler that hangs the tick was {worst:.1f} s old at most; a step may take {STEP_MS_MAX / 1000} s, the lease 2 s")
    check("the other loop ticked meanwhile", worst < 4.0, f"{worst:.1f} s")

    server = database.value("select orrery.server_request('plain', 'held', 't') ->> 'server_id'")
    for agent in agents:
        beat(database, agent)
    with contextlib.closing(database.connect()) as other:
        cursor = other.cursor()
        cursor.execute("select from orrery.server where server_id = %s for no key update", (server,))
        cursor.execute("update orrery.server set state = 'requested', rule = 'test', agent_id = null, try_at = orrery.clock() + interval '1 s'"
                       " where server_id = %s", (server,))
        cursor.execute("delete from orrery.port where server_id = %s", (server,))
        other.commit()
        cursor.execute("select from orrery.server where server_id = %s for no key update", (server,))
        told = wait_until("the step", lambda: watcher.value(
            "select count(*) from orrery.event where noun = 'tick' and rule = 'tick_failed' and noun_id = 'servers'"), 1 + 3 * STEP_MS_MAX / 1000)
        age = watcher.tick_age_s()
        other.rollback()
    check("a step that waits for a row that somebody holds is cancelled", told)
    check("the others go on", age < 4.0)
    wait_until("the server", lambda: watcher.value("select state from orrery.server where server_id = %s", server) == "starting", 8)
    check("and is decided when it is free", watcher.value("select state from orrery.server where server_id = %s", server) == "starting")
    check("no loop died of it", [loop.errors for loop in loops] == errors, str([loop.errors for loop in loops]))


def policy_hangs(database, watcher, loops):
    """Catches a fleet's policy that loops for ever and takes the tick, or what else it decides, with it."""
    database.sql("""
        create table games.policy_hangs (at timestamptz);
        grant select on games.policy_hangs to games;
        create function games.policy(p_fleet jsonb) returns bigint language plpgsql stable security definer as $$
        begin
          while exists (select from games.policy_hangs) loop null; end loop;
          return 0;
        end $$;
        alter function games.policy(jsonb) owner to games;
        grant execute on function games.policy(jsonb) to orrery_owner;
        select orrery.setting_set('policy_retry_ms', 1000);
        select orrery.fleet_set('calm', '{"kind":"plain","policy":"games.policy"}', 't');""")
    errors = [list(loop.errors) for loop in loops]
    database.sql("insert into games.policy_hangs values (now())")
    fault = "select coalesce(fault, '') from orrery.fleet where fleet = 'calm'"
    age, until = 0.0, time.monotonic() + 4 * STEP_MS_MAX / 1000 + 3
    while "cancelled" not in watcher.value(fault) and time.monotonic() < until:
        age = max(age, watcher.tick_age_s())
        time.sleep(0.02)
    check("a policy that loops for ever is cancelled, and its fleet says so", "cancelled" in watcher.value(fault), watcher.value(fault))
    database.sql("select orrery.timer_schedule('note', 'meanwhile', orrery.clock(), '{}', 't')")
    wait_until("a timer", lambda: watcher.value("select count(*) from games.fired where key = 'meanwhile'") == 1, 2 * STEP_MS_MAX / 1000)
    check("what else is due is decided meanwhile", watcher.value("select count(*) from games.fired where key = 'meanwhile'") == 1)
    check("within the lease of the tick", age < 4.0, f"{age:.1f} s")
    database.sql("truncate games.policy_hangs")
    check("it is asked again, and has no fault", wait_until("the policy", lambda: watcher.value(fault) == "", 4 * STEP_MS_MAX / 1000 + 5))
    check("no loop died of that", [loop.errors for loop in loops] == errors, str([loop.errors for loop in loops]))
    database.sql("select orrery.fleet_drop('calm', 't')")


def placement_hangs(database, watcher, loops):
    """Catches a kind's placement policy that loops for ever and takes the tick, or what else it decides, with it."""
    database.sql("""
        insert into games.policy_hangs values (now());
        create function games.place(p_kind jsonb, p_room jsonb) returns float8 language plpgsql stable security definer as $$
        begin
          while exists (select from games.policy_hangs) loop null; end loop;
          return 0;
        end $$;
        alter function games.place(jsonb, jsonb) owner to games;
        grant execute on function games.place(jsonb, jsonb) to orrery_owner;
        select orrery.server_kind_set('placed', '{"command":"true","placement_function":"games.place"}', 't');""")
    errors = [list(loop.errors) for loop in loops]
    database.sql("select orrery.fleet_set('placed', '{\"kind\":\"placed\",\"policy_args\":{\"size\":1}}', 't')")
    found = "select coalesce(string_agg(state || ': ' || reason, ' '), '') from orrery.server where fleet = 'placed'"
    check("a placement policy that loops for ever is cancelled, and its server says so", wait_until(
        "the end of it", lambda: "cancelled" in watcher.value(found), 4 * STEP_MS_MAX / 1000 + 5), watcher.value(found))
    database.sql("select orrery.setting_set('policy_retry_ms', 600000), orrery.timer_schedule('note', 'beside', orrery.clock(), '{}', 't')")
    check("what else is due is decided", wait_until("a timer", lambda: watcher.value("select count(*) from games.fired where key = 'beside'") == 1, 3 * STEP_MS_MAX / 1000))
    database.sql("truncate games.policy_hangs")
    database.sql("update orrery.server set try_at = orrery.clock() where fleet = 'placed' and state = 'requested'")
    check("asked again it places", wait_until("its place", lambda: watcher.value(found).startswith("starting"), 5), watcher.value(found))
    check("no loop died of it either", [loop.errors for loop in loops] == errors, str([loop.errors for loop in loops]))
    database.sql("select orrery.fleet_drop('placed', 't')")


def policy_traps(database, watcher, loops):
    """Catches a policy that does not even end when it is cancelled, and takes one loop after the other with it."""
    database.sql("""
        insert into games.policy_hangs values (now());
        create function games.traps(p_fleet jsonb) returns bigint language plpgsql stable security definer as $$
        begin
          while exists (select from games.policy_hangs) loop
            begin
              perform pg_sleep(1);
            exception when query_canceled then
              null;
            end;
          end loop;
          return 0;
        end $$;
        alter function games.traps(jsonb) owner to games;
        grant execute on function games.traps(jsonb) to orrery_owner;
        select orrery.setting_set('policy_retry_ms', 100);""")
    before = sum(len(loop.errors) for loop in loops)
    database.sql("select orrery.fleet_set('traps', '{\"kind\":\"plain\",\"policy\":\"games.traps\"}', 't')")
    fault = "select coalesce(fault, '') from orrery.fleet where fleet = 'traps'"
    check("a policy that traps its cancel is called no more, and its fleet says so", wait_until(
        "the end of it", lambda: "not even when it was cancelled" in watcher.value(fault), 6 * STEP_MS_MAX / 1000 + 5), watcher.value(fault))
    check("one loop had to be ended for that", sum(len(loop.errors) for loop in loops) == before + 1, str([loop.errors for loop in loops]))
    check("which is told", watcher.value("select count(*) from orrery.event where noun = 'policy' and noun_id = 'games.traps'") == 1)
    age, until = 0.0, time.monotonic() + 3 * STEP_MS_MAX / 1000
    while time.monotonic() < until:
        age = max(age, watcher.tick_age_s())
        time.sleep(0.02)
    check("the tick goes on", age < 1.5 and sum(len(loop.errors) for loop in loops) == before + 1, f"{age:.1f} s")
    database.sql("truncate games.policy_hangs")
    database.sql("select orrery.fleet_set('traps', '{\"policy\":\"games.traps\"}', 't')")
    check("named again it is asked again", wait_until("the policy", lambda: watcher.value(fault) == "", 5), watcher.value(fault))
    database.sql("select orrery.fleet_drop('traps', 't')")


def two_at_once(database, watcher):
    """The lease is taken away from whoever holds it, all the time: both tick."""
    database.sql("truncate games.fired")
    database.sql("select orrery.timer_schedule('note', 'n' || n, orrery.clock() + n * interval '1 millisecond', '{}', 't') from generate_series(1, 3000) n")
    for key in range(20, 40):
        database.sql("insert into orrery.server (cluster, kind, key, epoch, rule, state_at, requested_at, try_at) "
                     "values ('t', 'plain', %s, orrery.epoch_next(), 'test', now(), now(), orrery.clock())", str(key))
    holders = set()
    until = time.monotonic() + 4
    while time.monotonic() < until:
        holders.add(watcher.holder())
        watcher.connection.cursor().execute("update orrery.tick_state set backend = 0")
        time.sleep(0.015)
    wait_until("timers", lambda: watcher.value("select count(*) from orrery.timer") == 0, 10)
    fired = watcher.value("select format('%s of %s', count(distinct key), count(*)) from games.fired")
    check("two loops at once fire each timer once", fired == "3000 of 3000", fired)
    wait_until("placements", lambda: watcher.value("select count(*) from orrery.server where key ~ '^[23][0-9]$' and state = 'starting'") == 20, 10)
    check("and place each server once", watcher.value(
        "select count(*) = 20 and bool_and(c.n = 1 and p.n = 2) from orrery.server s, "
        "lateral (select count(*) as n from orrery.command c where c.server_id = s.server_id and c.verb = 'start') c, "
        "lateral (select count(*) as n from orrery.port p where p.server_id = s.server_id) p "
        "where s.kind = 'plain' and s.key ~ '^[23][0-9]$'"))
    check("both had the lease", len(holders - {0}) >= 2, str(holders))


def prompt(database, watcher):
    """Catches a loop that sleeps over what was committed after it had looked and found nothing."""
    database.sql("truncate games.fired")
    # a look that finds nothing has this to wait for
    database.sql("select orrery.timer_schedule('note', 'far', orrery.clock() + interval '1 hour', '{}', 't')")
    late_ms = []
    for n in range(20):
        # anywhere in the second
        time.sleep(0.15 + 0.037 * n)
        key = f"now{n}"
        asked = watcher.value("with s as (select orrery.clock() as at) select at from s, orrery.timer_schedule('note', %s, s.at, '{}', 't')", key)
        wait_until("the timer", lambda: watcher.value("select count(*) from games.fired where key = %s", key) == 1, 5)
        late_ms.append(watcher.value("select extract(epoch from at - %s)::float8 * 1000 from games.fired where key = %s", asked, key))
    database.sql("select orrery.timer_cancel('note', 'far', 't')")
    median = sorted(late_ms)[10]
    say(f"a timer that was due at once fired after {median:.0f} ms in the median, {max(late_ms):.0f} at most")
    check("what is committed between two seconds is seen by the next tick", median < 150, str(late_ms))


def idle(watcher):
    """CPU of the loop that ticks, and WAL but for what PostgreSQL writes by itself (who reads a page prunes it). A hand-over or a
    gap writes one record."""
    watcher.connection.cursor().execute("create extension if not exists pg_walinspect")
    pids = watcher.value("select array_agg(pid) from pg_stat_activity where usename = 'orrery_cron'")
    lease = "select format('%s since %s', backend, since_at) from orrery.tick_state"
    before, leases = {pid: cpu_s(pid) for pid in pids}, [watcher.value(lease)]
    from_s, lsn = time.monotonic(), watcher.value("select pg_current_wal_lsn()::text")
    while time.monotonic() - from_s < IDLE_S:
        time.sleep(0.5)
        now = watcher.value(lease)
        if now != leases[-1]:
            leases.append(now)
    took = time.monotonic() - from_s
    percent = {pid: (cpu_s(pid) - before[pid]) / took * 100 for pid in pids}
    records = [] if watcher.value("select pg_current_wal_lsn() = %s", lsn) else watcher.value(
        "select coalesce(array_agg(resource_manager || ' ' || record_type), '{}') from pg_get_wal_records_info_till_end_of_wal(%s)"
        " where resource_manager not in ('Standby', 'XLOG') and record_type <> 'PRUNE'", lsn)
    say(f"idle for {took:.0f} s: the loop that ticks costs {max(percent.values()):.2f} % of a core, the spare {min(percent.values()):.2f} %; "
        f"{len(records)} WAL records, {len(leases) - 1} hand-overs or gaps")
    check("idle, the loop that ticks costs 2 % of a core at most", max(percent.values()) < 2.0, str(percent))
    check("and writes no WAL but for a hand-over or a gap", len(records) <= len(leases) - 1, f"{records}, {leases}")


def killed(database, loops):
    """kill -9 of the holder: PostgreSQL restarts every backend and empties what is not logged."""
    with contextlib.closing(Watcher(database).connection) as connection:
        cursor = connection.cursor()
        cursor.execute("select backend from orrery.tick_state")
        holder = cursor.fetchone()[0]
        os.kill(holder, signal.SIGKILL)
    from_s = time.monotonic()

    def up():
        with contextlib.suppress(psycopg2.Error):
            database.sql("select 1")
            return True
        return False
    time.sleep(0.05)
    wait_until("PostgreSQL", up, 30, 0.01)
    back_s = time.monotonic() - from_s

    def ticks():
        with contextlib.suppress(psycopg2.Error):
            return database.value("select orrery.clock() - orrery.tick_at() < '1 s'")
        return False
    ticked = wait_until("a tick", ticks, 10, 0.01)
    say(f"after kill -9 of a backend: PostgreSQL is back after {back_s:.2f} s, the tick after {time.monotonic() - from_s:.2f} s")
    check("after kill -9 of the holder the tick runs again", ticked and time.monotonic() - from_s - back_s < 1.0)
    check("it is not continuous over that", database.value("select since_at > orrery.clock() - interval '10 s' from orrery.tick_state"))
    check("both loops are there", wait_until("both", lambda: database.value(
        "select count(*) from pg_stat_activity where usename = 'orrery_cron'") == len(loops), 5))


def main():
    database = Database()
    agents = prepare(database)
    watcher = Watcher(database)
    watcher.connection.cursor().execute("alter system set autovacuum = off")
    database.sql("select pg_reload_conf()")
    loops = [Loop(database, False), Loop(database, True)]
    check("a loop takes the lease", wait_until("a holder", lambda: watcher.holder() in [loop.pid for loop in loops], 5))
    takes_over(database, watcher)
    hangs(database, watcher, loops, agents)
    policy_hangs(database, watcher, loops)
    placement_hangs(database, watcher, loops)
    policy_traps(database, watcher, loops)
    two_at_once(database, watcher)
    for agent in agents:
        beat(database, agent)
    prompt(database, watcher)
    idle(watcher)
    killed(database, loops)
    for loop in loops:
        loop.stop()
    finish()


main()
