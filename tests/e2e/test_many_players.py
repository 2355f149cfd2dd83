#!/usr/bin/python3
"""test_many_players.py [--sessions 400] [--playing 80] [--minutes 0.5] [--places 16]: so many sessions, of which some play (2 inputs a
second) and the others are idle, all from one process; zones send each 5 snapshots a second. `./dev soak` plays it with 10,000, 2,000 and 10.

Catches memory that grows with time in a session server, the agent or the database's backends; sessions that are lost, or that tables and
players do not agree about; zones that skip what they owe. Prints what it costs: processors by part, bytes a player, latencies.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import time

from harness import Process, Stack, check, finish, say, wait_until

SAMPLE_S = 5
# Of the time after all are in play: buffers find their size, backends plan each statement anew five times.
WARM_UP_SHARE, WARM_UP_S_MAX = 0.25, 60
# What the line through a process's samples may rise in all that was measured: a step of the allocator, and a little of what it has.
RISE_BYTES, RISE_SHARE = 256 << 10, 0.01
# Of all backends together.
DATABASE_RISE_BYTES, DATABASE_RISE_SHARE = 4 << 20, 0.02
COUNTED = r"(\d+) (sealed|replayed|limited|by the kernel|unsent|pieces resent|ticks late|skipped|slices skipped)\b"  # in servers' logs
PAGE, TICK_S = os.sysconf("SC_PAGE_SIZE"), 1 / os.sysconf("SC_CLK_TCK")

arguments = argparse.ArgumentParser()
arguments.add_argument("--sessions", type=int, default=400)
arguments.add_argument("--playing", type=int, default=80)
arguments.add_argument("--minutes", type=float, default=0.5)
arguments.add_argument("--ramp", type=float, default=150, help="logins begun a second")
arguments.add_argument("--places", type=int, default=16, help="zones that they are spread over")
options = arguments.parse_args()


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def private(pid):
    """Without what it shares with others: a backend's resident set grows with each shared buffer that it has touched."""
    return int(re.search(r"^RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) << 10


def cpu_s(pid, gone_children=False):
    """Of all its threads, and of children that have exited."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15 if gone_children else 13])) * TICK_S


def rise(samples):
    """How much the least squares line through (time, value) rises from the first time to the last."""
    mean_t, mean_v = (sum(column) / len(samples) for column in zip(*samples))
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    return sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread * (samples[-1][0] - samples[0][0]) if spread else 0.0


class Watch:
    """Memory by process and processor time by part."""

    def __init__(self, stack, agent, bots):
        self.stack, self.agent, self.bots = stack, agent, bots
        self.servers = {server.pid: (server.key[1], " ".join(server.key[1:])) for server in stack.servers()}
        self.shims = [shim.pid for shim in stack.shims()]
        self.memory = collections.defaultdict(list)  # by name: (time, bytes)
        self.lasting, self.database = self.backends(), []

    def backends(self):
        children = pathlib.Path(f"/proc/{self.stack.postmaster_pid()}/task/{self.stack.postmaster_pid()}/children")
        return list(map(int, children.read_text().split()))

    def look(self, now):
        for pid, (_, name) in self.servers.items():
            self.memory[name].append((now, resident(pid)))
        self.memory["agent"].append((now, resident(self.agent.pid)))
        self.memory["players"].append((now, resident(self.bots.pid)))
        now_there = {}
        for pid in self.lasting:
            with contextlib.suppress(OSError, TypeError):  # gone meanwhile
                now_there[pid] = private(pid)
        self.database.append((now, now_there))

    def database_samples(self):
        """Of the backends that were there all the time: (time, bytes), and how many they are."""
        there = set.intersection(*(set(one) for _, one in self.database))
        return [(now, sum(one[pid] for pid in there)) for now, one in self.database], len(there)

    def used(self):
        """Seconds so far."""
        total = collections.Counter()
        for pid, (kind, _) in self.servers.items():
            total["zones" if kind in ("grid", "station") else kind] += cpu_s(pid)
        total["agent, shims"] += cpu_s(self.agent.pid) + sum(map(cpu_s, self.shims))
        total["players"] += cpu_s(self.bots.pid)
        total["database"] += cpu_s(self.stack.postmaster_pid(), gone_children=True)
        for pid in self.backends():
            with contextlib.suppress(OSError):
                total["database"] += cpu_s(pid)
        return total


stack = Stack(settings={"zone_tick_hz": 5})
agent = stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
for kind in ("grid", "station"):
    stack.sql("select server_kind_set(%s, %s, %s)", kind, json.dumps({"cpu_millis": 10, "sessions_max": 5000}), stack.cluster)
check("the cluster runs", stack.start_cluster())
places = [(row["kind"], row["key"]) for row in stack.owner("select kind, key from space.place where cluster = %s order by kind, key limit %s",
    stack.cluster, options.places)]
for first in range(1, options.sessions + 1, 2500):
    stack.accounts("bot", min(2500, options.sessions + 1 - first), places, first)
say(f"{options.sessions} accounts at {len(places)} places")

connect = stack.write("connect", stack.value("select connect from cluster_status where cluster = %s", stack.cluster) + "\n")
bots = Process("players", [
    stack.dir / "bin" / "orrery-bots", "--connect-file", connect, "--multiplex", "--count", str(options.sessions), "--playing", str(options.playing),
    "--password-file", stack.dir / "password.txt", "--behaviour", "wander,chat", "--rate", "2", "--chat-every", "1200", "--ramp", str(options.ramp),
    "--retries", "10", "--report", "json", "--log-level", "error"], stack.dir / "players.log")
stack.processes.append(bots)


def in_tables():
    """Sessions by state."""
    return {row["state"]: row["n"] for row in stack.owner(
        "select state, count(*)::int as n from orrery.session where cluster = %s group by 1", stack.cluster)}


def said_playing():
    """How many the players say are in play, in their last line."""
    said = re.findall(r"^(\d+) of \d+ playing", bots.tail(3), re.M)
    return int(said[-1]) if said else 0


began = time.monotonic()
everybody = {"playing": options.sessions}
patience = 60 + 3 * options.sessions / options.ramp


def all_play():
    """In the tables and by their own word."""
    tables, said = in_tables(), said_playing()
    say(f"{tables}; {said} by their own word")
    return tables == everybody and said == options.sessions


if not check(f"{options.sessions} players come into play", wait_until("all to be in play", all_play, patience, 5)):
    finish()
say(f"all are in play {time.monotonic() - began:.0f} s after the first began")

watch = Watch(stack, agent, bots)
warm_up = min(WARM_UP_S_MAX, 60 * options.minutes * WARM_UP_SHARE)
until = time.monotonic() + 60 * options.minutes
time.sleep(warm_up)
used, used_at = watch.used(), time.monotonic()
disagree = []
while time.monotonic() < until or len(watch.memory["agent"]) < 3:
    watch.look(time.monotonic())
    tables, said = in_tables(), said_playing()
    if tables != everybody or said != options.sessions:
        disagree.append((round(time.monotonic() - began), tables, said))
    time.sleep(SAMPLE_S)
measured_s = time.monotonic() - used_at
spent = watch.used() - used
check("every session is in play in the tables and by the players' word, in each look", not disagree, f"{len(disagree)}: {disagree[:5]}")
same = {server.pid for server in stack.servers()} == set(watch.servers)
check("the servers are those of the beginning", same)
stack.owner("checkpoint")
say("rows: " + ", ".join(f"{table} {stack.count(table)}" for table in ("session", "attachment", "event", "command")))

bots.kill(signal.SIGTERM)
check("the players log out in 2 s", bots.wait(10) == 0, f"status {bots.popen.poll()}: {bots.tail(3)[-500:]}")
played_s = time.monotonic() - began
check("no session is left", wait_until("the sessions' end", lambda: set(in_tables()) == {"ended"}, 30), str(in_tables()))
reasons = {row["reason"]: row["n"] for row in stack.owner(
    "select reason, count(*)::int as n from orrery.session where cluster = %s group by 1", stack.cluster)}
check("there was one session a player", sum(reasons.values()) == options.sessions, str(reasons))
say(f"ended: {reasons}")

reports = [json.loads(line) for line in bots.log.read_text().splitlines() if line.startswith('{"bots"')]
check("the players report", bool(reports))
if not reports:
    finish()
report, times = reports[0], reports[0]["times"]
check("everybody logged in once", report["logins"] == options.sessions and not report["failed"], f"{report['logins']}, {report['failed']}")
check("nobody was lost", not report["lost"], str(report["lost"]))
check("who was dropped came back", report["drops"] == report["resumes"], f"{report['drops']}, {report['resumes']}")

watch.memory["database"], backends = watch.database_samples()
check("the servers' backends are those of the beginning", backends >= len(watch.servers), str(backends))
for name, samples in sorted(watch.memory.items()):
    grown, size = rise(samples), samples[-1][1]
    most = DATABASE_RISE_BYTES + DATABASE_RISE_SHARE * size if name == "database" else RISE_BYTES + RISE_SHARE * size
    check(f"memory of {name} is steady: {size / 2**20:.1f} MiB, {grown / 2**10:+.0f} KiB in {samples[-1][0] - samples[0][0]:.0f} s",
          grown <= most, f"at most {most / 2**10:.0f} KiB; " + ", ".join(f"{value >> 10}" for _, value in samples))

stack.orrery("cluster", "shutdown", "0", "--cluster", stack.cluster, check_status=False)
agent.stop()
counted = collections.Counter()
for log in (agent.data / "log").glob("*"):
    last = "".join(re.findall(r"in the whole: .*", log.read_text(errors="replace"))[-1:])
    for number, what in re.findall(COUNTED, last):
        counted[what] += int(number)
    counted["ticks"] += sum(map(int, re.findall(r"\btick (\d+),", last)))
say(f"zones: {counted['ticks']} ticks, {counted['ticks late']} late by a quarter, {counted['skipped']} skipped; servers' datagrams: " +
    ", ".join(f"{counted[what]} {what}" for what in ("by the kernel", "unsent", "sealed", "replayed", "limited", "pieces resent")))
cores = sum(spent.values()) / measured_s
say(f"processors: {cores:.2f}: " + ", ".join(f"{part} {seconds / measured_s:.2f}" for part, seconds in spent.most_common()))
datagrams, session_s = report["datagrams"], options.sessions * (played_s - options.sessions / options.ramp / 2)
say(f"a player: {datagrams['received_bytes'] / session_s:.0f} bytes/s in {datagrams['received'] / session_s:.1f} datagrams to him, "
    f"{datagrams['sent_bytes'] / session_s:.0f} in {datagrams['sent'] / session_s:.1f} from him; {report['snapshots'] / session_s:.2f} snapshots/s")
say(f"lost: {datagrams['lost']} of {datagrams['lost'] + datagrams['acknowledged']}; "
    f"{datagrams['overflown']} overflew at the players, {datagrams['unsent']} unsent")
chat = report["chat"]
say(f"dropped: {report['drops']}, resumed: {report['resumes']}; chat: {chat['sent']} said, {chat['received']} heard, {chat['missed']} missed")
for name, values in times.items():
    if values["count"]:
        say(f"{name}: p50 {values['p50_ms']:.1f}, p90 {values['p90_ms']:.1f}, p99 {values['p99_ms']:.1f}, most {values['max_ms']:.1f} ms "
            f"of {values['count']}")
finish()
