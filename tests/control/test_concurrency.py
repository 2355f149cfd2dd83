#!/usr/bin/python3
"""Eight and more real connections make random calls at once, and nothing of what the control plane promises breaks.

Each worker is a process with connections of its own: as DBA, as agent, as the servers of two clusters. It plays one machine
(sim_agent.py) and does what DBAs, players and matchmakers do; two more tick. Calls are aborted, cut off by lock_timeout, or left
open before their commit, answers are lost, doubled and late. Everything is judged by invariants.py: while all
goes on, and at a barrier every 2,000 operations. In the end all heals without help, and a shutdown leaves nothing.

--seed, --operations, --workers; the seed is printed. It fixes what each worker draws, not how they interleave.
--until-broken ends at the first thing that is broken (tests/defects).
"""

import argparse
import collections
import contextlib
import hmac
import json
import multiprocessing
import random
import sys
import threading
import time

import psycopg2
import psycopg2.extras

from database import Database, check, finish, say
from invariants import HISTORY, NOTHING_STALE, SNAPSHOT, SURGE_MAX, UNSETTLED, Epochs, History, Runs, broken
from sim_agent import PORT_REST_S, Agent

CLUSTERS = ("a", "b")
ACCOUNTS = 24
ROUND = 2000
LEASE_S, MARGIN_S, RETRY_S = 2.0, 0.5, 0.4
CONVERGE_S = 30
# Leases end by the clock, so what is done while they do must not be over sooner.
OPERATIONS_PER_S = 330
OUTCOMES = ("succeeded", "conflicted", "refused")
SETTINGS = {
    "lease_ms": LEASE_S * 1000, "lease_margin_ms": MARGIN_S * 1000, "heartbeat_ms": 100, "command_retry_ms": RETRY_S * 1000,
    "tell_ttl_ms": 1000, "start_slack_ms": 300, "start_backoff_ms": 10, "start_backoff_max_ms": 200, "server_stable_ms": 500,
    "place_retry_ms": 50, "lapse_ms": 500, "login_timeout_ms": 1000, "login_stale_ms": 1500, "ready_wait_ms": 1000, "orphan_ms": 3000,
    "port_rest_ms": PORT_REST_S * 1000, "allocation_confirm_ms": 700, "policy_retry_ms": 500,
    "release_ms": 1000, "token_ms": 8000,
}
FLEETS = {"solo": "arena", "party": "arena", "lobby": "lobby", "hall": "lobby"}
SIZE_MAX = 5
MAPS = ("mill", "quay")
# A lock_timeout that runs out just as the lock is granted is told as a statement that was cancelled (57014).
CONFLICTS = {"40001", "55P03", "57014"}
# The nine that are promised, and the others; each must have succeeded, conflicted and been refused, but for CANNOT.
NAMED = ("start", "request", "stop", "drain", "lose", "return", "kill", "shutdown", "cancel")
OPERATIONS = (*NAMED, "allocate", "ban", "begin", "checkpoint", "command", "confirm", "counters", "device", "drop", "end", "fence", "fleet", "handoff", "heartbeat", "kick", "open", "register",
              "release", "renew", "report",
              "resolve", "resume", "rotate", "select", "sync", "tick", "unpause", "version", "why")
# What each operation can be refused for is asked for now and then, and each meets somebody who holds what it needs (MEETS).
# A machine is lost (`lose`) when the database has judged its agent; that is in conflict with who holds the agent, which the tick
# does not wait for, and refused to one that was not silent for lease and margin. Not so these, each for its reason.
CANNOT = {
    ("tick", "conflicted"): "what is busy it leaves to the next tick, and waits without a limit for what is held briefly",
    ("why", "conflicted"): "only reads",
}
# What somebody else holds now and then, longer than the call waits: how often, rows by a parameter of the call, which one. The
# others meet each other often enough by themselves.
MEETS = {
    "start": (0.03, "orrery.cluster where cluster = %s", 0), "cancel": (0.05, "orrery.cluster where cluster = %s", 0),
    "shutdown": (0.2, "orrery.cluster where cluster = %s", 1), "drain": (0.1, "orrery.agent where name = %s", 0),
    "resume": (0.03, "orrery.agent where name = %s", 0), "fence": (0.15, "orrery.agent where name = %s", 0),
    "register": (0.05, "orrery.agent where name = %s", 0), "heartbeat": (0.01, "orrery.agent_heartbeat where agent_id = %s", 0),
    "return": (0.1, "orrery.agent_heartbeat where agent_id = %s", 0), "open": (0.03, "orrery.server where server_id = %s", 0),
    "handoff": (0.25, "orrery.session where server_id = %s and state = 'playing'", 0),
    "end": (0.2, "orrery.session where server_id = %s and state <> 'ended'", 0),
    "command": (0.25, "orrery.session where server_id = %s and state <> 'ended'", 0),
    "checkpoint": (0.15, "orrery.placement where server_id = %s", 0),
    "sync": (0.25, "orrery.session where server_id = %s and not taken", 0), "kick": (0.03, "orrery.session where session_id = %s", 0),
    "allocate": (0.05, "orrery.server where cluster = %s and state = 'ready' and allocations = 0 and fleet is not null", 3),
    "confirm": (0.03, "orrery.cluster where cluster = %s", 1), "release": (0.03, "orrery.cluster where cluster = %s", 2),
    "counters": (0.2, "orrery.server where server_id = %s", 0), "fleet": (0.1, "orrery.cluster where cluster = %s", 2),
    "drop": (0.15, "orrery.cluster where cluster = %s", 1), "unpause": (0.05, "orrery.cluster where cluster = %s", 1),
    "version": (0.15, "orrery.server_kind where kind = %s", 0), "ban": (0.1, "orrery.account where name = %s", 0),
    "begin": (0.2, "orrery.login_limit where scope = 'address' and %s > 0", 0), "resolve": (0.3, "orrery.login_limit where scope = 'address' and %s > 0", 0),
    "renew": (0.3, "orrery.session where server_id = %s and state <> 'ended'", 0), "rotate": (0.2, "orrery.cluster where cluster = %s", -1),
    "device": (0.3, "orrery.account where %s > 0", 0),
}


class Caller:
    """A worker's connections, the faults of its calls, and the count of what became of them."""

    def __init__(self, database, seed, counter, seen, journal, lock_timeout_ms):
        self.database, self.counter, self.seen, self.out = database, counter, seen, journal
        self.rng = random.Random(seed)
        self.stats = collections.defaultdict(collections.Counter)
        self.connections = {}
        self.lock_timeout_ms = lock_timeout_ms
        self.faults = True

    def journal(self, *entry):
        self.out.write(json.dumps(entry) + "\n")

    def note(self, operation, outcome):
        self.stats[operation][outcome] += 1
        if operation in OPERATIONS:
            self.seen[OPERATIONS.index(operation) * len(OUTCOMES) + OUTCOMES.index(outcome)] = 1

    def connection(self, login, number=0):
        key = (login, number)
        if key not in self.connections:
            connection = self.database.connect(login)
            with connection, connection.cursor() as cursor:
                cursor.execute("set statement_timeout = '30s'")
                if self.lock_timeout_ms:
                    cursor.execute("set lock_timeout = %s", (self.lock_timeout_ms,))
            self.connections[key] = connection
        return self.connections[key]

    def call(self, operation, login, statement, *params, expected=None, number=0, fault=None, hold=0.01, batch=False):
        """(ok, value), (refused, code), (conflict, None) or (aborted, None). expected: the only codes it may be refused with;
        hold: it stays open for so many seconds at most before it commits, when it does that; batch: it answers one entry, which may
        be refused."""
        fault = self.rng.random() if fault is None and self.faults else fault or 1
        connection = self.connection(login, number)
        rival = self.rival(operation, params) if number == 0 else None
        with self.counter.get_lock():
            self.counter.value += 1
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, params)
                value = cursor.fetchone()[0]
            if fault < 0.1 or hold > 0.01:
                time.sleep(self.rng.uniform(0, hold))
            if fault > 0.99 and fault < 1:
                connection.rollback()
                return "aborted", None
            connection.commit()
        except psycopg2.Error as error:
            connection.rollback()
            code = error.pgcode or "none"
            if code in CONFLICTS and (code != "57014" or self.lock_timeout_ms):
                self.note(operation, "conflicted")
                return "conflict", None
            wrong = None
            if code == "40P01":
                wrong = "no deadlock"
            elif not code.startswith("OR"):
                wrong = "no error but of class OR and of serialisation"
            elif code in ("OR009", "OR011") or expected is not None and code not in expected:
                wrong = "what is right is not refused"
            elif not error.diag.message_detail or not error.diag.message_hint:
                wrong = "every refusal has DETAIL and HINT"
            if wrong:
                self.journal("violation", wrong, f"{operation}: {statement} {params}: {code} {error} {error.diag.message_detail}".replace("\n", " ")[:1500])
            self.note(operation, "refused")
            return "refused", code
        finally:
            if rival:
                rival.rollback()
        if batch:
            value = value[0]
            error = value.get("error")
            if error:
                if not error["code"].startswith("OR") or error["code"] == "OR009" or expected is not None and error["code"] not in expected:
                    self.journal("violation", "what is right is not refused", f"{operation}: {statement} {params}: {error}"[:1500])
                self.note(operation, "refused")
                return "refused", error["code"]
        self.note(operation, "succeeded")
        return "ok", value

    def rival(self, operation, params):
        """Now and then a connection that holds what the call needs; it waits for nothing itself."""
        often, rows, which = MEETS.get(operation, (0, "", 0))
        if not self.faults or not self.lock_timeout_ms or self.rng.random() >= often:
            return None
        return self.hold(rows, params[which])

    def hold(self, rows, param, number=0):
        """A connection that holds rows until it is rolled back, or nothing when they are held just now."""
        connection = self.connection("postgres", number)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"select from {rows} for no key update nowait", (param,))
            return connection
        except psycopg2.Error:
            connection.rollback()
            return None

    def state_of_agent(self, name):
        """What the database has judged."""
        with self.connection("postgres", 2) as connection, connection.cursor() as cursor:
            cursor.execute("select state from orrery.agent where name = %s", (name,))
            return cursor.fetchone()[0]

    def both(self, operation, login, statement, params, hold=0.01):
        """Begins the same call on a second connection, as call does; the answer is a function that waits for it: (value, sent) or None."""
        result = []
        self.connection(login, 1)

        def run():
            sent = time.monotonic()
            result.append((sent, self.call(operation, login, statement, *params, number=1, fault=self.rng.uniform(0.02, 0.2), hold=hold,
                                           batch=operation in ("select", "handoff", "command"))))

        thread = threading.Thread(target=run)
        thread.start()

        def join():
            thread.join()
            sent, (outcome, value) = result[0]
            return (value, sent) if outcome == "ok" else None

        return join


class Worker:
    """One machine, and a share of what DBAs, players and servers do."""

    def __init__(self, caller, number, agents, accounts, routines, places):
        self.caller, self.rng = caller, caller.rng
        self.accounts, self.places, self.agents = accounts, places, agents
        # one machine in four holds no credential of b; some are small, so that requests wait for room
        clusters = ["a"] if number % 4 == 3 else ["a", "b"]
        self.agent = Agent(caller, self.rng, agents[number], clusters, LEASE_S, cpus=2 if number % 2 else 1, port_max=21099 if number % 3 else 21011,
                           labels={"zone": "xy"[number % 2]})
        self.number, self.asked = number, 0
        self.requests = collections.deque(maxlen=40)   # (cluster, key)
        self.known = collections.deque(maxlen=30)
        self.stale_sessions = collections.deque(maxlen=40)
        self.sessions_seen = collections.deque(maxlen=20)
        self.roots = {}            # session -> its root secret
        self.lost = None           # since when it is silent, for how long, and what holds its agent meanwhile
        weights = {
            "request": 16, "stop": 3, "start": 1.5, "shutdown": 0.3, "cancel": 0.8, "kill": 5, "lose": 0.5, "crash": 0.5, "halt": 0.12,
            "open": 30, "select": 60, "handoff": 12, "end": 16, "command": 10, "checkpoint": 5, "sync": 12, "tick": 0.4, "drain": 0.3, "resume": 1.2, "fence": 0.4, "kick": 2.5, "why": 2,
            "forged": 1.5, "over": 2, "ban": 2, "begin": 7, "renew": 14, "resolve": 6, "device": 12, "rotate": 0.8, "allocate": 9, "confirm": 6, "release": 4, "counters": 4, "fleet": 1, "drop": 0.25, "version": 0.6, "unpause": 1.5,
        }
        needs = {"drain": "agent_drain", "resume": "agent_resume", "fence": "agent_fence", "kick": "session_kick", "why": "server_why"}
        self.operations = [name for name in weights if needs.get(name, "tick") in routines]
        self.weights = [weights[name] for name in self.operations]

    def step(self):
        self.watch_loss()
        if not self.agent.act():
            getattr(self, self.rng.choices(self.operations, self.weights)[0])()

    def odd(self, chance=0.1):
        return self.rng.random() < chance

    def cluster(self):
        return self.rng.choice(CLUSTERS)

    # What DBAs do

    def start(self):
        self.caller.call("start", "dba", "select orrery.cluster_start(%s)", self.cluster())

    def shutdown(self):
        cluster, seconds = self.cluster(), -1 if self.odd() else self.rng.choice((0, 0, 1, 2))
        outcome, _ = self.caller.call("shutdown", "dba", "select orrery.cluster_shutdown(%s, %s)", seconds, cluster)
        if outcome == "ok" and seconds and self.odd(0.3):
            self.caller.call("cancel", "dba", "select orrery.cluster_shutdown_cancel(%s)", cluster)

    def cancel(self):
        self.caller.call("cancel", "dba", "select orrery.cluster_shutdown_cancel(%s)", self.cluster())

    def request(self):
        cluster = self.cluster()
        kind, key = self.rng.choice(self.places + [("match", str(self.rng.randrange(8)))] * 3 + [("login2", "main"), ("nonsense", "1")])
        login = "dba" if not self.odd(0.2) else f"dba_{self.cluster()}"
        outcome, answer = self.caller.call("request", login, "select orrery.server_request(%s, %s, %s)", kind, key, cluster)
        if outcome == "ok":
            self.known.append(answer["server_id"])
            if answer["state"] == "starting" and self.odd(0.3):
                # thought better of while its agent may just be fetching the start
                self.caller.call("stop", "dba", "select orrery.server_stop(%s)", answer["server_id"], hold=0.04)

    def stop(self):
        ids = [*self.known, *(ref[0] for ref in self.agent.processes), 10 ** 12]
        self.caller.call("stop", "dba", "select orrery.server_stop(%s)", self.rng.choice(ids))

    def drain(self):
        name = "nobody" if self.odd() else self.rng.choice(self.agents)
        self.caller.call("drain", "dba", "select orrery.agent_drain(%s, %s)", name, self.rng.choice((None, 0, 1, 2)))

    def resume(self):
        name = "nobody" if self.odd() else self.rng.choice(self.agents)
        self.caller.call("resume", "dba", "select orrery.agent_resume(%s)", name)

    def fence(self):
        """The operator has pulled the plug of this machine, then says so."""
        if self.odd(0.3):
            self.caller.call("fence", "dba", "select orrery.agent_fence(%s)", "nobody")
            return
        self.agent.crash(reboot=True)
        self.agent.silence(self.rng.uniform(0.5, 3))
        self.caller.call("fence", "dba", "select orrery.agent_fence(%s)", self.agent.name)

    def kick(self):
        """Of anybody, and open for a while, so that it meets what the session is just doing."""
        if self.odd(0.3):
            session = self.rng.choice([*self.sessions_seen, 10 ** 12])
        else:
            with self.caller.connection("dba") as connection, connection.cursor() as cursor:
                cursor.execute("select session_id from orrery.session_status")
                session = self.rng.choice([row[0] for row in cursor.fetchall()] or [10 ** 12])
        self.caller.call("kick", "dba", "select orrery.session_kick(%s)", session, hold=0.04)

    def why(self):
        self.caller.call("why", "dba", "select orrery.server_why(%s)", self.rng.choice([*self.known, 10 ** 12]))

    def tick(self):
        """One of a single cluster may not decide for all."""
        outcome, _ = self.caller.call("tick", f"dba_{self.cluster()}", "select orrery.tick()")
        if outcome == "ok":
            self.caller.journal("violation", "11 a login of one cluster does not tick", "it did")

    # What is done to fleets and with them

    def fleet(self):
        cluster, fleet = self.cluster(), self.rng.choice(list(FLEETS))
        policy = self.rng.choice((("orrery.fleet_fixed", {"size": self.rng.randrange(SIZE_MAX)}), ("orrery.fleet_buffer", {"buffer": self.rng.randrange(1, 3)})))
        spec = {"kind": FLEETS[fleet], "policy": policy[0], "policy_args": policy[1], "size_max": SIZE_MAX, "cooldown_ms": self.rng.choice((0, 100, 500)),
                "surge": self.rng.randrange(SURGE_MAX + 1), "unavailable_max": self.rng.randrange(3)}
        self.caller.call("fleet", "dba", "select orrery.fleet_set(%s, %s, %s)", fleet, json.dumps(spec), cluster, expected=("OR003",))

    def drop(self):
        self.caller.call("drop", "dba", "select orrery.fleet_drop(%s, %s)", self.rng.choice([*FLEETS, "nobody"]), self.cluster(), expected=("OR001",))

    def unpause(self):
        with self.caller.connection("dba") as connection, connection.cursor() as cursor:
            cursor.execute("select fleet, cluster from orrery.fleet_status where waits_for like '%replacement is paused%'")
            paused = cursor.fetchall()
        fleet, cluster = self.rng.choice(paused) if paused and not self.odd(0.2) else (self.rng.choice(list(FLEETS)), self.cluster())
        self.caller.call("unpause", "dba", "select orrery.fleet_resume(%s, %s)", fleet, cluster, expected=("OR001", "OR002"))

    def version(self):
        """The kind becomes another, whose servers replace those that there are."""
        spec = {"env": {"VERSION": str(self.rng.randrange(100))}, "agent_labels": self.rng.choice(({}, {}, {"zone": "x"})),
                "placement_function": self.rng.choice(("orrery.placement_spread", "orrery.placement_packed")), "apart": self.rng.choice((None, None, "agent"))}
        self.caller.call("version", "dba", "select orrery.server_kind_set(%s, %s, %s)", self.rng.choice(("arena", "arena", "lobby")),
                         json.dumps({"cpu_millis": -1} if self.odd() else spec), self.cluster(), expected=("OR003",))

    def allocate(self):
        """Some ask twice at once, some by a key that they or others have used, some for what nobody has."""
        cluster, selector = self.cluster(), self.rng.choice((
            {"fleet": self.rng.choice(list(FLEETS))}, {"kind": "arena"}, {"fleet": "party", "counters": {"players": self.rng.randrange(1, 4)}, "shared": True},
            {"labels": {"zone": self.rng.choice("xy")}}, {"fleet": "solo", "labels": {"map": self.rng.choice(MAPS)}}))
        if self.odd(0.03):
            selector = {"labels": {"zone": "nowhere"}}
        self.asked += 1
        key = f"{self.number}-{self.asked}"
        if self.odd(0.15) and self.requests:
            cluster, key = self.rng.choice(self.requests)
        elif self.odd(0.1):
            key = f"common-{self.rng.randrange(100)}"
        params = [key, json.dumps(selector), self.rng.choice((0, 0, 300, 2000, 3600000)), cluster]
        statement = "select orrery.server_allocate(%s, %s, %s, %s)"
        # whoever uses a key that is being used waits for that: now and then longer than he will
        twice = self.caller.both("allocate", "dba", statement, params, self.rng.choice((0.01, 0.01, 0.5))) if self.odd(0.15) else None
        outcome, answer = self.caller.call("allocate", "dba", statement, *params, expected=("OR001", "OR002", "OR008"))
        second = twice() if twice else None
        if outcome == "ok" and second and "server" in answer and "server" in second[0] and answer["allocation_id"] != second[0]["allocation_id"]:
            self.caller.journal("violation", "12 asked twice, an allocation is one", f"{answer} and {second[0]}")
        if outcome == "ok" and answer["status"] != "none" or second and second[0]["status"] != "none":
            self.requests.append((cluster, key))

    def request_of_mine(self):
        return self.rng.choice(self.requests) if self.requests and not self.odd(0.05) else (self.cluster(), "nobody")

    def confirm(self):
        cluster, key = self.requests[-1] if self.requests and self.odd(0.6) else self.request_of_mine()
        self.caller.call("confirm", "dba", "select orrery.allocation_confirm(%s, %s)", key, cluster, expected=("OR001", "OR002"))

    def release(self):
        cluster, key = self.request_of_mine()
        self.caller.call("release", "dba", "select orrery.allocation_release(%s, %s, %s)", key, self.odd(0.5), cluster, expected=("OR001",))

    # What happens to the machine

    def kill(self):
        """A server exits by itself."""
        self.agent.settle()
        processes = list(self.agent.processes.values())
        played = [process for process in processes if process.sessions]
        if processes:
            self.agent.kill(self.rng.choice(played if played and self.odd(0.4) else processes))

    def lose(self):
        """The network is gone for a while: too short, long enough, or long enough but somebody holds the agent just then."""
        if self.lost or self.agent.silent_until or not self.agent.registered:
            return
        kind = self.rng.choice(("succeeded", "succeeded", "succeeded", "conflicted", "conflicted", "refused"))
        now = time.monotonic()
        # the tick looks once a second
        seconds = self.rng.uniform(0.3, 0.8) * LEASE_S if kind == "refused" else LEASE_S + MARGIN_S + self.rng.uniform(1.3, 2)
        self.agent.silence(seconds)
        self.lost = [kind, now + seconds - 0.1, now + LEASE_S, None]

    def watch_loss(self, over=False):
        """Counts what became of a loss just before the agent is heard again, as the database has it."""
        if not self.lost:
            return
        kind, ends_at, grips_at, held = self.lost
        now = time.monotonic()
        if over or now >= ends_at or not self.agent.silent_until:
            judged = self.caller.state_of_agent(self.agent.name) == "lost"
            if held:
                held.rollback()
            if kind == "conflicted" and held and not judged:
                self.caller.note("lose", "conflicted")
            elif judged:
                self.caller.note("lose", "succeeded")
                if not over and self.odd(0.8):
                    self.agent.crash(reboot=True)
                    self.caller.call("fence", "dba", "select orrery.agent_fence(%s)", self.agent.name)
            elif kind == "refused":
                self.caller.note("lose", "refused")
            self.lost = None
        elif kind == "conflicted" and now >= grips_at and not held:
            self.lost[3] = self.caller.hold("orrery.agent where name = %s", self.agent.name, number=1)

    def crash(self):
        self.agent.crash(reboot=self.odd())

    def halt(self):
        """Its operator stops the agent, and starts it again."""
        if not self.agent.registered or self.agent.held:
            return
        self.caller.call("report", "agent", "select orrery.agent_report(%s, %s, %s)", self.agent.agent_id, self.agent.token, '[{"state":"stopping"}]')
        if self.odd(0.5):
            self.agent.kill_all("its agent stops", True)
            self.agent.report()
        self.agent.crash()
        self.agent.silence(self.rng.uniform(0, 3))

    def forged(self):
        """Somebody else speaks for this agent: with the token of its predecessor, with another machine's identity."""
        agent, login = self.agent, self.rng.choice(("agent", "agent", "agent_b"))
        if agent.agent_id is None:
            return
        token = self.rng.choice([*agent.old_tokens, "00"])
        which = self.rng.randrange(4)
        if which == 0:
            outcome, _ = self.caller.call("register", login, "select orrery.agent_register(%s, %s, %s)", agent.name, "f" * 64,
                                          json.dumps(agent.machine))
        elif which == 1:
            operation = "return" if agent.silent_until else "heartbeat"
            outcome, _ = self.caller.call(operation, login, "select orrery.agent_heartbeat(%s, %s, %s, %s, %s)", agent.agent_id, token, "{}", "0", "[]")
        else:
            gone = [{"server_id": s, "epoch": e, "state": "exited", "reason": "STALE"} for s, e in agent.processes]
            outcome, _ = self.caller.call("kill" if which == 2 else "report", login, "select orrery.agent_report(%s, %s, %s)",
                                          agent.agent_id, token, json.dumps(gone))
        if outcome == "ok":
            self.caller.journal("violation", "2 nobody speaks for another agent", f"{agent.name}: call {which} with token {token[:8]} was answered")

    # What servers do for their players

    def servers(self, *roles):
        self.agent.settle()
        return [p for p in self.agent.processes.values() if p.role in roles and p.state in ("ready", "stopping")]

    def open(self):
        servers = self.servers("login")
        for process in self.rng.sample(servers, min(1, len(servers))):
            account = 10 ** 12 if self.odd(0.03) else self.rng.choice(self.accounts[process.cluster])
            outcome, answer = self.caller.call("open", f"session_{process.cluster}", "select orrery.session_open(%s, %s, %s, %s)",
                                               *process.me(), json.dumps([{"account_id": account, "address": "192.0.2.9:9"}]), batch=True)
            if outcome == "ok" and "session_id" in answer:
                self.roots[answer["session_id"]] = answer["root"]
                process.sessions[answer["session_id"]] = (answer["epoch"], [c["character_id"] for c in answer["characters"]])
                self.sessions_seen.append(answer["session_id"])
                self.caller.journal("target", answer["session_id"], answer["epoch"], "owner", process.server_id)

    def select(self):
        for process in [p for p in self.servers("login") if p.sessions][:2]:
            session, (epoch, characters) = self.rng.choice(list(process.sessions.items()))
            character = 10 ** 12 if self.odd(0.03) or not characters else characters[0]
            login, statement = f"session_{process.cluster}", "select orrery.session_select(%s, %s, %s, %s)"
            params = [*process.me(), json.dumps([{"session_id": session, "epoch": epoch, "character_id": character}])]
            twice = self.caller.both("select", login, statement, params) if self.odd(0.2) else None
            outcome, answer = self.caller.call("select", login, statement, *params, batch=True)
            second = twice() if twice else None
            if outcome == "ok" and second and answer["status"] == second[0]["status"] == "ready" and answer["owner"] != second[0]["owner"]:
                self.caller.journal("violation", "3 asked twice, a hand-off is one", f"{answer} and {second[0]}")
            if second and (outcome != "ok" or second[0]["status"] == "ready"):
                outcome, answer = "ok", second[0]
            if outcome == "refused" and answer == "OR007" or outcome == "ok" and answer["status"] == "ready":
                del process.sessions[session]
            if outcome == "ok" and answer["status"] == "ready":
                self.stale_sessions.append((process.cluster, session, epoch))
                for role in ("owner", "chat"):
                    if answer[role]:
                        self.caller.journal("target", session, answer[role]["epoch"], role, answer[role]["server_id"])

    def handoff(self):
        """A zone hands players to other places: one, now and then twice at once, or all it has; some where nothing is, or where they are."""
        zones = self.servers("zone")
        for process in self.rng.sample(zones, min(2, len(zones))):
            if not process.sessions:
                self.sync_of(process)
            if not process.sessions:
                continue
            places = [place for place in self.places[:5] + [("match", str(n)) for n in range(3)] if place != (process.kind, process.key)]

            def entry(session, epoch):
                kind, key = self.rng.choice(places) if not self.odd(0.05) else self.rng.choice((("grid", "nowhere"), (process.kind, process.key)))
                return {"ref": session, "session_id": session, "epoch": epoch, "kind": kind, "key": key, **({} if self.odd(0.1) else {"state": {"n": epoch}})}

            login, statement = f"session_{process.cluster}", "select orrery.session_hand_off(%s, %s, %s, %s)"
            may = ("OR001", "OR002", "OR003", "OR006", "OR007")
            if self.odd(0.3) and len(process.sessions) > 1:
                asked = [entry(session, value[0]) for session, value in process.sessions.items()]
                outcome, answers = self.caller.call("handoff", login, statement, *process.me(), json.dumps(asked), expected=may)
            else:
                session, (epoch, _) = self.rng.choice(list(process.sessions.items()))
                asked = [entry(session, epoch)]
                params = [*process.me(), json.dumps(asked)]
                twice = self.caller.both("handoff", login, statement, params) if self.odd(0.2) else None
                outcome, answer = self.caller.call("handoff", login, statement, *params, expected=may, batch=True)
                second = twice() if twice else None
                if outcome == "ok" and not second and answer["status"] == "ready" and self.odd(0.2):
                    # the answer was lost
                    again, second = self.caller.call("handoff", login, statement, *params, expected=may, batch=True)
                    second = (second, 0) if again == "ok" else None
                if outcome == "ok" and second and answer["status"] == second[0]["status"] == "ready" and answer["owner"] != second[0]["owner"]:
                    self.caller.journal("violation", "3 asked twice, a hand-off is one", f"{answer} and {second[0]}")
                if second and (outcome != "ok" or second[0]["status"] == "ready"):
                    outcome, answer = "ok", second[0]
                if outcome == "refused" and answer == "OR007":
                    process.sessions.pop(session, None)
                answers = [answer]
            for hand, answer in zip(asked, answers if outcome == "ok" else ()):
                if answer.get("status") == "ready":
                    if "state" not in hand:
                        self.caller.journal("violation", "3 who only asks for a place is not handed there", f"{hand}: {answer}")
                    process.sessions.pop(hand["session_id"], None)
                    self.stale_sessions.append((process.cluster, hand["session_id"], hand["epoch"]))
                    for role in ("owner", "chat"):
                        if answer[role]:
                            self.caller.journal("target", hand["session_id"], answer[role]["epoch"], role, answer[role]["server_id"])

    def end(self):
        for process in [p for p in self.servers("login", "zone") if p.sessions or self.odd()][:2]:
            own = self.rng.sample(list(process.sessions.items()), min(2, len(process.sessions)))
            ends = [{"session_id": session, "epoch": value[0], "reason": "logout", "state": {"n": 1}} for session, value in own]
            ends += [{"session_id": session, "epoch": epoch, "reason": "lapse", "detail": "STALE"}
                     for cluster, session, epoch in self.stale_sessions if cluster == process.cluster]
            if self.odd(0.05):
                ends.append({"session_id": 1, "epoch": 1, "reason": "nonsense"})
            self.rng.shuffle(ends)
            outcome, _ = self.caller.call("end", f"session_{process.cluster}", "select orrery.session_end(%s, %s, %s, %s)",
                                          *process.me(), json.dumps(ends))
            if outcome == "ok":
                for session, value in own:
                    del process.sessions[session]
                    self.stale_sessions.append((process.cluster, session, value[0]))

    def command(self):
        """Players order what lasts; a number stands for one order, and is asked by again, at once too. And under epochs that are over."""
        zones = [p for p in self.servers("zone") if p.sessions and (p.kind == "grid" or self.odd(0.3))]
        for process in self.rng.choices(zones, k=4) if zones else ():
            login, statement = f"session_{process.cluster}", "select orrery.session_command(%s, %s, %s, %s)"
            session, (epoch, _) = self.rng.choice(list(process.sessions.items()))
            number = self.rng.randrange(1, 60)
            names = {"grid": ("mine", "mine", "mine", "mine", "mine", "jettison", "loot"), "station": ("load", "unload")}.get(process.kind, ("dance",))
            order = {"id": number, "name": names[number % len(names)], "args": {"ore": "cobalt", "units": number % 9 + 1, "junk": number}}
            params = [*process.me(), json.dumps([{"session_id": session, "epoch": epoch, **order}])]
            twice = self.caller.both("command", login, statement, params) if self.odd(0.2) else None
            outcome, answer = self.caller.call("command", login, statement, *params, expected=("OR001", "OR002", "OR006", "OR007"), batch=True)
            second = twice() if twice else None
            for done in ([answer] if outcome == "ok" else []) + ([second[0]] if second else []):
                self.caller.journal("command", session, number, done["result"])
            stale = [(s, e) for cluster, s, e in self.stale_sessions if cluster == process.cluster]
            if stale and self.odd(0.3):
                session, epoch = self.rng.choice(stale)
                outcome, _ = self.caller.call("command", login, statement, *process.me(), json.dumps(
                    [{"session_id": session, "epoch": epoch, "id": number + 1000, "name": "mine", "args": {"ore": "iridium", "units": 1}}]), batch=True)
                if outcome == "ok":
                    self.caller.journal("violation", "2 a command under an old epoch is refused", f"session {session}, epoch {epoch}")

    def checkpoint(self):
        zones = self.servers("zone")
        for process in self.rng.sample(zones, min(1, len(zones))):
            sessions = [{"session_id": session, "epoch": value[0], "state": {"saved": value[0]}} for session, value in process.sessions.items()]
            sessions += [{"session_id": session, "epoch": epoch, "state": {"saved": "STALE"}} for cluster, session, epoch in self.stale_sessions if cluster == process.cluster]
            self.rng.shuffle(sessions)
            self.caller.call("checkpoint", f"session_{process.cluster}", "select orrery.server_checkpoint(%s, %s, %s, %s, %s)", *process.me(),
                             json.dumps({"by": process.epoch} if not self.odd(0.05) else []), json.dumps(sessions))

    def sync(self):
        for process in self.servers("login", "zone", "chat")[:2]:
            self.sync_of(process)

    def sync_of(self, process):
        taken = [{"session_id": session, "epoch": value[0], "role": "owner"} for session, value in process.sessions.items()] + process.attached
        outcome, answer = self.caller.call("sync", f"session_{process.cluster}", "select orrery.server_sync(%s, %s, %s, %s)",
                                           *process.me(), json.dumps(taken if not self.odd(0.05) else {}))
        if outcome == "ok":
            process.attached = []
            for arrival in answer["arrivals"]:
                self.caller.journal("target", arrival["session_id"], arrival["epoch"],
                                    arrival["role"], process.server_id)
                if arrival["role"] == "chat":
                    process.attached.append({member: arrival[member] for member in ("session_id", "epoch", "role", "place")})
                else:
                    process.sessions[arrival["session_id"]] = (arrival["epoch"], [])
            for ended in answer["ended"]:
                process.sessions.pop(ended["session_id"], None)
            # some do not, and are overruled
            ends = [{"session_id": r["session_id"], "epoch": r["epoch"], "reason": r["reason"], "state": {"n": 2}} for r in answer["release"] if not self.odd(0.3)]
            if ends and self.caller.call("end", f"session_{process.cluster}", "select orrery.session_end(%s, %s, %s, %s)",
                                         *process.me(), json.dumps(ends))[0] == "ok":
                for end in ends:
                    process.sessions.pop(end["session_id"], None)

    def begin(self):
        for process in self.servers("login")[:1]:
            attempts = [{"ref": n, "name": self.rng.choice(("player1", "player2", "nobody")), "address": f"192.0.2.{self.rng.randrange(9)}:1",
                         **({"device_key": f"{self.rng.randrange(40):064x}"} if self.odd(0.5) else {})} for n in range(self.rng.randrange(1, 5))]
            self.caller.call("begin", f"session_{process.cluster}", "select orrery.login_begin(%s, %s, %s, %s)", *process.me(),
                             json.dumps(attempts if not self.odd() else {}))

    def renew(self):
        for process in [p for p in self.servers("login", "zone") if p.sessions][:1]:
            renewals = [{"session_id": session, "epoch": value[0]} for session, value in process.sessions.items()]
            self.caller.call("renew", f"session_{process.cluster}", "select orrery.session_renew(%s, %s, %s, %s)", *process.me(),
                             json.dumps(renewals if not self.odd() else {}))

    def resolve(self):
        """Clients that lost their servers ask any login server of their cluster."""
        for process in self.servers("login")[:1]:
            asks = [{"ref": session, "address": "192.0.2.9:9", "session_id": session, "handshake_hash": "5a" * 64,
                     "proof": hmac.digest(hmac.digest(bytes.fromhex(root), b"orrery/1 resolve", "sha256"), b"\x5a" * 64, "sha256").hex()}
                    for session, root in self.rng.sample(list(self.roots.items()), min(3, len(self.roots)))]
            outcome, answers = self.caller.call("resolve", f"session_{process.cluster}", "select orrery.session_resolve(%s, %s, %s, %s)", *process.me(),
                                                json.dumps(asks if not self.odd() else {}))
            for answer in answers if outcome == "ok" else ():
                if answer.get("status") == "ready":
                    self.caller.journal("target", answer["ref"], answer["owner"]["epoch"], "owner", answer["owner"]["server_id"])

    def device(self):
        """A player enrols a device, or gives it up."""
        for process in [p for p in self.servers("login") if p.sessions][:1]:
            session, (epoch, _) = self.rng.choice(list(process.sessions.items()))
            key = f"{self.rng.randrange(40):064x}"
            if self.odd(0.6):
                self.caller.call("device", f"session_{process.cluster}", "select orrery.device_enrol(%s, %s, %s, %s, %s, %s, 'phone')", *process.me(), session, epoch, key)
            else:
                self.caller.call("device", f"session_{process.cluster}", "select orrery.device_forget(%s, %s, %s, %s, %s, %s)::text", *process.me(), session, epoch, key)

    def ban(self):
        """Open for a while, so that it meets what the player is just doing."""
        name, cluster = "nobody" if self.odd() else f"player{self.rng.randrange(ACCOUNTS)}", self.cluster()
        outcome, _ = self.caller.call("ban", "dba", "select orrery.account_ban(%s, 'why', %s, %s)", name, self.rng.choice((1, 1, None)), cluster, hold=0.03)
        if outcome == "ok" and not self.odd(0.2):
            self.caller.call("ban", "dba", "select orrery.account_unban(%s, %s)::text", name, cluster)

    def rotate(self):
        cluster = self.cluster()
        outcome, _ = self.caller.call("rotate", "dba", "select orrery.cluster_key_rotate(%s)", cluster)
        for process in [p for p in self.servers("login") if p.cluster == cluster][:1]:
            with self.caller.connection("postgres", 2) as connection, connection.cursor() as cursor:
                cursor.execute("select encode(public_key, 'hex') from orrery.cluster_key where cluster = %s order by made_at", (cluster,))
                keys = [row[0] for row in cursor.fetchall()]
            self.caller.call("rotate", f"session_{cluster}", "select orrery.cluster_key_publish(%s, %s, %s, %s)::text", *process.me(), json.dumps(keys), number=3)
            if len(keys) > 2:
                self.caller.call("rotate", "dba", "select orrery.cluster_key_retire(%s, %s)::text", keys[0], cluster)

    def counters(self):
        servers = self.servers("other")
        for process in self.rng.sample(servers, min(1, len(servers))):
            said = {"players": {"count": -1 if self.odd() else self.rng.randrange(5), "capacity": 8}}
            self.caller.call("counters", f"session_{process.cluster}", "select orrery.server_counters_set(%s, %s, %s, %s, %s)", *process.me(),
                             json.dumps(said), json.dumps({"map": self.rng.choice(MAPS)}))

    def over(self):
        """A server whose end was reported goes on talking."""
        if not self.agent.over:
            return
        (server_id, epoch), token = self.rng.choice(self.agent.over)
        if not token:
            return
        operation, statement, params = self.rng.choice((
            ("open", "select orrery.session_open(%s, %s, %s, %s)", (json.dumps([{"account_id": self.rng.choice(self.accounts["a"])}]),)),
            ("sync", "select orrery.server_sync(%s, %s, %s, %s)", ("[]",)),
            ("handoff", "select orrery.session_hand_off(%s, %s, %s, %s)", ("[]",)),
            ("counters", "select orrery.server_counters_set(%s, %s, %s, %s)", ("{}",)),
            ("checkpoint", "select orrery.server_checkpoint(%s, %s, %s, %s, '[]')", ('{"by":0}',)),
            ("command", "select orrery.session_command(%s, %s, %s, %s)", ("[]",)),
            ("end", "select orrery.session_end(%s, %s, %s, %s)", ("[]",))))
        for cluster in CLUSTERS:
            outcome, _ = self.caller.call(operation, f"session_{cluster}", statement, server_id, epoch, token, *params)
            if outcome == "ok":
                self.caller.journal("violation", "2 a server that is over is refused", f"{operation} of server {server_id}, epoch {epoch}")


def work(number, shared, database, seed, setup):
    """A worker process: rounds of operations, then calm, until it is told to end."""
    try:
        with open(database.dir / f"journal.{number}", "w", buffering=1 << 16) as journal:
            caller = Caller(database, f"{seed}/{number}", shared["count"], shared["seen"], journal, 60 if number % 2 else 250)
            worker = Worker(caller, number, *setup)
            while True:
                phase = shared["phase"].value
                while shared["count"].value < shared["until"].value and phase == 0:
                    worker.step()
                    ahead = shared["count"].value / OPERATIONS_PER_S - (time.monotonic() - shared["began"].value)
                    if ahead > 0:
                        time.sleep(min(ahead, caller.rng.uniform(0, 0.04)))
                worker.watch_loss(over=True)
                if phase == 1:
                    caller.faults = False
                    worker.agent.silent_until = 0.0
                    while not shared["pause"].is_set():
                        if not worker.agent.act():
                            time.sleep(0.01)
                journal.write(json.dumps(("now", worker.agent.name, list(worker.agent.processes))) + "\n")
                journal.flush()
                shared["barrier"].wait(60)
                shared["barrier"].wait(120)
                if shared["phase"].value == 2:
                    shared["stats"].put({name: dict(counts) for name, counts in caller.stats.items()})
                    return
    except (Exception, KeyboardInterrupt) as error:
        shared["barrier"].abort()
        if not isinstance(error, (threading.BrokenBarrierError, KeyboardInterrupt)):
            raise


def tick(number, shared, database, seed):
    """One of the two loops that tick at once, as when one takes over from another that still lives."""
    try:
        with open(database.dir / f"journal.tick{number}", "w", buffering=1 << 16) as journal:
            ignored = multiprocessing.Value("l", 0)
            caller = Caller(database, f"{seed}/tick{number}", ignored, shared["seen"], journal, 0)
            caller.faults = False
            while True:
                since = last = time.time()
                while not shared["pause"].is_set():
                    now = time.time()
                    if now - last > 1:
                        since = now
                    last = now
                    caller.call("tick", "orrery_cron", "select orrery.tick(to_timestamp(%s))", since, expected=())
                    time.sleep(caller.rng.uniform(0.01, 0.05))
                journal.flush()
                shared["barrier"].wait(60)
                shared["barrier"].wait(120)
                if shared["phase"].value == 2:
                    shared["stats"].put({name: dict(counts) for name, counts in caller.stats.items()})
                    return
    except (Exception, KeyboardInterrupt) as error:
        shared["barrier"].abort()
        if not isinstance(error, (threading.BrokenBarrierError, KeyboardInterrupt)):
            raise


class Enough(Exception):
    """Something is broken, and nobody wants to know what else is."""


class Judge:
    """Gathers what is broken, and shows each invariant once."""

    def __init__(self, database, workers, until_broken):
        self.database, self.until_broken = database, until_broken
        self.connection = database.connect()
        self.connection.autocommit = True
        self.cursor = self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
        self.history, self.epochs = History(), Epochs()
        self.runs = Runs(RETRY_S, LEASE_S, MARGIN_S)
        self.files = {}
        self.names = [f"journal.{n}" for n in range(workers)] + ["journal.tick0", "journal.tick1"]
        self.found = {}
        self.looks = 0

    def take(self, found, when):
        for name, why in found.items():
            if name not in self.found:
                self.found[name] = f"{when}: {why}"
                say(f"BROKEN {when}: {name}: {why[:600]}")
        if self.found and self.until_broken:
            raise Enough

    def glance(self, when):
        self.looks += 1
        self.take(broken(self.cursor, SNAPSHOT), when)
        self.take(self.epochs.read(self.cursor), when)

    def read_journals(self):
        for name in self.names:
            if name not in self.files:
                self.files[name] = open(self.database.dir / name)
            for line in self.files[name]:
                self.runs.take(json.loads(line))

    def look(self, when):
        """Everything, while nothing is going on."""
        self.glance(when)
        self.take(broken(self.cursor, HISTORY), when)
        self.take(broken(self.cursor, NOTHING_STALE), when)
        self.take(self.history.read(self.cursor), when)
        self.read_journals()
        self.take(self.runs.broken(self.cursor, time.monotonic()), when)

    def rows(self, query):
        self.cursor.execute(query)
        return self.cursor.fetchall()

    def unconverged(self):
        """What is not yet as it should be when nothing goes wrong any more; empty: all is."""
        left = [f"cluster {r['cluster']} is {r['state']}" for r in self.rows("select * from orrery.cluster where state <> 'running'")]
        left += [f"{r['kind']} {r['cluster']} is {r['state']}" for r in self.rows(
            "select k.cluster, k.kind, s.state from orrery.server_kind k left join orrery.placement p on p.cluster = k.cluster and p.kind = k.kind "
            "and p.key = k.always_on_key left join orrery.server s using (server_id) where k.always_on_key is not null and s.state is distinct from 'ready'")]
        left += [f"agent {r['name']} is {r['state']}" for r in self.rows("select * from orrery.agent where state <> 'up'")]
        left += [f"server {r['server_id']} {r['kind']} {r['key']} is {r['state']}: {r['reason']}" for r in self.rows(
            "select * from orrery.server where state in ('starting', 'stopping') or state = 'requested' and reason not like '%no agent with room%'")]
        left += [f"command {r['command_id']} {r['verb']} is {r['state']}" for r in self.rows(
            "select * from orrery.command where state in ('pending', 'claimed')")]
        left += [f"session {r['session_id']} is {r['state']}" for r in self.rows(
            "select * from orrery.session where state in ('orphaned', 'selecting', 'waiting')")]
        left += [f"{name}: {dict(row)}" for name, query in UNSETTLED.items() for row in self.rows(query)]
        return left

    def believed(self):
        """agent -> refs that the database believes it runs."""
        found = collections.defaultdict(set)
        for row in self.rows("select a.name, s.server_id, s.epoch from orrery.server s join orrery.agent a using (agent_id) "
                             "where s.state in ('starting', 'ready', 'stopping')"):
            found[row["name"]].add((row["server_id"], row["epoch"]))
        return found


def set_up(database):
    """Two clusters with small kinds, their logins, players; returns accounts by cluster and places."""
    for name, value in SETTINGS.items():
        database.sql("select orrery.setting_set(%s, %s)", name, value, user="dba")
    database.login("agent", "orrery_agent", "*")
    accounts = {}
    for cluster in CLUSTERS:
        database.sql("select orrery.cluster_create(%s)", cluster, user="dba")
        database.login(f"dba_{cluster}", "orrery_admin", cluster)
        database.login(f"agent_{cluster}", "orrery_agent", cluster)
        database.login(f"session_{cluster}", "orrery_session", cluster)
        common = {"ready_deadline_ms": 600, "stop_grace_ms": 200, "cpu_millis": 240, "memory_bytes": 1 << 20}
        zone = {**common, "role": "zone", "command": "zone", "sessions_max": 2, "idle_stop_ms": 1500, "start_attempts_max": 3}
        for kind, spec in (
                ("login", {**common, "role": "login", "command": "login", "sessions_max": 9}),
                ("login2", {**common, "role": "login", "command": "login", "sessions_max": 9, "always_on_key": "main"}),
                ("chat", {**common, "role": "chat", "command": "chat"}),
                ("arena", {**common, "role": "other", "command": "arena", "cpu_millis": 10, "counters": {"players": 8}, "start_attempts_max": 3}),
                # one that gives up at once, so that replacement pauses; nobody but it says when it is over
                ("lobby", {**common, "role": "other", "command": "lobby", "cpu_millis": 10, "start_attempts_max": 1, "on_isolation": "hold"}),
                ("grid", zone), ("station", zone), ("match", {**zone, "on_isolation": "hold"})):
            database.sql("select orrery.server_kind_set(%s, %s, %s)", kind, json.dumps(spec), cluster, user="dba")
        for fleet, kind in FLEETS.items():
            database.sql("select orrery.fleet_set(%s, %s, %s)", fleet, json.dumps({"kind": kind, "policy_args": {"size": 3}, "size_max": SIZE_MAX, "cooldown_ms": 100}),
                         cluster, user="dba")
        places = [(row["kind"], row["key"]) for row in
                  database.sql("select kind, key from space.place where cluster = %s order by kind, key", cluster)][:8]
        for number in range(ACCOUNTS):
            kind, key = (places[:5] + [("match", str(n)) for n in range(3)])[number % 8]
            database.sql("select orrery.account_create(%s, '$argon2id$x', %s)", f"player{number}", cluster, user="dba")
            database.sql("select orrery.character_create(%s, %s, %s, %s, %s)", f"player{number}", f"Hero {number}", kind, key, cluster, user="dba")
        accounts[cluster] = [row["account_id"] for row in database.sql("select account_id from orrery.account where cluster = %s", cluster)]
        database.sql("select orrery.cluster_start(%s)", cluster, user="dba")
    routines = {row["proname"] for row in database.sql("select proname from pg_proc where pronamespace = 'orrery'::regnamespace")}
    return accounts, routines, places


def refused_though_free(database, judge):
    """Asks for a server of each fleet that has a free one, while somebody else waits for what there is not. What went wrong."""
    missed = []
    for row in judge.rows("select cluster from orrery.cluster where state = 'running' order by 1"):
        database.sql("select orrery.server_allocate('in vain', '{\"labels\":{\"zone\":\"nowhere\"}}', 3600000, %s)", row["cluster"], user="dba")
    for row in judge.rows("select distinct s.cluster, s.fleet from orrery.server s join orrery.agent a using (agent_id) where s.state = 'ready' "
                          "and s.fleet is not null and s.allocations = 0 and a.state = 'up' and a.drain_at is null order by 1, 2"):
        answer = database.value("select orrery.server_allocate(%s, %s, 0, %s)", f"last {row['fleet']}", json.dumps({"fleet": row["fleet"]}), row["cluster"],
                                user="dba")
        if answer["status"] != "ready":
            missed.append(f"{row['cluster']} {row['fleet']}: {answer}")
    return missed


def show(stats):
    print("# operation  " + "".join(f"{what:>12}" for what in OUTCOMES), flush=True)
    for name in OPERATIONS:
        counts = stats[name]
        print(f"# {name:<11}" + "".join(f"{'-' if (name, what) in CANNOT else counts[what]:>12}" for what in OUTCOMES), flush=True)
    for (name, what), why in CANNOT.items():
        say(f"{name} is never {what}: {why}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10 ** 6))
    parser.add_argument("--operations", type=int, default=20000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--until-broken", action="store_true")
    options = parser.parse_args()
    say(f"seed {options.seed}, {options.operations} operations, {options.workers} workers")
    database = Database()
    accounts, routines, places = set_up(database)
    agents = [f"machine-{n}" for n in range(options.workers)]
    shared = {
        "count": multiprocessing.Value("l", 0), "until": multiprocessing.Value("l", 0), "phase": multiprocessing.Value("i", 0),
        "began": multiprocessing.Value("d", time.monotonic()),
        "pause": multiprocessing.Event(), "barrier": multiprocessing.Barrier(options.workers + 3), "stats": multiprocessing.Queue(),
        "seen": multiprocessing.Array("b", len(OPERATIONS) * len(OUTCOMES), lock=False),
    }
    most = 3 * options.operations if options.operations >= 20000 else options.operations

    def is_all_seen():
        pairs = [(name, what) for name in OPERATIONS for what in OUTCOMES]
        return all(shared["seen"][n] or pair in CANNOT for n, pair in enumerate(pairs))
    shared["until"].value = min(ROUND, options.operations)
    children = [multiprocessing.Process(target=work, args=(n, shared, database, options.seed, (agents, accounts, routines, places)), daemon=True)
                for n in range(options.workers)]
    children += [multiprocessing.Process(target=tick, args=(n, shared, database, options.seed), daemon=True) for n in range(2)]
    for child in children:
        child.start()
    judge = Judge(database, options.workers, options.until_broken)
    began = time.monotonic()

    def pause():
        """All stand still; nothing is in flight."""
        shared["pause"].set()
        shared["barrier"].wait(60)

    def go_on():
        shared["pause"].clear()
        shared["barrier"].wait(60)

    def wait_for(what, condition, seconds):
        """Polls in calm; the last thing that was missing, or nothing."""
        deadline = time.monotonic() + seconds
        while left := condition():
            if time.monotonic() > deadline:
                say(f"{what}: after {seconds} s: {'; '.join(left[:8])}")
                return left
            judge.glance(what)
            time.sleep(0.1)
        return []

    try:
        while True:
            while shared["count"].value < shared["until"].value and not shared["barrier"].broken:
                judge.glance(f"after {shared['count'].value} operations")
                time.sleep(0.25)
            pause()
            done = shared["count"].value
            judge.look(f"at the barrier of {done} operations")
            say(f"{done} operations, {time.monotonic() - began:.0f} s, {len(judge.runs.starts)} processes started")
            # of some there are five in 20,000 on average: goes on until each has come about
            if done >= most or done >= options.operations and is_all_seen():
                break
            shared["until"].value = done + ROUND if done >= options.operations else min(done + ROUND, options.operations)
            go_on()
        took = time.monotonic() - began

        # everything heals: no fault is injected any more, the DBA wants both clusters up
        shared["phase"].value = 1
        for name in agents if "agent_resume" in routines else ():
            try:
                database.sql("select orrery.agent_resume(%s)", name, user="dba")
            except psycopg2.Error as error:
                if error.pgcode != "OR002":
                    raise
        go_on()
        wanted = time.monotonic()

        def wanted_up():
            for row in judge.rows("select cluster, state from orrery.cluster where state in ('stopped', 'shutting_down')"):
                verb = "cluster_start" if row["state"] == "stopped" else "cluster_shutdown_cancel"
                try:
                    database.sql(f"select orrery.{verb}(%s)", row["cluster"], user="dba")
                except psycopg2.Error as error:
                    if error.pgcode != "OR002":
                        raise
            return judge.unconverged()

        left = wait_for("healing", wanted_up, CONVERGE_S)
        say(f"healed in {time.monotonic() - wanted:.1f} s")
        pause()
        judge.look("healed")
        missed = refused_though_free(database, judge)
        differ = {name: (judge.runs.now.get(name), judge.believed()[name]) for name in agents
                  if judge.runs.now.get(name) != judge.believed()[name]}
        go_on()
        check(f"all heals without help within {CONVERGE_S} s", not left, "; ".join(left[:5]))
        check("nobody hears that none is free while one is", not missed, "; ".join(missed))
        check("what the machines run is what the database believes", not differ, str(differ))

        for cluster in CLUSTERS:
            with contextlib.suppress(psycopg2.Error):  # it stops, or the wait below says that it does not
                database.sql("select orrery.cluster_shutdown(0, %s)", cluster, user="dba")
        left = wait_for("stopping", lambda: [str(dict(row)) for row in judge.rows("select cluster, state from orrery.cluster where state <> 'stopped'")], CONVERGE_S)
        pause()
        judge.look("stopped")
        shared["phase"].value = 2
        go_on()
        check("a shutdown stops both clusters", not left, "; ".join(left))
        check("and no process is left", not any(judge.runs.now.values()), str(judge.runs.now))
        stats = collections.defaultdict(collections.Counter)
        for _ in children:
            for name, counts in shared["stats"].get(timeout=20).items():
                stats[name].update(counts)
        for child in children:
            child.join(20)
    except (threading.BrokenBarrierError, Enough) as error:
        if isinstance(error, Enough):
            for name, why in judge.found.items():
                check(name, False, why)
        else:
            judge.read_journals()
            check("no worker fails", False, "see its traceback above")
        for child in children:
            child.terminate()
        for child in children:
            child.join()
        finish()

    show(stats)
    checks = [*SNAPSHOT, *HISTORY, *NOTHING_STALE, "7 each change begins where the last one ended", "7 each change is an edge of transition",
              "7 each change names its rule", "7 each row is in the state of its last event", "4 a (server, epoch) is started once",
              "4 a server runs once at a time", "2 later starts have higher epochs", "2 no epoch was run by two servers",
              "3 a session's epoch is given to one server", "3 a session's epoch grows with each change of its owner, and only so",
              "3 asked twice, a hand-off is one", "3 who only asks for a place is not handed there", "4 a command is handed out again only after its time",
              "2 an agent is judged after lease and margin, not before", "1 no two processes of a machine are given one port", "1 a freed port rests",
              "12 asked twice, an allocation is one", "6 a command has one result", "6 what was confirmed is kept", "2 a command under an old epoch is refused",
              "no deadlock", "no error but of class OR and of serialisation", "what is right is not refused"]
    for name in [*checks, *(name for name in judge.found if name not in checks)]:
        check(name, name not in judge.found, judge.found.get(name, ""))
    lost = judge.rows("select count(*)::int as n from orrery.event where noun = 'agent' and to_state = 'lost'")[0]["n"]
    say(f"{judge.looks} looks, {len(judge.history.states)} things followed through {judge.history.event_id} events, "
        f"{len(judge.runs.starts)} processes started, {lost} times an agent was lost")
    check("agents were lost, and processes started", lost > 0 and len(judge.runs.starts) > options.operations / 100, f"{lost}, {len(judge.runs.starts)}")
    never = [f"{name} never {what}" for name in OPERATIONS for what in OUTCOMES if not stats[name][what] and (name, what) not in CANNOT]
    check("no operation is tried that is not counted here", set(stats) <= set(OPERATIONS), str(set(stats) - set(OPERATIONS)))
    if options.operations >= 20000:
        check("every operation succeeded, conflicted and was refused", not never, ", ".join(never))
    done = shared["count"].value
    say(f"{done} operations took {took:.0f} s: {done / took:.0f} a second; seed {options.seed}")
    finish()


if __name__ == "__main__":
    sys.exit(main())
