#!/usr/bin/python3
"""Lock order (CONTRIBUTING.md: cluster, fleet, agent, placement, server, allocation, session; sets by key), pair by pair: two
functions run against each other on the same few rows, each on two connections, while agents carry out what is decided and loops
tick. No deadlock (40P01), no error that is not meant, and nobody waits longer than WAIT_S_MAX. test_lock_turn.py looks at what each
of those of fleets holds while it waits.

    test_lock_order.py [--seconds S] [--seed N] [--pair A,B]
"""

import argparse
import collections
import contextlib
import itertools
import json
import random
import re
import threading
import time

import psycopg2

from database import Database, check, finish, machine, say, wait_until

WAIT_S_MAX = 3.0
LIVE = "state in ('starting', 'ready', 'stopping')"
PLACES = ["aldra-1", "aldra-2", "velo-1"]
CHANNELS = ("zz", "mm", "aa")
FLEETS = ("halls", "mills")
FLEET = {"kind": "arena", "policy_args": {"size": 2}, "size_max": 4, "cooldown_ms": 0}
# What the operations on fleets are made of: each must have done something in some pair, and server_allocate have given each answer.
OF_FLEETS = {"fleet_set", "fleet_try", "fleet_drop", "fleet_resume", "server_kind_set", "placement_explain", "server_allocate", "allocation_confirm",
             "allocation_release", "server_counters_set"}
ANSWERS = {"ready", "waiting", "none"}


class World:
    """A cluster with two agents, and what the callers know of it: tokens of agents and servers, sessions."""

    def __init__(self, database, rng):
        self.database, self.rng = database, rng
        self.lock = threading.Lock()
        self.agents, self.tokens, self.sessions = {}, {}, collections.deque(maxlen=12)
        self.requests, self.requested = collections.deque(maxlen=12), itertools.count()
        self.done, self.answers, self.hands = collections.Counter(), collections.Counter(), collections.Counter()
        database.sql("select orrery.cluster_create('t')", user="dba")
        database.login("agents", "orrery_agent", "*")
        database.login("servers", "orrery_session", "t")
        database.sql("select orrery.server_kind_set('grid', '{\"start_attempts_max\":1000,\"idle_stop_ms\":1000}', 't')")
        database.sql("select orrery.server_kind_set('arena', '{\"command\":\"arena\",\"cpu_millis\":10,\"start_attempts_max\":1000,\"counters\":{\"players\":8}}', 't')")
        for fleet in FLEETS:
            database.sql("select orrery.fleet_set(%s, %s, 't')", fleet, json.dumps(FLEET))
        for name, value in (("start_backoff_ms", 10), ("start_backoff_max_ms", 10), ("place_retry_ms", 50), ("lease_ms", 2000),
                            ("lease_margin_ms", 500), ("login_stale_ms", 1000), ("login_timeout_ms", 1000), ("command_retry_ms", 200),
                            ("allocation_confirm_ms", 100), ("policy_retry_ms", 100)):
            database.sql("select orrery.setting_set(%s, %s)", name, value)
        for number in range(8):
            database.sql("select orrery.account_create(%s, '$argon2id$x', 't')", f"p{number}")
            database.sql("select orrery.character_create(%s, %s, 'grid', %s, 't')", f"p{number}", f"P{number}", PLACES[number % 3])
        self.accounts = [row["account_id"] for row in database.sql("select account_id from orrery.account")]
        self.characters = {row["account_id"]: row["character_id"] for row in database.sql("select account_id, character_id from orrery.character")}
        self.superuser = Caller(self, "world", "postgres")
        for number in (1, 2):
            self.register(Caller(self, "world", "agents"), number)
        database.sql("select orrery.cluster_start('t')", user="dba")

    def register(self, caller, number):
        answer = caller.value("select orrery.agent_register(%s, %s, %s)", f"a{number}", f"{number:064x}",
                              json.dumps(machine(["t"], port_min=20000 + 1000 * number, port_max=20999 + 1000 * number,
                                                 public_address=f"192.0.2.{number}")))
        if answer and "token" in answer:
            with self.lock:
                self.agents[number] = (answer["agent_id"], answer["token"])

    def recover(self):
        """What the pair before has stopped, drained or fenced runs again."""
        for number in (1, 2):
            with contextlib.closing(Caller(self, "world", "agents")) as caller:
                self.register(caller, number)
            self.superuser.rows("select orrery.agent_resume(%s)", f"a{number}")
        wait_until("the cluster", lambda: self.superuser.rows("select orrery.cluster_shutdown_cancel('t')") is None
                   or self.superuser.rows("select orrery.cluster_start('t')") is None
                   or self.superuser.value("select count(*) from orrery.server where kind in ('login', 'chat') and state = 'ready'") == 2, 20, 0.02)
        for fleet in FLEETS:
            self.superuser.rows("select orrery.fleet_set(%s, %s, 't')", fleet, json.dumps(FLEET))
        wait_until("the fleets", lambda: self.superuser.value("select count(*) from orrery.server where fleet is not null and state = 'ready'") >= 3, 20, 0.02)

    def agent(self, rng):
        with self.lock:
            return self.agents[rng.choice(list(self.agents))]

    def server(self, caller, rng, kind=None):
        """Arguments `me` of a living server, or None; without a kind of one that has players."""
        rows = caller.rows(f"select server_id, epoch from orrery.server where {LIVE} and (%s is null and fleet is null or kind = %s)", kind, kind, ask=True)
        rows = [row for row in rows if row in self.tokens]
        if not rows:
            return None
        row = rng.choice(rows)
        return (*row, self.tokens[row])


class Caller:
    """One connection; notes how long each call took, and every error that is not a refusal of class OR."""

    def __init__(self, world, name, user):
        self.world, self.name = world, name
        self.connection = world.database.connect(user)
        self.connection.autocommit = True
        self.asks = world.database.connect()
        self.asks.autocommit = True
        self.calls, self.refused, self.worst, self.errors = 0, 0, 0.0, []

    def rows(self, statement, *params, ask=False):
        from_s = time.monotonic()
        try:
            cursor = (self.asks if ask else self.connection).cursor()
            cursor.execute(statement, params or None)
            rows = cursor.fetchall() if cursor.description else []
            if not ask:
                self.world.done.update(re.findall(r"orrery\.(\w+)\(", statement)[:1])
            return rows
        except psycopg2.Error as error:
            if not (error.pgcode or "").startswith("OR"):
                self.errors.append(f"{error.pgcode} {str(error).strip()}")
            self.refused += not ask
            return []
        finally:
            if not ask:
                self.calls += 1
                self.worst = max(self.worst, time.monotonic() - from_s)

    def value(self, statement, *params, ask=False):
        rows = self.rows(statement, *params, ask=ask)
        return rows[0][0] if rows else None

    def one(self, statement, *me, ask=False):
        """What a batched call answers its one entry; {} when it was refused."""
        *me, entry = me
        answers = self.value(statement, *me, json.dumps([entry]), ask=ask) or [{}]
        return {} if "error" in answers[0] else answers[0]

    def close(self):
        self.connection.close()
        self.asks.close()


# What is run against each other: (login, what one call does)

def report(world, caller, rng):
    """Exits, READYs and acknowledgements of several servers, in any order."""
    agent_id, token = world.agent(rng)
    rows = caller.rows(f"select server_id, epoch from orrery.server where agent_id = %s and {LIVE}", agent_id, ask=True)
    reports = [{"server_id": server_id, "epoch": epoch, "state": rng.choice(["ready", "ready", "exited"]), "reason": "signal 9",
                "by_agent": rng.random() < 0.5} for server_id, epoch in rng.sample(rows, min(3, len(rows)))]
    reports += [{"command_id": row[0], "ok": True} for row in
                caller.rows("select command_id from orrery.command where agent_id = %s and state = 'claimed' limit 3", agent_id, ask=True)]
    if rng.random() < 0.1:
        reports.append({"state": "stopping"})
    rng.shuffle(reports)
    caller.rows("select orrery.agent_report(%s, %s, %s)", agent_id, token, json.dumps(reports))
    if {"state": "stopping"} in reports:
        world.register(caller, 1 if world.agents[1][0] == agent_id else 2)


def inventory(world, caller, rng):
    """A heartbeat whose inventory lacks some of what the agent runs."""
    agent_id, token = world.agent(rng)
    rows = caller.rows(f"select server_id, epoch from orrery.server where agent_id = %s and {LIVE}", agent_id, ask=True)
    held = [{"server_id": server_id, "epoch": epoch, "state": "ready"} for server_id, epoch in rows if rng.random() < 0.7]
    caller.rows("select orrery.agent_heartbeat(%s, %s, '{}', %s, %s)", agent_id, token, f"{rng.getrandbits(64):016x}", json.dumps(held))


def register(world, caller, rng):
    world.register(caller, rng.choice((1, 2)))


def request(world, caller, rng):
    caller.rows("select orrery.server_request('grid', %s, 't')", rng.choice(PLACES))


def stop(world, caller, rng):
    server_id = caller.value(f"select server_id from orrery.server where {LIVE} order by random() limit 1", ask=True)
    caller.rows("select orrery.server_stop(%s)", server_id or 0)


def shutdown(world, caller, rng):
    caller.rows("select orrery.cluster_shutdown(3600, 't')")
    caller.rows("select orrery.cluster_shutdown_cancel('t')")


def restart(world, caller, rng):
    """Stops the whole cluster at once, and starts it."""
    caller.rows("select orrery.cluster_shutdown(0, 't')")
    time.sleep(0.05)
    caller.rows("select orrery.cluster_start('t')")


def drain(world, caller, rng):
    name = rng.choice(("a1", "a2"))
    caller.rows("select orrery.agent_drain(%s, %s)", name, rng.choice((None, 0)))
    time.sleep(0.02)
    caller.rows("select orrery.agent_resume(%s)", name)


def fence(world, caller, rng):
    number = rng.choice((1, 2))
    caller.rows("update orrery.agent_heartbeat set beat_at = orrery.clock() - interval '1 minute' where agent_id = %s", world.agents[number][0])
    caller.rows("select orrery.agent_fence(%s)", f"a{number}")
    with contextlib.closing(Caller(world, "fence", "agents")) as agent:
        world.register(agent, number)
        caller.errors += agent.errors


def login(world, caller, rng):
    """A player's way: login, hand-off, the end."""
    me = world.server(caller, rng, "login")
    if not me:
        time.sleep(0.01)
        return
    account = rng.choice(world.accounts)
    opened = caller.one("select orrery.session_open(%s, %s, %s, %s)", *me, {"account_id": account, "address": "192.0.2.9:1"})
    if "session_id" not in opened:
        ended = caller.rows("select s.session_id, s.epoch, s.server_id, v.epoch from orrery.session s join orrery.server v using (server_id)"
                            " where s.account_id = %s and s.state <> 'ended'", account, ask=True)
        for session_id, epoch, server_id, server_epoch in ended:
            token = world.tokens.get((server_id, server_epoch))
            if token:
                caller.rows("select orrery.session_end(%s, %s, %s, %s)", server_id, server_epoch, token, json.dumps(
                    [{"session_id": session_id, "epoch": epoch, "reason": "logout", "state": {"x": 1}}]))
        return
    for _ in range(2):
        caller.one("select orrery.session_select(%s, %s, %s, %s)", *me, {**opened, "character_id": world.characters[account]})


def logins(world, caller, rng):
    """A login server asks for many at once, in any order, some twice: to begin, to open, to hand over, to renew, to find again."""
    me = world.server(caller, rng, "login")
    if not me:
        time.sleep(0.01)
        return
    accounts = rng.choices(world.accounts, k=rng.randrange(2, 9))
    caller.rows("select orrery.login_begin(%s, %s, %s, %s)", *me, json.dumps(
        [{"ref": n, "name": f"p{rng.randrange(8)}", "address": f"192.0.2.{rng.randrange(5)}:1"} for n in range(5)]))
    opened = caller.value("select orrery.session_open(%s, %s, %s, %s)", *me, json.dumps([{"ref": a, "account_id": a} for a in accounts])) or []
    selects = [{**o, "character_id": world.characters[o["ref"]]} for o in opened if "session_id" in o]
    rng.shuffle(selects)
    caller.rows("select orrery.session_select(%s, %s, %s, %s)", *me, json.dumps(selects))
    rows = caller.rows("select session_id, epoch, encode(orrery.hmac_sha256(decode(repeat('5a', 64), 'hex'), resolve_key), 'hex') from orrery.session "
                       "join orrery.session_secret using (session_id) order by random() limit 9", ask=True)
    caller.rows("select orrery.session_resolve(%s, %s, %s, %s)", *me, json.dumps(
        [{"session_id": s, "address": "192.0.2.9:1", "handshake_hash": "5a" * 64, "proof": proof} for s, _, proof in rows]))
    caller.rows("select orrery.session_renew(%s, %s, %s, %s)", *me, json.dumps([{"session_id": s, "epoch": epoch} for s, epoch, _ in rows]))


def ban(world, caller, rng):
    """A player is thrown out, and let in again; his devices are; the keys of the cluster change."""
    name = f"p{rng.randrange(8)}"
    caller.rows("select orrery.account_ban(%s, 'why', null, 't')", name)
    caller.rows("select orrery.account_unban(%s, 't')", name)
    caller.rows("select orrery.device_revoke(%s, %s, 't')", name, rng.randrange(20))
    key = caller.value("select orrery.cluster_key_rotate('t')")
    caller.rows("update orrery.cluster_key set held_at = orrery.clock() where cluster = 't'", ask=True)
    keys = caller.rows("select encode(public_key, 'hex') from orrery.cluster_key where cluster = 't' order by made_at limit 1", ask=True)
    if key or keys:
        caller.rows("select orrery.cluster_key_retire(%s, 't')", key or keys[0][0])


def sync(world, caller, rng):
    """Any server asks what changed, takes note of all, and ends some."""
    me = world.server(caller, rng)
    if not me:
        time.sleep(0.01)
        return
    news = caller.value("select orrery.server_sync(%s, %s, %s)", *me)
    if news:
        taken = [{key: item[key] for key in ("session_id", "epoch", "role")} for item in news["arrivals"] + news["ended"]]
        rng.shuffle(taken)
        caller.rows("select orrery.server_sync(%s, %s, %s, %s)", *me, json.dumps(taken))
    rows = caller.rows("select session_id, epoch from orrery.session where server_id = %s and state <> 'ended'", me[0], ask=True)
    ends = [{"session_id": session_id, "epoch": epoch, "reason": "lapse", "state": {}} for session_id, epoch in rows if rng.random() < 0.5]
    rng.shuffle(ends)
    caller.rows("select orrery.session_end(%s, %s, %s, %s)", *me, json.dumps(ends))


def zone(world, caller, rng):
    """A player comes, or goes; a grid saves its world and its players, does what they order, in any order, and asks for news."""
    login(world, caller, rng)
    me = world.server(caller, rng, "grid")
    if not me:
        time.sleep(0.01)
        return
    rows = caller.rows("select session_id, epoch from orrery.session where state = 'playing' order by random() limit 9", ask=True)
    caller.rows("select orrery.server_checkpoint(%s, %s, %s, %s, %s)", *me, json.dumps({"x": rng.random()}), json.dumps(
        [{"session_id": session_id, "epoch": epoch, "state": {"x": rng.random()}} for session_id, epoch in rows]))
    junk = caller.value("select max(junk_id) from space.junk", ask=True)
    caller.rows("select orrery.session_command(%s, %s, %s, %s)", *me, json.dumps(
        [{"session_id": session_id, "epoch": epoch, "id": rng.randrange(1, 1 << 40), "name": rng.choice(("mine", "jettison", "loot")),
          "args": {"ore": "cobalt", "units": rng.randrange(1, 9), "junk": junk}} for session_id, epoch in rows]))
    caller.rows("select orrery.server_sync(%s, %s, %s, '[]', 0)", *me)


def handoff(world, caller, rng):
    """A zone hands players to other places, several at once in any order; some just ask. Where servers live too short for anybody to get to one,
    the test puts a player there."""
    found = collections.defaultdict(list)
    for *place, session_id, epoch in caller.rows("select v.server_id, v.epoch, v.key, n.session_id, n.epoch from orrery.session n join orrery.server v using (server_id)"
                                                 " where n.state = 'playing' and n.release_at is null", ask=True):
        found[tuple(place)].append((session_id, epoch))
    known = [place for place in found if place[:2] in world.tokens]
    if not known:
        with contextlib.closing(Caller(world, "logs in", "servers")) as player:
            login(world, player, rng)
            caller.errors += player.errors
        caller.rows("with one as (select n.session_id, v.server_id, c.character_id from orrery.session n join orrery.character c using (account_id) join orrery.server v"
                    " on v.kind = c.kind and v.key = c.key and v.state = 'ready' where n.state in ('selecting', 'waiting', 'orphaned') order by n.session_id limit 1"
                    " for no key update of n, v skip locked) update orrery.session n set state = 'playing', rule = 'test', server_id = o.server_id,"
                    " character_id = o.character_id, epoch = orrery.epoch_next() from one o where n.session_id = o.session_id", ask=True)
        return
    server_id, server_epoch, key = rng.choice(known)
    others = [place for place in PLACES if place != key]
    hands = [{"session_id": session_id, "epoch": epoch, "kind": "grid", "key": rng.choice(others), **({"state": {}} if rng.random() < 0.8 else {})}
             for session_id, epoch in found[server_id, server_epoch, key]]
    rng.shuffle(hands)
    for answer in caller.value("select orrery.session_hand_off(%s, %s, %s, %s)", server_id, server_epoch,
                               world.tokens[server_id, server_epoch], json.dumps(hands)) or []:
        world.hands[answer.get("status", "refused")] += 1


def chat(world, caller, rng):
    """A player comes, or goes; those who are attached to a chat server come into channels, speak there and directly, and leave, in any order."""
    login(world, caller, rng)
    me = world.server(caller, rng, "chat")
    if not me:
        time.sleep(0.01)
        return
    rows = caller.rows("select session_id, epoch from orrery.attachment where server_id = %s and not ended order by random() limit 6", me[0], ask=True)
    channels = [row[0] for row in caller.rows("select channel_id from orrery.chat_channel where kind in ('cluster', 'created')", ask=True)] or [0]

    def ask(function, more):
        caller.rows(f"select orrery.{function}(%s, %s, %s, %s)", *me, json.dumps(
            [{"session_id": session_id, "epoch": epoch, **more()} for session_id, epoch in rows for _ in range(2)]))
    ask("chat_channels", dict)
    ask("chat_join", lambda: {"name": rng.choice(CHANNELS), "create": rng.random() < 0.5})
    ask("chat_say", lambda: {"message_id": rng.randrange(1, 1 << 40), "text": "x",
                             **({"to": f"P{rng.randrange(8)}"} if rng.random() < 0.3 else {"channel_id": rng.choice(channels)})})
    if rng.random() < 0.3:
        ask("chat_leave", lambda: {"channel_id": rng.choice(channels)})


def moderate(world, caller, rng):
    who, channel = f"P{rng.randrange(8)}", rng.choice(CHANNELS)
    caller.rows(*rng.choice((("select orrery.chat_ban(%s, %s, 1, 'why', 't')", who, channel), ("select orrery.chat_mute(%s, 1, 'why', %s, 't')", who, channel), ("select orrery.chat_mute(%s, 1, 'why', null, 't')", who),
                             ("select orrery.chat_pardon(%s, %s, 't')", who, channel), ("select orrery.chat_channel_drop(%s, 't')", channel))))
    time.sleep(0.005)


def kick(world, caller, rng):
    session_id = caller.value("select session_id from orrery.session where state <> 'ended' order by random() limit 1", ask=True)
    if session_id is None:
        me = world.server(caller, rng, "login")
        opened = caller.one("select orrery.session_open(%s, %s, %s, %s)", *me, {"account_id": rng.choice(world.accounts)}, ask=True) if me else {}
        session_id = opened.get("session_id", 0)
    caller.rows("select orrery.session_kick(%s)", session_id)


def tick(world, caller, rng):
    """Each step in a transaction of its own, as the loop; agents judged as if it had ticked for long."""
    if rng.random() < 0.2:
        caller.rows("update orrery.agent_heartbeat set beat_at = orrery.clock() - interval '1 minute' where agent_id = %s", world.agent(rng)[0], ask=True)
    for step in ("identity", "timers", "clusters", "agents", "commands", "servers", "fleets", "allocations", "idle", "doorbell", "purge", "note"):
        caller.rows("select orrery.tick_step(%s, orrery.clock() - interval '1 hour')", step)


def fleets(world, caller, rng):
    """Another size or another way to replace; a policy that is tried; replacement goes on, having been paused by the test."""
    fleet, what = rng.choice(FLEETS), rng.random()
    if what < 0.5:
        caller.rows("select orrery.fleet_set(%s, %s, 't')", fleet, json.dumps(
            {**FLEET, "policy_args": {"size": rng.randrange(5)}, "surge": rng.randrange(2), "unavailable_max": 1}))
    elif what < 0.7:
        caller.rows("select * from orrery.fleet_try(%s, 'orrery.fleet_buffer', '{\"buffer\":2}', 't')", fleet)
    else:
        caller.rows("update orrery.fleet set paused = 'by the test', paused_version = (select k.version from orrery.server_kind k where k.cluster = 't' and"
                    " k.kind = 'arena') where cluster = 't' and fleet = %s", fleet, ask=True)
        caller.rows("select orrery.fleet_resume(%s, 't')", fleet)


def drop(world, caller, rng):
    """A fleet is given up, with whatever is just being done to its servers, and made again."""
    fleet = rng.choice(FLEETS)
    caller.rows("select orrery.fleet_drop(%s, 't')", fleet)
    caller.rows("select orrery.fleet_set(%s, %s, 't')", fleet, json.dumps(FLEET))
    time.sleep(0.02)


def kinds(world, caller, rng):
    """The kind of the fleets has another version, which replaces their servers; where one would go. Two kinds at once, as from a file."""
    caller.rows("select * from orrery.placement_explain('arena', 't', '{\"cpu_millis\":20}')")
    version = json.dumps({"env": {"VERSION": str(rng.randrange(100))}})
    both = rng.sample(("arena", "grid"), 2)
    caller.rows("select orrery.server_kind_set(%s, %s, 't'), orrery.server_kind_set(%s, %s, 't')", both[0], version, both[1], version)


def allocate(world, caller, rng):
    """Any of the ways to ask, some twice by one key."""
    selector = rng.choice(({"fleet": rng.choice(FLEETS)}, {}, {"kind": "arena"}, {"shared": True, "counters": {"players": 2}},
                           {"counters": {"players": 3}}, {"labels": {"map": "mill"}}))
    request = world.requests[-1] if world.requests and rng.random() < 0.1 else f"r{next(world.requested)}"
    answer = caller.value("select orrery.server_allocate(%s, %s, %s, 't')", request, json.dumps(selector), rng.choice((0, 0, 50, 1000)))
    if answer:
        world.answers[answer["status"]] += 1
        world.requests.append(request)
    else:
        time.sleep(0.005)


def release(world, caller, rng):
    """Confirms or gives back, to be used again or not, what somebody has or waits for."""
    request = caller.value("select request from orrery.allocation where state in ('waiting', 'allocated', 'confirmed') order by (state = 'waiting') <> %s, random()"
                           " limit 1", rng.random() < 0.2, ask=True)
    if request is None:
        allocate(world, caller, rng)
    elif rng.random() < 0.5:
        caller.rows("select orrery.allocation_confirm(%s, 't')", request)
    else:
        caller.rows("select orrery.allocation_release(%s, %s, 't')", request, rng.random() < 0.5)


def counters(world, caller, rng):
    me = world.server(caller, rng, "arena")
    if not me:
        time.sleep(0.01)
        return
    caller.rows("select orrery.server_counters_set(%s, %s, %s, %s, %s)", *me, json.dumps({"players": {"count": rng.randrange(8)}}),
                json.dumps({"map": rng.choice(("mill", "quay"))}))


OPERATIONS = {"report": ("agents", report), "inventory": ("agents", inventory), "register": ("agents", register),
              "request": ("dba", request), "stop": ("dba", stop), "shutdown": ("dba", shutdown), "restart": ("dba", restart),
              "drain": ("dba", drain), "fence": ("postgres", fence), "login": ("servers", login), "sync": ("servers", sync), "zone": ("servers", zone),
              "kick": ("dba", kick), "handoff": ("servers", handoff), "chat": ("servers", chat), "moderate": ("dba", moderate),
              "logins": ("servers", logins), "ban": ("dba", ban), "tick": ("orrery_cron", tick), "fleets": ("dba", fleets), "drop": ("dba", drop), "kinds": ("dba", kinds),
              "allocate": ("dba", allocate), "release": ("dba", release), "counters": ("servers", counters)}


class Hands(threading.Thread):
    """Both agents' obedient half: carries out what comes, so that there is always something to decide."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.going = world, True
        self.caller = Caller(world, "hands", "agents")
        self.start()

    def run(self):
        while self.going:
            for number in (1, 2):
                with self.world.lock:
                    agent_id, token = self.world.agents[number]
                answer = self.caller.value("select orrery.agent_heartbeat(%s, %s, '{\"cpu\":0.1}', '00')", agent_id, token) or {"commands": []}
                reports = []
                for command in answer.get("commands", []):
                    reports.append({"command_id": command["command_id"], "ok": True})
                    ref = {"server_id": command["server_id"], "epoch": command["epoch"]}
                    if command["verb"] == "start":
                        self.world.tokens[(command["server_id"], command["epoch"])] = command["spec"]["token"]
                        reports.append({**ref, "state": "ready", "pid": 1})
                    elif command["verb"] == "stop":
                        reports.append({**ref, "state": "exited", "reason": "exit status 0"})
                if reports:
                    self.caller.rows("select orrery.agent_report(%s, %s, %s)", agent_id, token, json.dumps(reports))
            time.sleep(0.005)


class Ticks(threading.Thread):
    """The tick beside it, unless it is one of the two."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.going = world, True
        self.caller = Caller(world, "ticks", "orrery_cron")
        self.start()

    def run(self):
        while self.going:
            for step in ("clusters", "agents", "commands", "servers", "fleets", "allocations", "idle"):
                self.caller.rows("select orrery.tick_step(%s, null)", step)
            time.sleep(0.02)


def against(world, names, seconds, seed):
    """Runs the two against each other; returns (worst wait, errors, calls that were not refused)."""
    beside = [Hands(world), Ticks(world)]
    world.recover()
    if "tick" in names:
        beside[1].going = False
    callers, threads = [], []
    until = time.monotonic() + seconds

    def run(caller, operation, rng):
        while time.monotonic() < until:
            operation(world, caller, rng)

    for number, name in enumerate(names * 2):
        user, operation = OPERATIONS[name]
        caller = Caller(world, name, user)
        callers.append(caller)
        threads.append(threading.Thread(target=run, args=(caller, operation, random.Random(f"{seed} {names} {number}")), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 20)
    for thread in beside:
        thread.going = False
    for thread in beside:
        thread.join(20)
    callers += [thread.caller for thread in beside]
    for caller in callers:
        caller.close()
    # a step of the tick that fails is undone and told by an event, once a minute
    failed = world.superuser.rows("delete from orrery.event where rule = 'tick_failed' returning detail ->> 'code', noun_id, reason")
    beside[0].caller.errors += [f"{code} step {step}: {reason}" for code, step, reason in failed]
    return (max(caller.worst for caller in callers), [f"{caller.name}: {error}" for caller in callers for error in caller.errors],
            [caller.calls - caller.refused for caller in callers])


def partitions(database):
    """A partition of event is dropped, or not: who writes events waits for it no longer than partition_lock_ms."""
    database.sql("select orrery.setting_set('event_days_kept', 1)")
    database.sql("create table orrery.event_20200101 partition of orrery.event for values from ('2020-01-01') to ('2020-01-02')")
    database.sql("alter table orrery.event_20200101 owner to orrery_owner")
    database.sql("select orrery.isolation_apply('orrery')")
    waits, stop_writing = [], threading.Event()

    def write():
        with contextlib.closing(database.connect()) as connection:
            connection.autocommit = True
            while not stop_writing.is_set():
                from_s = time.monotonic()
                connection.cursor().execute("select orrery.event_add(null, 'test', '1', 'test')")
                waits.append(time.monotonic() - from_s)
    writer = threading.Thread(target=write)
    writer.start()
    with contextlib.closing(database.connect()) as reader:
        reader.cursor().execute("select count(*) from orrery.event")
        from_s = time.monotonic()
        database.sql("select orrery.event_partitions()")
        took = time.monotonic() - from_s
        there = database.value("select to_regclass('orrery.event_20200101') is not null")
        told = database.value("select reason from orrery.event where noun_id = 'event_20200101' and rule = 'event_partitions'")
        reader.rollback()
    worst = max(waits)
    database.sql("select orrery.event_partitions()")
    stop_writing.set()
    writer.join()
    say(f"under a reader it gave up after {took:.2f} s, writers waited {worst * 1000:.0f} ms at most; then {max(waits) * 1000:.0f} ms")
    check("a partition that is read stays, and an event tells", there and told, str(told))
    check("writers wait for the lock no longer than it may take", worst < 0.2 * 3 + 0.5 and took < 2)
    check("it is dropped the next time", database.value("select to_regclass('orrery.event_20200101') is null"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--pair", help="only this one, e.g. report,tick")
    arguments = parser.parse_args()
    say(f"seed {arguments.seed}")
    database = Database()
    world = World(database, random.Random(arguments.seed))
    pairs = [tuple(arguments.pair.split(","))] if arguments.pair else list(itertools.combinations_with_replacement(OPERATIONS, 2))
    wrong, longest, done = collections.Counter(), (0.0, None), collections.Counter()
    for names in pairs:
        waited, errors, calls = against(world, names, arguments.seconds, arguments.seed)
        longest = max(longest, (waited, names), key=lambda item: item[0])
        for name, count in zip(names * 2, calls):
            done[name] += count
        if errors:
            for error, times in collections.Counter(errors).most_common(3):
                say(f"{' against '.join(names)}, {times} times: {error}")
            wrong["deadlock" if any("40P01" in error for error in errors) else "error"] += 1
    say(f"{len(pairs)} pairs, {arguments.seconds} s each; the longest wait was {longest[0]:.2f} s, {' against '.join(longest[1])}")
    say("calls that did something: " + ", ".join(f"{name} {count}" for name, count in sorted(done.items())))
    check("no deadlock in any pair", not wrong["deadlock"], f"{wrong['deadlock']} pairs")
    check("no error that is not a refusal", not wrong["error"], f"{wrong['error']} pairs")
    check(f"nobody waited longer than {WAIT_S_MAX:.0f} s", longest[0] < WAIT_S_MAX, f"{longest[0]:.2f} s in {longest[1]}")
    check("each of them did something", all(done[name] > 0 for pair in pairs for name in pair), str(done))
    if not arguments.pair:
        say("of fleets: " + ", ".join(f"{name} {world.done[name]}" for name in sorted(OF_FLEETS)) + f"; answers {dict(world.answers)}")
        adopted = world.superuser.value("select count(*) from orrery.event where noun = 'session' and rule = 'session_adopt'")
        say(f"answers to hand-offs {dict(world.hands)}; {adopted} adoptions")
        check("sessions were handed over and adopted", world.hands["ready"] > 0 and adopted > 0, f"{world.hands} {adopted}")
        check("each verb of fleets did something", all(world.done[name] for name in OF_FLEETS) and ANSWERS <= set(world.answers), f"{world.done} {world.answers}")
    if wrong["deadlock"]:
        lines = database.log.read_text(errors="replace").splitlines()
        first = next(number for number, line in enumerate(lines) if "ERROR:  deadlock detected" in line or "(40P01)" in line)
        say("the first:\n" + "\n".join(lines[first:first + 10]))
    if not arguments.pair:
        partitions(database)
    finish()


main()
