#!/usr/bin/python3
"""Who is cut off: databases away beyond the lease, agents stopped and returning late, fenced, drained; a blank database is not obeyed."""

import signal
import time

from harness import Stack, check, finish, say, wait_until

LEASE_S, MARGIN_S = 5, 2

stack = Stack(settings={"lease_ms": LEASE_S * 1000, "lease_margin_ms": MARGIN_S * 1000, "heartbeat_ms": 500, "start_backoff_ms": 200})


def running():
    """(server, epoch) → pid of every server process, by /proc."""
    return {server.ref: server.pid for server in stack.servers()}


def known():
    """(server, epoch) of every server that the database takes for running."""
    return {(row["server_id"], row["epoch"]) for row in
            stack.owner("select server_id, epoch from orrery.server where state in ('starting', 'ready', 'stopping')")}


a1 = stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
check("the cluster starts", stack.start_cluster())
stack.stub_kind("holder", "ready", on_isolation="hold")
stack.stub_kind("stopper", "ready", on_isolation="stop")
stack.request("holder"), stack.request("stopper")
check("stubs are ready", bool(stack.ready("holder") and stack.ready("stopper")))
since = stack.last_event()

say("the database is away beyond the lease")
before = {server.ref: server for server in stack.servers()}
holds = {server.ref for server in before.values() if server.key[1] == "holder"}
check("there are servers of both sorts", holds and len(holds) < len(before))
away_from = time.monotonic()
stack.kill_database(wait=False)
ended = {}
while time.monotonic() - away_from < LEASE_S + MARGIN_S and len(ended) < len(before):
    for ref, server in before.items():
        if ref not in ended and not server.alive():
            ended[ref] = time.monotonic() - away_from
    time.sleep(0.02)
check("servers that stop on isolation are dead", set(ended) == set(before) - holds, f"{ended}")
# The lease counts from when the last answered heartbeat was sent, half a second before at most, and shims hear of it each second.
check("at the end of their lease, not before", bool(ended) and LEASE_S - 1.8 < min(ended.values()) and max(ended.values()) < LEASE_S + 0.5,
      str({ref: round(after, 2) for ref, after in ended.items()}))
say("they ended after " + ", ".join(f"{after:.2f}" for after in sorted(ended.values())) + f" s of silence; the lease is {LEASE_S} s")
check("those that hold go on", set(running()) == holds, str(running()))
check("the agent says that it waits", "database" in a1.tail(40).lower(), a1.tail())
stack.start_database()
check("it is back", bool(a1.settled()))
check("always-on servers are started again", wait_until("login and chat", lambda: stack.value(
    "select count(*)::int from server_status where kind in ('login', 'chat') and state = 'ready'") == 2, 30))
again = stack.ready("stopper")
check("so is one that never stops for being empty, by itself", bool(again) and again["epoch"] > next(
    (server.ref[1] for server in before.values() if server.key[1] == "stopper"), 0), str(stack.row("stopper")))
check("the holder is the same", bool(holds) and holds <= known() and all(running().get(ref) == before[ref].pid for ref in holds))
reasons = [event["reason"] for ref in ended for event in stack.events(since, f"server {ref[0]}")]
check("the end by the lease is told", any("lease" in reason for reason in reasons), str(reasons))
check("and is nobody's failure", not stack.owner("select 1 from orrery.server where failures > 0"), str([
    (event["what"], event["change"], event["reason"]) for event in stack.events(since, "server ")]))

say("the agent is cut off (SIGSTOP) while another machine is there")
a2 = stack.start_agent("a2")
check("a second agent is up", bool(a2.settled()))
stack.request("stopper")
check("the stopper is ready again", bool(stack.ready("stopper")))
before = {server.ref: server for server in a1.servers()}
holds = {server.ref for server in before.values() if server.key[1] == "holder"}
check("servers of both sorts are on the first", bool(holds) and len(before) > len(holds), str(stack.sql("select * from server_status")))
since = stack.last_event()
a1.kill(signal.SIGSTOP)
stopped_at = time.monotonic()
ended = {}
lost_after = None
# The database judges only after it has ticked without a gap for as long: on a busy machine that takes its time.
while time.monotonic() - stopped_at < 60 and (lost_after is None or len(ended) < len(before) - len(holds)):
    for ref, server in before.items():
        if ref not in ended and not server.alive():
            ended[ref] = time.monotonic() - stopped_at
    if lost_after is None and stack.value("select state from agent_status where name = 'a1'") == "lost":
        lost_after = time.monotonic() - stopped_at
    time.sleep(0.02)
check("shims end by themselves what stops on isolation", set(ended) == set(before) - holds, str(ended))
check("at the end of the lease", bool(ended) and LEASE_S - 1.8 < min(ended.values()) and max(ended.values()) < LEASE_S + 0.5,
      str({ref: round(after, 2) for ref, after in ended.items()}))
check("before the database judges the agent lost", lost_after is not None and bool(ended) and max(ended.values()) < lost_after, f"lost after {lost_after}")
check("not before lease and margin", lost_after is not None and lost_after > LEASE_S + MARGIN_S - 1, f"lost after {lost_after}")
say(f"ended after {max(ended.values(), default=0):.2f} s, judged lost after {lost_after or 0:.2f} s; lease {LEASE_S} s, margin {MARGIN_S} s")
check("always-on servers are placed on the other machine", wait_until("login and chat", lambda: stack.value(
    "select count(*)::int from server_status where kind in ('login', 'chat') and state = 'ready' and agent = 'a2'") == 2, 20),
      str(stack.sql("select kind, state, agent, reason from server_status")))
check("under epochs of their own", not {server.ref for server in a2.servers()} & set(before))
check("what holds is not replaced", stack.row("holder")["agent"] == "a1" and {stack.process("holder").ref} == holds)
on_a2, since = {server.ref: server.pid for server in a2.servers()}, stack.last_event()
a1.kill(signal.SIGCONT)
check("the agent returns", bool(a1.settled()))
time.sleep(2)
check("its return changes nothing on the other machine", {server.ref: server.pid for server in a2.servers()} == on_a2)
moved = [event for event in stack.events(since, "server ") if event["change"]]
check("no server changed its state", not moved, str(moved))
check("what held is still its, the same process", set(running()) == holds | set(on_a2) and {server.ref for server in a1.servers()} == holds)

say("agent_fence: what holds is given up")
holder = stack.process("holder")
a1.kill(signal.SIGSTOP)
wait_until("a1 to be lost", lambda: stack.value("select state from agent_status where name = 'a1'") == "lost", 60)
check("before it nothing of it moved", stack.row("holder")["epoch"] == holder.ref[1])
stack.sql("select agent_fence('a1')")
wait_until("the holder to be given up", lambda: stack.row("holder")["epoch"] != holder.ref[1] or stack.row("holder")["state"] == "stopped", 10)
stack.request("holder")
fenced = stack.ready("holder")
check("the holder is elsewhere under a new epoch", bool(fenced) and fenced["agent"] == "a2" and fenced["epoch"] > holder.ref[1], str(fenced))
a1.kill(signal.SIGCONT)
check("the fenced agent ends the process that it held", wait_until("its end", lambda: not holder.alive(), 15))
time.sleep(1)
a1 = a1 if a1.running() else a1.again()
check("and returns, started by its service manager if it ended", bool(a1.settled()))
check("the new holder goes on", stack.row("holder")["epoch"] == fenced["epoch"] and stack.row("holder")["state"] == "ready")

say("agent_drain and agent_resume")
stack.accounts("bot", 1, [("grid", stack.owner("select key from space.place where kind = 'grid' and cluster = %s order by key", stack.cluster)[0]["key"])])
player = stack.start_bots("player", 1, "--for", "0")
check("a player plays", wait_until("him to play", lambda: player.bots_with(event="sees"), 20), player.tail())
grid = stack.sql("select server_id, agent from server_status where kind = 'grid'")[0]
x, y = (a1, a2) if grid["agent"] == "a1" else (a2, a1)
stack.stub_kind("heavy", "ready", cpu_millis=300)
stack.request("heavy", "before")
check("there are more servers", bool(stack.ready("heavy", "before")))
stack.sql("select agent_drain(%s)", x.name)
check("agent_status says so", "drain" in str(stack.sql("select * from agent_status where name = %s", x.name)).lower(), str(stack.sql("select * from agent_status")))
for number in range(4):
    stack.request("heavy", f"while draining {number}")
placed = [stack.ready("heavy", f"while draining {number}") for number in range(4)]
check("nothing is placed on a draining agent", all(row and row["agent"] == y.name for row in placed),
      f"{placed} {stack.sql('select kind, key, agent, state, reason from server_status')} {stack.sql('select name, state, reason from agent_status')}")


def on(agent):
    return stack.sql("select server_id, kind, key, state, sessions, reason from server_status where agent = %s", agent.name)


check("what is empty leaves it", wait_until("all that is empty to leave", lambda: all(row["sessions"] > 0 for row in on(x)), 20), str(on(x)))
check("what has players stays, and they with it", grid["server_id"] in {row["server_id"] for row in on(x)} and not player.events(event="logged_out"), str(on(x)))
check("what left is ready elsewhere", bool(stack.ready("holder") and stack.ready("heavy", "before")) and stack.row("holder")["agent"] == y.name)
stack.sql("select agent_resume(%s)", x.name)
stack.request("heavy", "after resuming")
row = stack.ready("heavy", "after resuming")
check("resumed, it is used again, being the less loaded", bool(row) and row["agent"] == x.name, str(row))
stack.sql("select agent_drain(%s, 2)", x.name)
check("drained with a deadline, it is empty soon after", wait_until("it to be empty", lambda: not x.servers() and not on(x), 20), str(on(x)))
check("always-on servers are ready elsewhere", wait_until("login and chat", lambda: stack.value(
    "select count(*)::int from server_status where kind in ('login', 'chat') and state = 'ready' and agent = %s", y.name) == 2, 20))
stack.sql("select agent_resume(%s)", x.name)
player.stop()

say("an agent that drains as it stops")
check("a2 stops with status 0", a2.stop(signum=signal.SIGTERM) == 0, a2.tail())
check("and leaves no server and no shim", not a2.servers() and not any("/a2/" in shim.line for shim in stack.shims()))
check("agent_status says stopped", wait_until("the state", lambda: stack.value(
    "select state from agent_status where name = 'a2'") == "stopped", 5), str(stack.sql("select * from agent_status")))

say("a blank database at the same address")
stack.request("holder"), stack.request("stopper")
check("both sorts run on a1", bool(stack.ready("holder", seconds=20) and stack.ready("stopper")))
holder, stopper = stack.process("holder"), stack.process("stopper")
stack.stop_database()
stack.make_database("pg2")
stack.sql("select setting_set('lease_ms', %s)", LEASE_S * 1000)
check("the agent says that it does not obey it", wait_until("the refusal", lambda: "OR011" in a1.tail(40) or "behind" in a1.tail(40), 10), a1.tail())
time.sleep(LEASE_S + 1)
check("what holds goes on", holder.alive())
check("what stops on isolation has ended with its lease", not stopper.alive())
check("the agent goes on asking", a1.running())
check("the blank database has no agent up", stack.value("select count(*)::int from agent_status where state = 'up'") == 0, str(stack.sql("select * from agent_status")))
check("it has an event of it", "OR011" in str(stack.events()) or "incarnation" in str(stack.events()), str(stack.events()[-3:]))
stack.stop_database()
stack.data = "pg"
stack.start_database()
check("the old one is back and obeyed", bool(a1.settled()))
check("the holder is the same process under the same epoch", holder.alive() and stack.row("holder")["epoch"] == holder.ref[1]
      and stack.row("holder")["state"] == "ready")
check("always-on servers are ready", wait_until("login and chat", lambda: stack.value(
    "select count(*)::int from server_status where kind in ('login', 'chat') and state = 'ready'") == 2, 30))

say("the last agent drains")
check("it stops with status 0", a1.stop() == 0, a1.tail())
check("nothing of it is left", not running() and not stack.shims(), str(running()))
finish()
