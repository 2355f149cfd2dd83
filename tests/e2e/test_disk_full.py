#!/usr/bin/python3
"""PostgreSQL's disk is full, WAL and all: players play on, daemons wait; when there is room again, all goes on without help. Needs root.

PostgreSQL panics when it cannot make its next WAL file, and cannot recover before there is room; what a service manager does, this
test does: it starts it again, and again.
"""

import os
import pathlib
import subprocess
import sys
import time

import psycopg2
import psycopg2.extras

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))
from harness import USER, Stack, check, finish, own_mounts, say, wait_until  # noqa: E402
from invariants import HISTORY, SNAPSHOT, History, broken  # noqa: E402

FULL_S = 8  # less than a lease

if os.getuid() != 0:
    print("ok - PostgreSQL's disk is full  # SKIP only root can mount a small one")
    sys.exit(0)


class SmallStack(Stack):
    """Its PostgreSQL stands on a disk of 192 MiB."""

    initdb_options = ("--wal-segsize=1",)

    def _init_database(self):
        disk = self.dir / self.data
        disk.mkdir()
        user = subprocess.run(["id", "-u", USER], check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=192m,mode=700,uid={user}", "none", disk], check=True)
        self.at_stop.append(lambda: subprocess.run(["umount", "-l", disk], check=False))
        super()._init_database()
        with open(disk / "postgresql.auto.conf", "a") as conf:
            conf.write("min_wal_size = 2MB\nmax_wal_size = 16MB\n")


own_mounts()
stack = SmallStack()
filler = stack.dir / "pg" / "filler"


def running():
    return {server.ref: server.pid for server in stack.servers()}


def playing():
    return stack.value("select count(*)::int from session_status where state = 'playing'")


def connected():
    """Servers and agents that have a connection of their own."""
    return {row["usename"]: row["n"] for row in stack.owner(
        "select usename, count(*)::int as n from pg_stat_activity where usename in ('test_agent', 'test_session') group by 1")}


def fill():
    """Until not a byte is free."""
    with open(filler, "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass


def keep():
    """As a service manager would."""
    if not stack.postmaster.running():
        starts.append(stack.postmaster.popen.returncode)
        stack.spawn_database()


def keeping(what, condition, seconds):
    return wait_until(what, lambda: (keep(), condition())[1], seconds)


def answers(question):
    try:
        return question()
    except psycopg2.Error:
        return None


starts = []
a1 = stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
check("the cluster starts", stack.start_cluster())
stack.stub_kind("stub", "ready")
places = [("grid", row["key"]) for row in stack.owner("select key from space.place where cluster = 'test' and kind = 'grid' order by key limit 2")]
stack.accounts("bot", 5, places)
bots = stack.start_bots("bots", 4, "--for", "0")
check("four players play", wait_until("four to play", lambda: playing() == 4, 40))
before, connections, since = running(), connected(), stack.last_event()
check("agent and servers are connected", connections.get("test_agent") == 1 and connections.get("test_session", 0) >= len(before), str(connections))

say("the disk is full")
fill()
full_at = time.monotonic()
seen = len(bots.events(event="sees"))
told, asked_for = [], False
try:
    asked_for = bool(stack.request("stub", "when it was full"))
    told.append("there was WAL left to ask for a server")
    while time.monotonic() < full_at + FULL_S:
        stack.owner("select pg_logical_emit_message(false, 'filler', repeat('x', 100000))")
except psycopg2.Error as error:
    told.append(" ".join(str(error).split()))
fill()
say(f"after {time.monotonic() - full_at:.1f} s: {'; '.join(told)}")
check("PostgreSQL can write no WAL any more", bool(told) and "space" in (stack.dir / "postgres.log").read_text().lower(), str(told))
answered = 0
while time.monotonic() < full_at + FULL_S:
    keep()
    fill()
    answered += answers(lambda: stack.owner("select pg_logical_emit_message(false, 'filler', repeat('x', 100000))")) is not None
    time.sleep(0.5)
say(f"PostgreSQL was started {len(starts)} times in vain, and wrote {answered} times")
check("it could write nothing", answered == 0)
check("servers are the same processes", {ref: pid for ref, pid in running().items() if ref in before} == before, f"{before} then {running()}")
check("players play on", bots.running() and not bots.events(event="logged_out") and len(bots.events(event="sees")) > seen + 4, bots.tail(3))
check("the agent waits, and says so", a1.running() and "database" in a1.tail(40).lower(), a1.tail())

say("there is room again")
filler.unlink()
room_at = time.monotonic()
check("PostgreSQL is back", bool(keeping("PostgreSQL", stack.database_up, 30)), stack.postmaster.tail())
check("the agent is heard of", bool(keeping("its heartbeat", lambda: answers(lambda: stack.value(
    "select heard_ago_s < 2 from agent_status where name = 'a1' and state = 'up'")), 20)))
check("agent and servers are connected again", bool(keeping("connections", lambda: (now := answers(connected)) and all(
    now.get(name, 0) >= count for name, count in connections.items()), 20)), f"{connections}, then {answers(connected)}")
say(f"all were back {time.monotonic() - room_at:.1f} s after there was room")
check("servers are the same processes still", {ref: pid for ref, pid in running().items() if ref in before} == before, f"{before} then {running()}")
check("and the same servers, ready", {(row["server_id"], row["epoch"]) for row in stack.owner(
    "select server_id, epoch from orrery.server where state = 'ready'")} >= set(before), str(stack.sql("select * from server_status")))
check("nobody was logged out", playing() == 4 and not bots.events(event="logged_out"), f"{playing()} play")
seen = len(bots.events(event="sees"))
check("players see", wait_until("snapshots", lambda: len(bots.events(event="sees")) > seen + 4, 10))
stack.request("stub")
check("what is asked for is started", bool(stack.ready("stub")))
if asked_for:
    check("and what was asked for when the disk was full", bool(stack.ready("stub", "when it was full")), str(stack.row("stub", "when it was full")))
late = stack.start_bots("late", 1, "--for", "12", first=5)
check("another player gets in", late.wait(40) == 0, late.tail())
check("events are written", stack.last_event() > since)
with stack.connect() as connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
    contradictions = {**broken(cursor, {**SNAPSHOT, **HISTORY}), **History().read(cursor)}
connection.close()
check("the tables do not contradict each other", not contradictions, str(contradictions))
bots.stop()
check("the cluster shuts down", bool(stack.sql("select cluster_shutdown(0, %s)", stack.cluster)) and wait_until(
    "the end", lambda: stack.cluster_state() == "stopped" and not running(), 30))
finish()
