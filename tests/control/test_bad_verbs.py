#!/usr/bin/python3
"""Every function that a DBA, an agent, a server or a game may call, with every argument wrong in every way its type allows: null,
out of range, hostile, huge, each member of a document missing or bent, and things that are in no state for it.

Each call either raises class OR with a DETAIL and a HINT that say something in bounded words, and leaves no lock and no setting
behind; or it succeeds, and then MAY_SUCCEED says for which values that is right and why, and it has written no more than
stands there, which is looked at before the call is taken back. None fails in any other way, or takes long. What is tried
comes from the catalog, by each login that may call it, so a new function is tried without anyone adding it.
"""

import argparse
import collections
import json
import time
import typing

import psycopg2

from database import Database, check, finish, machine, say
from may_succeed import HUGE, MAY_SUCCEED_AT, MISSING, NEVER_RIGHT, plain
from world import World, routines

CALL_S_MAX = 2
SAID_MAX = 3000      # characters of message, DETAIL or HINT
BIG = 10 ** 6
BUG = "OR009"        # an edge that no state machine has: what is asked for must be refused before

TEXTS = ["", " ", "nobody", "'", '"', "%", "%s%n%L%I%%$1", "\\", "a\nb", "a\tb", "\x01", "\x7f", "'; drop table orrery.server; --", "$$", "NULL", "*",
         "ünïcödé 🚀", "\u202eabc", "../../etc/passwd", "{}", "-1", "x" * BIG]
NUMBERS = {"bigint": [-1, 0, 2 ** 63 - 1, -2 ** 63], "integer": [-1, 0, 2 ** 31 - 1, -2 ** 31], "smallint": [-1, 0, 2 ** 15 - 1, -2 ** 15],
           "numeric": [-1, 0, 0.5, "NaN", "Infinity", "-Infinity", "1e1000", "-1e1000"]}
TIMES = ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31", "1970-01-01"]
JSON = ["null", "[]", "{}", "1", "\"x\"", "true", "[1]", "[null]", "[[]]", "[{}]", "[\"x\"]", "{\"x\":1}", "1e400",
        "[" * 3000 + "]" * 3000, json.dumps(list(range(100000))), json.dumps({"x" * BIG: "y"}), json.dumps([{"x": "y"}] * 20000)]
RIGHT = object()     # the value of a case that is not bad at all
MEMBERS = [None, "x", "", -1, 2 ** 31, 2 ** 70, 0.5, "NaN", True, {}, [], [None], ["x"], [[["x"]]], {"x": {"x": [None]}}, "\x01", "a\nb", "%s'\"",
           "'; drop table orrery.server; --", "x" * BIG]
MEMBERS_JSON = [(json.dumps(value), value) for value in MEMBERS] + [("1e400", 1e400), ("-1e400", -1e400)]


class Case(typing.NamedTuple):
    """One bad call: `where` is the parameter, `parameter.member` of a document, `state: …` or `all`."""
    where: str
    value: typing.Any
    arguments: dict

    def __str__(self):
        text = repr(self.value)
        return f"{self.where} {text if len(text) < 80 else f'{text[:60]}…({len(text)})'}"


def values_of(parameter, type_name, usual):
    """(where, value, argument): values of the parameter's type that nobody means."""
    if type_name in NUMBERS:
        yield from ((parameter, value, value) for value in NUMBERS[type_name])
    elif type_name in ("text", "name"):
        yield from ((parameter, value, value) for value in (TEXTS if type_name == "text" else [text[:60] for text in TEXTS]))
    elif type_name == "timestamp with time zone":
        yield from ((parameter, value, value) for value in TIMES)
    elif type_name in ("jsonb", "json"):
        yield from ((parameter, value, value) for value in JSON)
        for name, document in usual.items():
            yield from bent(f"{parameter}{name}", document)


def bent(where, document):
    """A document that is right but for one member: (where, value, JSON)."""
    entry, wrap = document, "%s"
    if isinstance(document, list):
        entry, wrap = document[0], "[%s]" % ", ".join(["%s", *map(json.dumps, document[1:])])
    for member in entry:
        others = {other: value for other, value in entry.items() if other != member}
        yield f"{where}.{member}", MISSING, wrap % json.dumps(others)
        for text, value in MEMBERS_JSON:
            text = "{%s}" % ", ".join([f"{json.dumps(member)}: {text}", *(f"{json.dumps(n)}: {json.dumps(v)}" for n, v in others.items())])
            yield f"{where}.{member}", value, wrap % text
    yield f"{where}.unknown", "x" * BIG, wrap % json.dumps({**entry, "unknown": "x" * BIG})
    if isinstance(document, list):
        yield f"{where} twice", 2, json.dumps(document * 2)


class Trial:
    """Calls functions as one login, each in a transaction of its own that is taken back after a look at what was written."""

    def __init__(self, database, login, tables):
        self.login, self.connection, self.tables = login, database.connect(login), tables
        self.cursor = self.connection.cursor()
        self.cursor.execute("set statement_timeout = '20s'")
        self.connection.commit()
        self.calls = 0
        self.wrong, self.succeeded = [], []
        self.behind = self.left_behind()

    def written(self):
        """Rows inserted, updated and deleted by this backend and not yet told to the statistics, by table."""
        self.cursor.execute("select array_agg(pg_stat_get_xact_tuples_inserted(t) + pg_stat_get_xact_tuples_updated(t) + pg_stat_get_xact_tuples_deleted(t) "
                            "order by n) from unnest(%s::oid[]) with ordinality u (t, n)", (list(self.tables.values()),))
        return self.cursor.fetchone()[0]

    def left_behind(self):
        """What no rollback undoes, and what must be the caller's as it was. Numbers that a sequence gave are not given again."""
        self.cursor.execute("select (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), "
                            "(select md5(string_agg(name || setting, '|' order by name)) from pg_settings where source = 'session'), "
                            "(select count(*) from pg_prepared_statements), session_user, current_user")
        return self.cursor.fetchone()

    def call(self, routine, case, again=False):
        """(code or None, tables written)"""
        self.calls += 1
        code, wrote, entry = None, set(), None
        before = self.written()
        began = time.monotonic()
        try:
            self.cursor.execute(routine.statement(), routine.values(case.arguments))
            entry = self.entries(routine, case)
        except psycopg2.Error as error:
            code = error.pgcode or "none"
            self.judge(routine, case, error)
        took = time.monotonic() - began
        if code is None:
            wrote = {table for table, then, now in zip(self.tables, before, self.written()) if then != now}
            wrote = {"event" if table.startswith("event_2") else table for table in wrote}
            code, wrote = entry or code, wrote if not entry else self.spoilt(routine, case, wrote)
        self.connection.rollback()
        del self.connection.notices[:]
        if took > CALL_S_MAX and not again:
            return self.call(routine, case, again=True)  # the machine may have been busy
        if took > CALL_S_MAX:
            self.wrong.append(f"{routine.name}({case}) took {took:.1f} s")
        return code, wrote

    def entries(self, routine, case):
        """The code with which a batched call refused all of its entries; None when it did not."""
        answers = self.cursor.fetchone()[0] if routine.returns == "jsonb" and self.cursor.rowcount == 1 else None
        if not isinstance(answers, list) or not answers or not all(isinstance(a, dict) and "error" in a for a in answers):
            return None
        for error in (a["error"] for a in answers):
            if not error["code"].startswith("OR") or error["code"] == BUG or not (error["message"] and error["hint"]):
                self.wrong.append(f"{routine.name}({case}): {str(error)[:200]}")
            elif max(len(error["message"]), len(error["hint"])) > SAID_MAX:
                self.wrong.append(f"{routine.name}({case}): {error['code']} says {len(error['message'])}, {len(error['hint'])} characters")
        return answers[0]["error"]["code"]

    def spoilt(self, routine, case, wrote):
        if wrote:
            self.wrong.append(f"{routine.name}({case}): its entries are refused, and it writes {sorted(wrote)}")
        return set()

    def judge(self, routine, case, error):
        diag, code = error.diag, error.pgcode or ""
        if not code.startswith("OR") or code == BUG:
            self.wrong.append(f"{routine.name}({case}): {error.pgcode} {str(error)[:200]}")
        elif not (diag.message_primary and diag.message_detail and diag.message_hint):
            self.wrong.append(f"{routine.name}({case}): {error.pgcode} without DETAIL or HINT")
        elif max(map(len, (diag.message_primary, diag.message_detail, diag.message_hint))) > SAID_MAX:
            self.wrong.append(f"{routine.name}({case}): {error.pgcode} says {len(diag.message_primary)}, {len(diag.message_detail)}, "
                              f"{len(diag.message_hint)} characters")

    def attempt(self, routine, cases):
        """All calls of a function, those with the value RIGHT before the bad ones they belong to. What succeeded, as (function,
        case, tables written, those that the right call writes) is kept. Answers the right calls' codes by `where`."""
        codes, usually = {}, {}
        for case in cases:
            code, wrote = self.call(routine, case)
            if case.value is RIGHT:
                codes[case.where], usually[case.where] = code, wrote
            elif code is None:
                of = case.where.partition(".")[0].removesuffix(" twice")
                self.succeeded.append((routine, case, wrote, usually.get(of, usually["right"])))
        behind = self.left_behind()
        self.connection.rollback()
        if behind != self.behind:
            self.wrong.append(f"{routine.name} leaves behind {behind}, before {self.behind}")
        return codes

    def judge_success(self, used):
        """What succeeded though nobody says that it may, or wrote more than is said."""
        for routine, case, wrote, usually in self.succeeded:
            right = MAY_SUCCEED_AT.get((routine.name, case.where))
            if right is None:
                yield f"{routine.name}({case}) succeeds"
                continue
            used.add((routine.name, case.where))
            if not right.values(case.value) or not right.odd and not plain(case.value):
                yield f"{routine.name}({case}) succeeds, which is none of the values for which: {right.why}"
            allowed = usually if right.writes is None and not case.where.startswith("state:") else right.writes
            if allowed is not None and wrote - allowed:
                yield f"{routine.name}({case}) writes {sorted(wrote - allowed)}, though: {right.why}"


class Wrong:
    """Clusters, servers, agents, sessions and accounts in each state that a verb may meet: `states` are (what, the world that it is
    in, parameter -> value)."""

    def __init__(self, database):
        self.database, self.states = database, []
        world = self.world = World(database, "w", "wrong")
        self.cluster_states()
        self.server_states()
        for who in ("lost", "stopped", "draining"):
            self.agent_state(who)
        for who in ("leaver", "waiter", "player"):
            self.state(f"session {dict(leaver='ended', waiter='waiting', player='playing elsewhere')[who]}", world,
                       dict(zip(("p_session_id", "p_session_epoch"), world.session(who))))
        for state in ("waiting", "released", "confirmed"):
            self.state(f"allocation {state}", world, {"p_request": world.requests[state]})
        world.dba("select orrery.account_active_set(%s, false, 'w')", "wrongabsent")
        for what, who in (("not active", "absent"), ("in play", "player"), ("banned", "banned")):
            self.state(f"account {what}", world, {"p_opens": [{"ref": 1, "account_id": world.accounts[who]["account_id"], "address": "192.0.2.7:7"}]})
        for what, who in (("ended", "leaver"), ("waiting", "waiter"), ("playing elsewhere", "player")):
            self.state(f"session {what}", world, {"p_selects": [{**world.selects("player"), **dict(zip(("session_id", "epoch"), world.session(who)))}]})
            if what != "playing elsewhere":
                self.state(f"session {what}", world, {"p_hands": [{**world.hands("player"), **dict(zip(("session_id", "epoch"), world.session(who)))}]})
            self.state(f"session {what}", world, {"p_renewals": [dict(zip(("session_id", "epoch"), world.session(who)))]})

    def state(self, what, world, values):
        self.states.append((what, world, values))

    def cluster_states(self):
        dba = self.world.dba
        for cluster in ("idle", "begun"):
            dba("select orrery.cluster_create(%s)", cluster)
            dba("select orrery.server_kind_set(%s, %s, %s)", self.world.kind, '{"role":"zone","command":"x"}', cluster)
            dba("select orrery.account_create('wrongplayer', '$argon2id$x', %s)", cluster)
            dba("select orrery.character_create('wrongplayer', 'wronghero player', %s, 'x', %s)", self.world.kind, cluster)
        dba("select orrery.cluster_start('begun')")
        self.state("cluster stopped", self.world, {"p_cluster": "idle"})
        self.state("cluster starting", self.world, {"p_cluster": "begun"})
        for state, cluster, seconds in (("shutting_down", "down", 3600), ("stopping", "ending", 0)):
            other = World(self.database, cluster, cluster)
            dba("select orrery.cluster_shutdown(%s, %s)", seconds, cluster)
            found = dba("select state from orrery.cluster_status where cluster = %s", cluster)
            assert found == state, (cluster, found)
            self.state(f"cluster {state}", other, {"p_cluster": cluster})
            self.state(f"server of a cluster {state}", other, dict(zip(("p_server_id", "p_epoch", "p_token"), other.servers["login"])))

    def server_states(self):
        world, servers = self.world, {}
        world.dba("select orrery.server_kind_set('once', %s, 'w')", json.dumps({"role": "zone", "command": "once", "start_attempts_max": 1}))
        for state in ("starting", "stopping", "stopped", "failed"):
            world.dba("select orrery.server_request('once', %s, 'w')", state)
            servers[state] = next((c["server_id"], c["epoch"], c["spec"]["token"]) for c in world.beat()["commands"]
                                  if c["verb"] == "start" and c["spec"]["key"] == state)
            if state in ("stopping", "stopped"):
                self.report(world, servers[state], "ready")
                world.dba("select orrery.server_stop(%s)", servers[state][0])
            if state in ("stopped", "failed"):
                self.report(world, servers[state], "exited")
            found = self.database.value("select state from orrery.server where server_id = %s", servers[state][0])
            assert found == state, (state, found)
            self.state(f"server {state}", world, dict(zip(("p_server_id", "p_epoch", "p_token"), servers[state])))
        self.state("server requested", world, {"p_server_id": world.dba("select server_id from orrery.server_status where kind = 'wrongbig'")})
        self.state("server of an older epoch", world, dict(zip(("p_server_id", "p_epoch", "p_token"), (
            world.servers["login"][0], world.servers["login"][1] - 1, world.servers["login"][2]))))

    def report(self, world, server, state):
        report = {"server_id": server[0], "epoch": server[1], "state": state, "pid": 1, "reason": "exit status 1"}
        self.database.sql("select orrery.agent_report(%s, %s, %s)", world.agent_id, world.agent_token, json.dumps([report]), user="agent_w")

    def agent_state(self, which):
        name, identity = f"wrong-{which}", which.encode().hex().ljust(64, "0")
        answer = self.database.value("select orrery.agent_register(%s, %s, %s)", name, identity, json.dumps(machine(["w"])), user="agent_w")
        me = {"p_agent_id": answer["agent_id"], "p_token": answer["token"]}
        if which == "stopped":
            self.database.sql("select orrery.agent_report(%s, %s, '[{\"state\":\"stopping\"}]')", *me.values(), user="agent_w")
        elif which == "draining":
            self.world.dba("select orrery.agent_drain(%s)", name)
        else:
            self.database.sql("update orrery.agent_heartbeat set beat_at = beat_at - interval '1 h' where agent_id = %s", me["p_agent_id"])
            self.database.sql("select orrery.tick_agents(orrery.clock() - interval '1 h')")
            found = self.world.dba("select state from orrery.agent_status where name = %s", name)
            assert found == "lost", found
        self.state(f"agent {which}", self.world, me)
        self.state(f"agent {which}", self.world, {"p_agent": name})
        self.state(f"agent {which}", self.world, {"p_name": name, "p_identity": identity})

    def cases(self, routine, login):
        """Wrong states for a function, where `login` sees that world."""
        for what, world, values in self.states:
            if next(iter(values)) not in routine.names or "p_name" in values and routine.name != "agent_register" or \
                    "older epoch" in what and "p_epoch" not in routine.names or login not in ("dba", f"agent_{world.cluster}", f"session_{world.cluster}"):
                continue
            arguments = right(world, routine)
            yield Case(f"state: {what}", None, {**arguments, **{name: value for name, value in values.items() if name in arguments}})


def database_of(world):
    """What an agent of the world has obeyed."""
    return world.database.sql("select incarnation, encode(lineage, 'hex') as lineage from orrery.incarnation")[0]


def documents(world, routine):
    """Parameter -> name -> a whole document that is right, of which each member is bent."""
    server_id, epoch, _ = world.servers[world.kind]
    begun = world.database.sql("select server_id, epoch from orrery.server where cluster = %s and key = %s", world.cluster, f"{world.mark}second")[0]
    others = [{"server_id": s, "epoch": e, "state": "ready"} for kind, (s, e, _) in world.servers.items() if kind != world.kind]
    kind = {"": {"role": "zone", "command": "zone", "args": ["x"], "env": {"X": "x"}, "always_on_key": "x", "public_port": 20000, "cpu_millis": 1,
                 "memory_bytes": 1, "sessions_max": 1, "ready_deadline_ms": 1, "stop_grace_ms": 1, "start_attempts_max": 1, "idle_stop_ms": 1,
                 "on_isolation": "stop", "limits": {"nofile": 1}, "log_bytes_max": 1 << 20, "log_files": 1, "watchdog_ms": 1,
                 "world_function": "space.world"},
            " limits": {"limits": {"nofile": 100}}, " ready": {"ready_by": "output", "ready_pattern": "^x$"}}
    fleet = {"": {"kind": world.arena, "policy": "orrery.fleet_fixed", "policy_args": {"size": 3}, "size_min": 1, "size_max": 9, "cooldown_ms": 1000,
                  "surge": 1, "unavailable_max": 1}}
    return {
        "p_machine": {"": {**world.machine, **database_of(world)}},
        "p_load": {"": {"cpu": 0.5, "memory_used_bytes": 1 << 30}},
        "p_inventory": {"": [{"server_id": server_id, "epoch": epoch, "state": "ready", "pid": 1}, *others],
                        " starting": [{**begun, "state": "ready", "pid": 2}, {"server_id": server_id, "epoch": epoch, "state": "ready"}, *others]},
        "p_reports": {
            " done": [{"command_id": world.command_id, "ok": True}],
            " not done": [{"command_id": world.command_id, "ok": False, "error": "ENOENT"}],
            " ready": [{**begun, "state": "ready", "pid": 2}],
            " exited": [{"server_id": server_id, "epoch": epoch, "state": "exited", "exit_code": 1, "signal": None, "reason": "x", "by_agent": False,
                          "by_lease": False}],
            " stopping": [{"state": "stopping"}]},
        "p_attempts": {"": [{"ref": 1, "name": f"{world.mark}player", "address": "192.0.2.7:7"}],
                       " device": [{"ref": 1, "name": f"{world.mark}leaver", "address": "192.0.2.7:7", "device_key": world.device_key}]},
        "p_opens": {"": [{"ref": 1, "account_id": world.accounts["absent"]["account_id"], "address": "192.0.2.7:7"}],
                    " device": [{"ref": 1, "account_id": world.accounts["leaver"]["account_id"], "address": "192.0.2.7:7", "device_id": world.device_id}]},
        "p_selects": {"": [world.selects("open")]},
        "p_hands": {"": [world.hands("player")]},
        "p_renewals": {"": [{"session_id": world.session("open")[0], "epoch": world.session("open")[1]}]},
        "p_resolves": {"": [world.resolves("player")]},
        "p_taken": {"": [{"session_id": world.session("player")[0], "epoch": world.session("player")[1], "role": "owner"}]},
        "p_ends": {"": [{"session_id": world.session("open")[0], "epoch": world.session("open")[1], "reason": "logout", "detail": "x", "state": {"x": 1}}]},
        "p_world": {"": {"x": 1}}, "p_body": {"": {"x": 1}},
        "p_sessions": {"": [world.chatter("player")] if routine.name == "chat_channels" else [
            {"session_id": world.session("player")[0], "epoch": world.session("player")[1], "state": {"x": 1}}]},
        "p_joins": {"": [{**world.chatter("player"), "name": world.channel, "create": True}]},
        "p_leaves": {"": [{**world.chatter("miner"), "channel_id": world.channel_id}]},
        "p_messages": {"": [world.says("player", 2)], " direct": [{**world.chatter("player"), "message_id": 3, "to": f"{world.mark}hero miner", "text": "x"}]},
        "p_after": {"": [{"ref": 1, "channel_id": world.channel_id, "after": 0, "limit": 9}]},
        "p_commands": {"": [world.commands("miner")]},
        "p_spec": fleet if routine.name == "fleet_set" else kind,
        "p_payload": {"": {"x": 1}},
        "p_selector": {"": {"fleet": world.fleet, "kind": world.arena, "labels": {}, "counters": {f"{world.mark}players": 1}, "shared": True},
                       " labels": {"labels": {"zone": f"{world.mark}zone"}}, " counters": {"counters": {f"{world.mark}players": 1}}},
        "p_counters": {"": {"players": {"count": 3, "capacity": 16}}},
        "p_labels": {"": {"map": "x"}},
        "p_args": {"": {"size": 3}},
    }


def right(world, routine):
    """Arguments with which the call is right, where that can be."""
    arguments = world.arguments(routine)
    if routine.name in ("server_sync", "server_checkpoint", "session_hand_off"):
        arguments.update(zip(("p_server_id", "p_epoch", "p_token"), world.servers[world.kind]))
    elif routine.name.startswith("chat_") and "p_token" in arguments:
        arguments.update(zip(("p_server_id", "p_epoch", "p_token"), world.servers["chat"]))
    elif routine.name == "session_command":
        arguments.update(zip(("p_server_id", "p_epoch", "p_token"), world.servers["grid"]))
    elif routine.name == "server_request":
        arguments["p_key"] = f"{world.mark}fresh"
    elif routine.name == "cluster_create":
        arguments["p_cluster"] = f"{world.mark}made"
    elif routine.name == "account_password_set":
        arguments["p_name"] = f"{world.mark}newcomer"
    elif routine.name == "account_ban":
        arguments["p_seconds"] = 60
    for parameter, document in documents(world, routine).items():
        if parameter in arguments:
            arguments[parameter] = next(iter(document.values()))
    return arguments


def bad_cases(world, routine, usual, thorough):
    """`thorough`: members of documents and huge values too."""
    yield Case("right", RIGHT, usual)
    if routine.parameters:
        yield Case("all", None, dict.fromkeys(usual))
    whole = documents(world, routine)
    for parameter, type_name in routine.parameters:
        yield Case(parameter, None, {**usual, parameter: None})
        document = whole.get(parameter, {}) if thorough else {}
        for name in document:
            yield Case(f"{parameter}{name}", RIGHT, {**usual, parameter: document[name]})
        for where, value, argument in values_of(parameter, type_name, document):
            if thorough or not isinstance(argument, str) or len(argument) <= HUGE:
                yield Case(where, value, {**usual, parameter: argument})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("functions", nargs="*", help="only these")
    options = parser.parse_args()
    database = Database()
    # nobody is judged lost by a slow machine
    database.sql("select orrery.setting_set('lease_ms', 600000)")
    world = World(database, "t", "mark")
    wrong_states = Wrong(database)
    # nor is a server late: an agent that registers has the deadlines of those put off
    database.sql("update orrery.server set deadline_at = deadline_at + interval '1 hour' where deadline_at is not null")
    for login, role in (("agents", "agent"), ("servers", "session")):
        database.login(login, f"orrery_{role}", "*")
    tables = {row["relname"]: row["oid"] for row in database.sql(
        "select relname, oid from pg_class where relnamespace = any (array['orrery', 'space']::regnamespace[]) and relkind = 'r'")}
    # the first of a role tries everything, others what differs by what they see
    thorough = ["dba", "agents", "session_t", "viewer_t"]
    logins = [*thorough, "admin_t", "agent_t", "servers", "space_owner_t",
              *(f"{role}_{cluster}" for role in ("agent", "session") for cluster in ("w", "down", "ending"))]
    may = {(row["oid"], row["login"]) for row in database.sql(
        "select p.oid, l.login from pg_proc p, unnest(%s) l (login) where has_function_privilege(l.login, p.oid, 'execute')", logins)}
    # what games alone may call is theirs to call rightly
    functions = [routine for routine in routines(database) if any((routine.oid, login) in may for login in thorough)
                 and (not options.functions or routine.name in options.functions)]
    trials, used, refused = [], set(), collections.defaultdict(set)
    for login in logins:
        trial = Trial(database, login, tables)
        trials.append(trial)
        for routine in functions:
            if (routine.oid, login) in may:
                usual = right(world, routine)
                cases = [Case("right", RIGHT, usual)] if login.endswith(("_w", "_down", "_ending")) else bad_cases(world, routine, usual, login in thorough)
                for where, code in trial.attempt(routine, [*cases, *wrong_states.cases(routine, login)]).items():
                    refused[routine.name, where].add(code)
        trial.connection.close()
    calls = sum(trial.calls for trial in trials)
    wrong = [f"{trial.login}: {what}" for trial in trials for what in trial.wrong]
    surprising = [f"{trial.login}: {what}" for trial in trials for what in trial.judge_success(used)]
    never_right = sorted({f"{function} {where}" for (function, where), codes in refused.items() if None not in codes} - NEVER_RIGHT)
    for text in [*wrong[:200], *surprising[:400]]:
        say(text)
    check("there are functions to try", len(functions) > 40 or options.functions, str(len(functions)))
    check(f"{calls} calls of {len(functions)} functions by {len(logins)} logins: each that fails says why with class OR, in bounded words, in time",
          not wrong, f"{len(wrong)}")
    check("what succeeds does so for a reason that stands in MAY_SUCCEED, and writes no more", not surprising, f"{len(surprising)}")
    idle = sorted(f"{function}: {where}" for function, where in set(MAY_SUCCEED_AT) - used if not options.functions or function in options.functions)
    check("and every reason there is of use", not idle, "; ".join(idle))
    check("what is bent is right before", not never_right, "; ".join(never_right))
    finish()


if __name__ == "__main__":
    main()
