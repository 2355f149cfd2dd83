#!/usr/bin/python3
"""100 bots on two agents: placed, moving, seeing, chatting; one killed; PostgreSQL killed; shut down to nothing."""

import signal
import time

from harness import Stack, check, finish, say, wait_until

BOTS = 100

stack = Stack()  # under the lease that clusters have: PostgreSQL's outage is to end nobody
a1 = stack.start_agent("a1")
a2 = stack.start_agent("a2")
check("two agents register and are up", stack.agents_up("a1", "a2"))
check("the cluster starts: login and chat are ready", stack.start_cluster())
check("nothing but login and chat runs before players come",
      stack.value("select count(*)::int from server_status where kind in ('grid', 'station')") == 0)

places = [(row["kind"], row["key"]) for row in
          stack.owner("select kind, key from space.place where cluster = %s order by kind, key", stack.cluster)]
grids, stations = [p for p in places if p[0] == "grid"][:4], [p for p in places if p[0] == "station"][:2]
stack.accounts("bot", BOTS, grids + stations)

say(f"{BOTS} bots log in")
bots = stack.start_bots("bots", BOTS - 1, "--ramp", "20", "--for", "0")
loner = stack.start_bots("loner", 1, "--for", "0", first=BOTS)


def playing():
    return stack.value("select count(*)::int from session_status where state = 'playing'")


check(f"{BOTS} sessions play", wait_until("all to play", lambda: playing() == BOTS, 120), f"{playing()} play")
zones = stack.sql("select kind, key, agent, state from server_status where kind in ('grid', 'station')")
check("six grids and stations were started for them, all ready",
      len(zones) == 6 and all(zone["state"] == "ready" for zone in zones), str(zones))
check("they stand on both agents", {zone["agent"] for zone in zones} == {"a1", "a2"}, str(zones))
check("every bot entered its owner", wait_until("all to enter", lambda: len(
    bots.bots_with(event="entered", role="owner") | loner.bots_with(event="entered", role="owner")) == BOTS, 20))
check("every bot is attached to chat", wait_until("all to attach", lambda: len(
    bots.bots_with(event="entered", role="chat") | loner.bots_with(event="entered", role="chat")) == BOTS, 20))
check("every bot sees others", wait_until("all to see", lambda: len(
    {event["bot"] for event in bots.events(event="sees") if event["others"] > 0}) == BOTS - 1, 30),
      f"{len({event['bot'] for event in bots.events(event='sees') if event['others'] > 0})} do")
check("every bot hears chat", wait_until("all to hear", lambda: len(
    {event["bot"] for event in bots.events(event="chat") if event["messages"] > 0}) == BOTS - 1, 30))
check("every bot has moved", wait_until("all to move", lambda: len(
    {event["bot"] for event in bots.events(event="sees") if event["moved_m"] > 1}) == BOTS - 1, 30))

say("one bot is killed with -9")
session = stack.sql("select session_id from session_status where account = %s", f"bot{BOTS:04d}")[0]["session_id"]
loner.kill(signal.SIGKILL)
killed_at = time.monotonic()
lapsed = wait_until("the lapse", lambda: stack.sql(
    "select rule, reason from event_log where what = %s and change like '%%-> ended'", f"session {session}"), 20)
check("its session is logged out as lapsed, with an event", bool(lapsed) and "lapse" in str(lapsed[0]), str(lapsed))
check("not before the lapse time", time.monotonic() - killed_at > 8)
check("the others play on", playing() == BOTS - 1, str(playing()))

say("PostgreSQL is killed with -9 while they play, with a timer due soon")
character = stack.owner("select character_id, name from orrery.character order by character_id limit 1")[0]
stack.sql("select space.skill_train(%s, 'navigation')", character["name"])
stack.owner("select orrery.timer_schedule('skill_training', key, clock_timestamp() + interval '4 seconds', payload, cluster) "
            "from orrery.timer where timer_kind = 'skill_training'")
snapshots_before = len(bots.events(event="sees"))
beaten = min(row["beat_at"] for row in stack.owner("select beat_at from orrery.agent_heartbeat"))
killed_at = time.monotonic()
stack.kill_database()
time.sleep(max(0, 6 - (time.monotonic() - killed_at)))
check("players stay connected while it is away", bots.running() and not bots.events(event="logged_out"),
      str(bots.events(event="logged_out")[:3]))
check("and go on seeing", len(bots.events(event="sees")) > snapshots_before)
check("the agent says that it waits", "database" in a1.tail(40).lower())
started_at = time.monotonic()
stack.start_database()
up_at = time.monotonic()
check("the agents are back", stack.agents_up("a1", "a2") and wait_until("their heartbeats", lambda: stack.count(
    "agent_heartbeat", f"beat_at > '{beaten}'::timestamptz + interval '6 seconds'") == 2, 20))
say(f"PostgreSQL was away for {up_at - killed_at:.1f} s, {up_at - started_at:.1f} s of them to recover; the agents were back "
    f"{time.monotonic() - up_at:.1f} s later; the lease is {stack.value('select value from setting_status where name = %s', 'lease_ms')} ms")
fired = wait_until("the timer", lambda: stack.value(
    "select level from space.skill_status where character = %s and skill = 'navigation'", character["name"]) == 1, 90)
check("a timer set before fires after the restart", bool(fired))
time.sleep(3)
check("it fired once", stack.value("select level from space.skill_status where character = %s and skill = 'navigation'",
                                   character["name"]) == 1 and stack.count("timer", "timer_kind = 'skill_training'") == 0)
check("nobody had to log in again", playing() == BOTS - 1 and not bots.events(event="logged_out"), str(playing()))

say("SELECT cluster_shutdown(5)")
notices = []
stack.sql("select cluster_shutdown(5)", notices=notices)
check("the verb answers in words", any("stops at" in notice and "cluster_shutdown_cancel" in notice for notice in notices),
      str(notices))
check("every bot received the warning", wait_until("warnings", lambda: len(
    bots.bots_with(event="notice", kind="warning")) == BOTS - 1, 5), str(len(bots.bots_with(event="notice", kind="warning"))))
check("the cluster stops", wait_until("the end", lambda: stack.cluster_state() == "stopped", 30), stack.cluster_state())
for left in (3, 2, 1):
    heard = len(bots.bots_with(event="notice", kind="countdown", seconds_left=left))
    check(f"every bot heard {left} s left", heard == BOTS - 1, str(heard))
check("every bot is logged out by the shutdown",
      wait_until("log-outs", lambda: len(bots.bots_with(event="logged_out", reason="shutdown")) == BOTS - 1, 10),
      str(len(bots.bots_with(event="logged_out", reason="shutdown"))))
check("no server is left", stack.value("select count(*)::int from server_status") == 0
      and stack.count("server", "state not in ('stopped')") == 0)
check("no session is left", stack.value("select count(*)::int from session_status") == 0
      and stack.count("session", "state <> 'ended'") == 0)
check("no port is left", stack.count("port", "server_id is not null") == 0)
check("no process is left", wait_until("the processes' end", lambda: not stack.processes_of(a1) + stack.processes_of(a2), 5))

say("it starts again, and grids stop when they are empty")
check("the cluster starts again", stack.start_cluster())
stack.sql("select server_kind_set('grid', '{\"idle_stop_ms\":1500}')")
visitors = stack.start_bots("visitors", 2, "--for", "12")
check("a visit starts a grid", wait_until("a grid", lambda: stack.value(
    "select count(*)::int from server_status where kind = 'grid' and state = 'ready'") > 0, 30))
check("the visitors leave by themselves", visitors.wait(39) == 0, visitors.tail())
check("their grids stop, login and chat stay", wait_until("grids to stop", lambda: {
    row["kind"] for row in stack.sql("select kind from server_status")} == {"login", "chat"}, 20))
check("an event says why", stack.value("select count(*)::int from event_log where rule = 'tick_idle' and reason = 'nobody is on it'") > 0)

say("an agent is killed with -9: what it ran goes on running and is found again")
before = sorted(stack.processes_of(a1))
a1.kill()
a1.wait(5)
check("its servers go on", before and sorted(stack.processes_of(a1)) == before, f"{before} then {stack.processes_of(a1)}")
a1 = a1.again()
check("the agent is back under its name", bool(a1.settled()))
check("with the very same servers", sorted(stack.processes_of(a1)) == before, f"{before} then {stack.processes_of(a1)}")
check("login and chat are ready", stack.value(
    "select count(*)::int from server_status where kind in ('login', 'chat') and state = 'ready'") == 2)
again = stack.start_bots("again", 3, "--for", "12")
check("players get in again", again.wait(60) == 0, again.tail())
check("the agent stops cleanly on SIGTERM", a1.stop(signum=signal.SIGTERM) == 0)
check("and, as it was told to drain, with its servers", not stack.processes_of(a1))
finish()
