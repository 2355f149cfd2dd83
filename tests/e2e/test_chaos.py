#!/usr/bin/python3
"""test_chaos.py [--seconds 30] [--seed N]: kills and stops at random whatever there is, under players; then all must be as it should be.
Beside the players a fleet of a program that knows nothing of Orrery is played on: matches are allocated, confirmed, played and released.

Hit are agents, shims, servers, the postmaster, backends and the tick's backend, each sort at least once: kill -9, or SIGSTOP and,
0.1 to 8 s later, SIGCONT or kill -9. The test does what a service manager would (it starts agents and PostgreSQL again) and what players do
(they log in again), nothing else. Within 30 s of the last blow everything must be right, as judged from /proc and from the
tables by queries of its own. Players are told where the login servers are as by a game's page, which changes when those move.
"""

import argparse
import collections
import contextlib
import heapq
import itertools
import json
import pathlib
import random
import re
import signal
import sys
import threading
import time

import psycopg2
import psycopg2.extras

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))
from found import processes, sockets_of, udp_bound  # noqa: E402
from harness import Stack, check, finish, say, wait_until  # noqa: E402
from invariants import HISTORY, SNAPSHOT, History, broken  # noqa: E402

BOTS, RECOVERY_S = 40, 30
MATCHES, FREE = 3, 2  # of the fleet: how many are played at once, and how many servers stand by for the next
# A server whose shim was stopped beyond the lease, or was killed, may live beside the next one of its key until that long after the
# shim goes on, or was seen dead: what a signal takes to arrive on a busy machine.
EXCUSED_S = 2
arguments = argparse.ArgumentParser()
arguments.add_argument("--seconds", type=float, default=30)
arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
options = arguments.parse_args()
rng = random.Random(options.seed)
print(f"# seed {options.seed}, {options.seconds:.0f} s: tests/e2e/test_chaos.py --seconds {options.seconds:.0f} --seed {options.seed}", flush=True)

# Short enough for many judgements in 30 s; retries bounded, so that what was hit often is tried again in time.
stack = Stack(settings={"lease_ms": 5000, "lease_margin_ms": 2000, "heartbeat_ms": 500, "start_backoff_ms": 300, "start_backoff_max_ms": 3000})
agents = {"a1": stack.start_agent("a1"), "a2": stack.start_agent("a2")}
check("two agents are up", stack.agents_up(*agents))
check("the cluster runs", stack.start_cluster())
places = [(row["kind"], row["key"]) for row in stack.owner("select kind, key from space.place where cluster = %s order by kind, key", stack.cluster)]
places = [place for place in places if place[0] == "grid"][:5] + [place for place in places if place[0] == "station"][:3]
stack.accounts("bot", BOTS, places)
stack.sql("select server_kind_set('arena', %s)", json.dumps({
    "command": str(pathlib.Path(__file__).resolve().parent / "stub_server.py"), "args": ["bind", "{host}:{port:game}"], "ports": [{"name": "game"}],
    "ready_by": "port", "cpu_millis": 10, "stop_grace_ms": 1000, "start_attempts_max": 100}))
stack.sql("select fleet_set('arenas', %s)", json.dumps({"kind": "arena", "policy": "orrery.fleet_buffer", "policy_args": {"buffer": FREE}, "size_max": 10, "cooldown_ms": 1000}))
page, looks = stack.keep_page(), stack.keep_looking(lambda cursor: broken(cursor, SNAPSHOT))


class Player:
    """One simulated player, who logs in again when he was put out."""

    def __init__(self, number):
        self.number, self.lives, self.bots, self.again_at = number, 0, None, 0.0

    def keep(self, now):
        if self.bots and self.bots.running():
            return
        if self.bots and not self.again_at:
            self.again_at = now + 0.3
            stack.processes.remove(self.bots)
        if now >= self.again_at:
            self.again_at = 0.0
            self.lives += 1
            self.bots = stack.start_bots(f"player{self.number:02d}.{self.lives}", 1, "--for", "0", "--retries", "3", "--log-level", "error",
                                         first=self.number, connect=page)

    def in_play(self, since):
        """He has seen the world after `since`, wall clock, and was not put out of it."""
        if not self.bots or not self.bots.running() or self.bots.log.stat().st_mtime < since:
            return False
        with open(self.bots.log, "rb") as log:
            log.seek(max(0, self.bots.log.stat().st_size - 4096))
            told = re.findall(rb'"event": ?"(sees|refused|logged_out|gave_up)"', log.read())
        return bool(told) and told[-1] == b"sees"


class Matchmaker(threading.Thread):
    """Plays one match after another, each by a key of its own. What fails is asked again by the same key."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.maker, self.goes_on, self.rng = name, True, random.Random(f"{options.seed} {name}")
        self.ends, self.doubled = collections.Counter(), []

    def ask(self, statement, *params):
        while True:
            with contextlib.suppress(psycopg2.Error):
                return json.loads(stack.value(statement, *params))
            time.sleep(0.1)

    def run(self):
        for number in itertools.count():
            if not self.goes_on:
                return
            self.play(f"{self.maker}-{number}")

    def play(self, key):
        given, servers = {"status": "waiting"}, set()
        while given["status"] == "waiting":
            given = self.ask("select server_allocate(%s, '{\"fleet\":\"arenas\"}', 20000)::text", key)
            servers |= {(given["server"]["server_id"], given["server"]["epoch"])} if "server" in given else set()
            time.sleep(0.05)
        # who is slow to confirm finds it taken back, and whose server died that it failed
        until = time.monotonic() + self.rng.uniform(0.1, 3)
        while given["status"] in ("ready", "confirmed") and time.monotonic() < until:
            with contextlib.suppress(psycopg2.Error):
                given = json.loads(stack.value("select allocation_confirm(%s)::text", key))
            given = self.ask("select server_allocate(%s, '{\"fleet\":\"arenas\"}', 20000)::text", key)
            servers |= {(given["server"]["server_id"], given["server"]["epoch"])} if "server" in given else set()
            time.sleep(0.2)
        if given["status"] in ("ready", "confirmed"):
            given = self.ask("select allocation_release(%s, %s)::text", key, self.rng.random() < 0.5)
        self.ends[given["status"]] += 1
        if len(servers) > 1:
            self.doubled.append(f"{key}: {servers}")


matchmakers = [Matchmaker(f"match{number}") for number in range(MATCHES)]
players = [Player(number) for number in range(1, BOTS + 1)]
agent_again, database_again = {}, None


def keep():
    """What goes on beside: a service manager for agents and PostgreSQL, and the players' will."""
    global database_again
    now = time.monotonic()
    for name, agent in agents.items():
        if not agent.running():
            if agent.popen.returncode != -signal.SIGKILL and name not in agent_again:
                check(f"{name} never ends by itself", False, f"status {agent.popen.returncode}: {agent.tail(5)}")
            if now >= agent_again.setdefault(name, now + 0.5):
                del agent_again[name]
                stack.processes.remove(agent)
                agents[name] = agent.again()
    if not stack.postmaster.running():
        database_again = database_again or now + 0.5
        if now >= database_again:
            database_again = None
            stack.spawn_database()
    for player in players:
        player.keep(now)


def ask(statement, *params):
    """Rows; None while the database does not answer."""
    with contextlib.suppress(psycopg2.Error):
        return stack.owner(statement, *params)
    return None


# Blows


def backends(pattern):
    return [process for process in processes() if process.ppid == stack.postmaster.pid and pattern(process.line)]


def victims(what):
    """Living processes of a sort."""
    if what == "agent":
        return [agent for agent in agents.values() if agent.running()]
    if what == "shim":
        return stack.shims()
    if what == "server":
        return stack.servers()
    if what == "postmaster":
        return [stack.postmaster] if stack.postmaster.running() else []
    if what == "backend":
        return backends(lambda line: line.startswith("postgres: ") and "orrery_cron" not in line and "[local]" in line)
    return backends(lambda line: "orrery_cron" in line and "CALL" in line)


WEIGHTS = {"agent": 4, "shim": 4, "server": 6, "postmaster": 1, "backend": 2, "tick": 2}
# Seconds after the first blow from which on each sort is hit whatever the dice say, unless it was before.
owed = dict(sorted(((what, rng.uniform(0, 0.7 * options.seconds)) for what in WEIGHTS), key=lambda item: item[1]))
say("at the latest are hit: " + ", ".join(f"{what} at {at:.1f} s" for what, at in owed.items()))
hits = collections.Counter()
excused_until = {}  # pid of a shim that is or was stopped → monotonic time
due, number = [], itertools.count()


def strike(at):
    """One blow, so many seconds after the first."""
    late = [what for what, when in owed.items() if when <= at and victims(what)]
    what = late[0] if late else rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    found = victims(what)
    if not found:
        return
    owed.pop(what, None)
    victim = rng.choice(sorted(found, key=lambda process: process.pid))
    if rng.random() < 0.5:
        victim.kill(signal.SIGKILL)
        hits[f"{what} killed"] += 1
        return
    after, end = rng.uniform(0.1, 8), rng.choice([signal.SIGCONT, signal.SIGKILL])
    if what == "shim":
        excused_until[victim.pid] = float("inf")
    victim.kill(signal.SIGSTOP)
    hits[f"{what} stopped, then {'continued' if end == signal.SIGCONT else 'killed'}"] += 1
    heapq.heappush(due, (time.monotonic() + after, next(number), victim, end))


def settle_due(everything=False):
    while due and (everything or due[0][0] <= time.monotonic()):
        _, _, victim, end = heapq.heappop(due)
        victim.kill(end)
        if victim.pid in excused_until:
            excused_until[victim.pid] = time.monotonic() + EXCUSED_S


# What must hold at every moment


bereft_since = {}  # (pid, born) of a server without a shim → when that was first seen


def watch(faults):
    servers, now = stack.servers(), time.monotonic()
    for ref, count in collections.Counter(server.ref for server in servers).items():
        if count > 1:
            faults.add(f"{count} processes of server {ref[0]} under epoch {ref[1]}")
    # Looked at after the servers: whose shim ended meanwhile may have ended too.
    living = {shim.pid for shim in stack.shims()}
    bereft = {(server.pid, server.born): server for server in servers if server.ppid not in living}
    for gone in bereft_since.keys() - bereft.keys():
        del bereft_since[gone]
    for who, server in bereft.items():
        if now > bereft_since.setdefault(who, now) + EXCUSED_S and server.alive():
            faults.add(f"server {server.ref[0]} under epoch {server.ref[1]} outlives its shim")
    served = [server for server in servers if server.ppid in living and now > excused_until.get(server.ppid, 0)]
    for key, count in collections.Counter(server.key for server in served).items():
        if count > 1:
            faults.add(f"{count} processes serve {' '.join(key)}: {[(server.ref, server.agent) for server in served if server.key == key]}")


# What must be true in the end


def failed():
    """Servers that are given up; why: who needs it all the same, null when nobody does. A player who lives there is to play."""
    return stack.owner("select s.kind, s.key, s.reason, coalesce("
                       "(select 'which is always on' from orrery.server_kind k where k.cluster = s.cluster and k.kind = s.kind and k.always_on_key = s.key), "
                       "(select 'where ' || count(*) || ' players live' from orrery.\"character\" c where (c.cluster, c.kind, c.key) = (s.cluster, s.kind, s.key) "
                       "having count(*) > 0), "
                       "(select 'with ' || count(*) || ' sessions' from orrery.session n where n.server_id = s.server_id and n.state <> 'ended' "
                       "having count(*) > 0)) as why from orrery.server s where s.state = 'failed'")


def addresses_of(row):
    """What a server is to have bound: one that knows nothing of Orrery has no private port."""
    both = ((row["public_host"], row["public_port"]), (row["private_host"], row["private_port"]))
    return [(host, port) for host, port in both if port is not None]


def complaints(since):
    """What is not as it should be, in words; nothing when all is well. Tables and /proc only."""
    rows = ask("select s.server_id, s.epoch, s.cluster, s.kind, s.key, s.state, s.reason, a.name as agent, s.public_host, s.public_port, s.private_host, "
               "s.private_port from orrery.server s left join orrery.agent a using (agent_id) where s.state not in ('stopped', 'failed')")
    if rows is None:
        return ["the database does not answer"]
    wrong = []
    if (state := stack.cluster_state()) != "running":
        wrong.append(f"the cluster is {state}")
    for row in stack.owner("select k.kind, k.always_on_key as key from orrery.server_kind k where k.cluster = %s and k.always_on_key is not null", stack.cluster):
        if not any((other["kind"], other["key"], other["state"]) == (row["kind"], row["key"], "ready") for other in rows):
            wrong.append(f"{row['kind']} {row['key']} is not ready")
    wrong += [f"{row['kind']} {row['key']} is failed, {row['why']}: {row['reason']}" for row in failed() if row["why"]]
    for row in stack.owner("select name, state from orrery.agent"):
        if row["state"] != "up" or not agents[row["name"]].running():
            wrong.append(f"agent {row['name']} is {row['state']}")
    wrong += [f"{row['kind']} {row['key']} is {row['state']}: {row['reason']}" for row in rows if row["state"] != "ready"]

    servers = stack.servers()
    real = {(server.ref, server.agent) for server in servers}
    told = {((row["server_id"], row["epoch"]), row["agent"]) for row in rows}
    wrong += [f"process of server {ref[0]} under epoch {ref[1]} on {agent} is unknown" for ref, agent in real - told]
    wrong += [f"server {ref[0]} under epoch {ref[1]} on {agent} has no process" for ref, agent in told - real]
    wrong += [f"{count} processes of server {ref}" for ref, count in collections.Counter(server.ref for server in servers).items() if count > 1]
    wrong += [f"{count} processes serve {key}" for key, count in collections.Counter(server.key for server in servers).items() if count > 1]
    shims = {shim.pid for shim in stack.shims()}
    wrong += [f"server {server.ref[0]} has no shim" for server in servers if server.ppid not in shims]
    wrong += [f"shim {pid} has no server" for pid in shims - {server.ppid for server in servers}]
    wrong += [f"process {process.pid} is stopped: {process.line[:60]}" for process in stack.alive() if process.state in "Tt"]

    bound, pid_of = udp_bound(), {server.ref: server.pid for server in servers}
    for row in rows:
        holds = sockets_of(pid_of.get((row["server_id"], row["epoch"]), 0))
        for host, port in addresses_of(row):
            if not bound.get((host, port)) or not bound[host, port] <= holds:
                wrong.append(f"{host}:{port} is not bound by {row['kind']} {row['key']}")
    addresses = {row[name] for row in rows for name in ("public_host", "private_host")}
    rightful = {address for row in rows for address in addresses_of(row)}
    rightful |= {(row["private_address"], row["private_port"]) for row in stack.owner("select private_address, private_port from orrery.agent")}
    wrong += [f"{host}:{port} is bound by nobody known" for host, port in bound if host in addresses and (host, port) not in rightful]
    held = {(row["server_id"], row["port"]) for row in stack.owner("select server_id, port from orrery.port where server_id is not null")}
    meant = {(row["server_id"], port) for row in rows for _, port in addresses_of(row)}
    wrong += [f"port {port} is held by server {server}, which is not there" for server, port in held - meant]
    wrong += [f"port {port} of server {server} is not held" for server, port in meant - held]

    wrong += [f"{row['verb']} {row['command_id']} is {row['state']} since {row['age']:.0f} s" for row in stack.owner(
        "select command_id, verb, state, extract(epoch from clock_timestamp() - created_at)::float8 as age from orrery.command "
        "where state in ('pending', 'claimed') and created_at < clock_timestamp() - interval '5 seconds'")]
    wrong += [f"the fleet is {dict(row)}" for row in stack.owner("select allocated, free, size, waits_for from orrery.fleet_status") if row["free"] != FREE]
    playing = sum(maker.is_alive() for maker in matchmakers)
    wrong += [f"{playing} matches do not end"] if playing else []
    sessions = stack.owner("select a.name, s.state, s.server_id from orrery.session s join orrery.account a using (account_id) where s.state <> 'ended'")
    ready = {row["server_id"] for row in rows if row["state"] == "ready"}
    wrong += [f"{row['name']} is {row['state']} on server {row['server_id']}" for row in sessions if row["state"] != "playing" or row["server_id"] not in ready]
    wrong += [f"{name} has {count} sessions" for name, count in collections.Counter(row["name"] for row in sessions).items() if count > 1]
    wrong += [f"{BOTS - len(sessions)} players have no session"] if len(sessions) < BOTS else []
    out = [player.number for player in players if not player.in_play(since)]
    wrong += [f"players {out} do not see the world"] if out else []
    return wrong


say(f"{BOTS} players log in")
began = time.time()
check("all is well before the first blow", wait_until("all to be well", lambda: (keep(), not complaints(began))[1], 90, every=0.3),
      "; ".join(complaints(began)[:10]))

for maker in matchmakers:
    maker.start()
say(f"{options.seconds:.0f} s of blows")
faults, last_id = set(), stack.last_event()
first_blow = next_blow = time.monotonic()
while time.monotonic() < first_blow + options.seconds or owed and time.monotonic() < first_blow + options.seconds + 10:
    if time.monotonic() >= next_blow:
        strike(next_blow - first_blow)
        next_blow = time.monotonic() + rng.uniform(0.1, 1.2)
    settle_due()
    keep()
    watch(faults)
    time.sleep(0.05)
settle_due(everything=True)
for maker in matchmakers:
    maker.goes_on = False
last_blow, since = time.monotonic(), time.time()
for what, count in sorted(hits.items()):
    say(f"{count:4} × {what}")
say(f"{sum(hits.values())} blows, {sum(player.lives for player in players)} logins; now nothing is touched any more")

wrong, lasted = ["not looked at"], {}
while wrong and time.monotonic() < last_blow + RECOVERY_S:
    keep()
    watch(faults)
    wrong = complaints(since)
    lasted.update((sentence, time.monotonic() - last_blow) for sentence in wrong)
    time.sleep(0.1)
check(f"all is as it should be within {RECOVERY_S} s of the last blow", not wrong, "; ".join(wrong[:20]))
# Players notice a dead server after 10 s; servers are not to wait for that.
played = {sentence: after for sentence, after in lasted.items() if re.match(r"bot|\d* ?players ", sentence)}
say(f"servers were right after {max((after for sentence, after in lasted.items() if sentence not in played), default=0):.1f} s, "
    f"players after {max(played.values(), default=0):.1f} s; longest: "
    + "; ".join(f"{sentence} ({after:.1f} s)" for sentence, after in sorted(lasted.items(), key=lambda item: -item[1]) if sentence not in played)[:300])
time.sleep(2)
keep()
wrong = complaints(time.time() - 2)
check("and stays so", not wrong, "; ".join(wrong[:20]))
check("at no moment were there two processes of one start, or two for one key", not faults, "; ".join(sorted(faults)[:10]))
ends = sum((maker.ends for maker in matchmakers), collections.Counter())
say("matches: " + ", ".join(f"{count} {end}" for end, count in sorted(ends.items())))
check("matches were played", ends["released"] >= MATCHES, str(dict(ends)))
check("each had one server, however often it was asked for", not any(maker.doubled for maker in matchmakers), str([maker.doubled for maker in matchmakers]))
check("every allocation is over", not ask("select request, state from orrery.allocation where state in ('waiting', 'allocated', 'confirmed')"))
check("everything was hit", {what.split()[0] for what in hits} == set(WEIGHTS), str(dict(hits)))
for row in failed():
    say(f"{row['kind']} {row['key']} is failed, {row['why'] or 'and nobody needs it'}: {row['reason']}")

check("at no moment did the tables contradict each other", looks.count and not looks.found, f"{looks.found} {looks.count} looks")
with contextlib.closing(stack.connect()) as connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
    contradictions = {**broken(cursor, {**SNAPSHOT, **HISTORY}), **History().read(cursor)}
check("nor do they now, nor with their history", not contradictions, str(contradictions))
illegal = stack.owner("select e.event_id, e.noun, e.noun_id, e.from_state, e.to_state from orrery.event e where e.to_state is not null and not exists ("
                      "select from orrery.transition t where t.machine = e.noun and t.from_state = e.from_state and t.to_state = e.to_state)")
check("every event's edge is allowed", not illegal, str(illegal[:5]))
gaps = stack.owner("select event_id, noun, noun_id, before, from_state, to_state from (select *, lag(to_state) over (partition by noun, noun_id order by event_id) as before "
                   "from orrery.event where to_state is not null) e where before is not null and before <> from_state")
check("every edge begins where the one before ended", not gaps, str(gaps[:5]))
check("events were written", stack.last_event() > last_id)
doubled = stack.owner("select server_id, epoch, count(*) from orrery.command where verb = 'start' group by 1, 2 having count(*) > 1")
check("no epoch was started twice", not doubled, str(doubled[:5]))
for player in players:
    player.bots.kill(signal.SIGTERM)
check("the cluster shuts down", bool(stack.sql("select cluster_shutdown(0, %s)", stack.cluster)) and wait_until(
    "the end", lambda: stack.cluster_state() == "stopped" and not stack.servers() and not stack.shims(), 30), str(stack.sql("select * from server_status")))
check("and leaves no port and no session", stack.count("port", "server_id is not null") == 0 and stack.count("session", "state <> 'ended'") == 0)
finish()
