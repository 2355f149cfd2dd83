#!/usr/bin/python3
"""Every function that a DBA, an agent or a server may call, with every argument wrong in every way its type allows.

Each either raises class OR with a DETAIL and a HINT that say something in bounded words, and changes nothing; or it succeeds, and
stands in MAY_SUCCEED with the reason why that is right. None fails in any other way, or takes long. What is tried comes from
the catalog, so a new function is tried without anyone adding it.
"""

import contextlib
import json
import math
import time

import psycopg2

from database import Database, check, finish, say
from world import SCHEMAS, World, routines

CALL_S_MAX = 2
SAID_MAX = 3000      # characters of message, DETAIL or HINT
BIG = 10 ** 6

TEXTS = ["", " ", "nobody", "'", '"', "%", "%s%n%L%I%%$1", "\\", "a\nb", "a\tb", "\x01", "\x7f", "'; drop table orrery.server; --", "$$", "NULL", "*",
         "ünïcödé 🚀", "\u202eabc", "../../etc/passwd", "{}", "-1", "x" * BIG]
NUMBERS = {"bigint": [-1, 0, 2 ** 63 - 1, -2 ** 63], "integer": [-1, 0, 2 ** 31 - 1, -2 ** 31], "smallint": [-1, 0, 2 ** 15 - 1, -2 ** 15],
           "numeric": [-1, 0, 0.5, "NaN", "Infinity", "-Infinity", "1e1000", "-1e1000"]}
TIMES = ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31", "1970-01-01"]
JSON = ["null", "[]", "{}", "1", "\"x\"", "true", "[1]", "[null]", "[[]]", "[{}]", "[\"x\"]", "{\"x\":1}", "1e400",
        "[" * 3000 + "]" * 3000, json.dumps(list(range(100000))), json.dumps({"x" * BIG: "y"}), json.dumps([{"x": "y"}] * 20000)]
MEMBERS = [None, "x", "", -1, 2 ** 70, 0.5, True, {}, [], [None], ["x"], "\x01", "%s'\"", "x" * BIG]

# Why a call with a strange value of a parameter succeeds and does no harm: function -> parameter -> reason. A value of more than
# HUGE characters needs a reason of its own, under "<parameter>, huge"; "all" are all arguments null.
HUGE = 5000
ONE_CLUSTER = "null: the login's, or the only one that is not stopped"
ANY_STATE = "it may be done to a stopped cluster"
NAMES_NOBODY = "what names nobody is answered with null, as a wrong code is, so that names cannot be found out"
WORDS = "words that are shown as they are, up to a length and without control characters"
STALE = "entries that are not of the caller's sessions mean nothing, members that are not known neither"
MAY_SUCCEED = {
    "account_active_set": {"p_cluster": ONE_CLUSTER},
    "account_create": {"p_cluster": ONE_CLUSTER, "idle": ANY_STATE, "p_password_hash": "null: a one-time code is made",
                       "p_name": "some of the odd ones are names"},
    "account_credential": {"p_name": NAMES_NOBODY, "p_name, huge": NAMES_NOBODY},
    "account_password_set": {"p_name": NAMES_NOBODY, "p_name, huge": NAMES_NOBODY, "p_one_time_code": NAMES_NOBODY,
                             "p_one_time_code, huge": NAMES_NOBODY},
    "agent_drain": {"p_seconds": "null: until it is empty; 0: now"},
    "agent_heartbeat": {"p_inventory": "null: not sent; [] when nothing runs", "p_load": "none is as good as 0: a heartbeat is not refused for it",
                        "p_load, huge": "members that are not known mean nothing"},
    "agent_register": {"p_machine": "texts are taken as they are up to 255 characters; no range is given where there is none",
                       "p_machine, huge": "members that are not known mean nothing", "p_name": "some of the odd ones are names"},
    "agent_report": {"p_reports": "[] tells nothing; what is not this agent's is ignored with an event",
                     "p_reports, huge": "members that are not known mean nothing"},
    "agent_waits_for": {"p_agent_id": "nobody waits for nothing", "all": "nobody waits for nothing"},
    "character_create": {"p_cluster": ONE_CLUSTER, "p_key": "of a kind without a world function, whose keys all exist",
                         "p_name": "a player's choice"},
    "cluster_create": {"p_cluster": "some of the odd ones are names"},
    "cluster_grant": {"p_cluster": "*: every one", "idle": ANY_STATE},
    "cluster_resolve": {"p_cluster": ONE_CLUSTER, "idle": ANY_STATE, "p_statement": "only for a HINT", "p_statement, huge": "only for a HINT",
                        "p_stopped": "null: no"},
    "cluster_shutdown": {"p_cluster": ONE_CLUSTER, "p_seconds": "0: now"},
    "cluster_start": {"p_cluster": "null: the only one that is stopped", "all": "null: the only one that is stopped", "idle": "that is what it is for"},
    "counted": {name: "makes words of whatever it is given" for name in ("p_count", "p_noun", "p_noun, huge", "all")},
    "server_kind_set": {"p_cluster": ONE_CLUSTER, "idle": ANY_STATE, "p_kind": "some of the odd ones are names",
                        "p_spec": "what it leaves out stays as it is; an executable that is missing is told of when it is started"},
    "server_request": {"p_cluster": ONE_CLUSTER, "p_key": "of a kind without a world function, whose keys all exist"},
    "server_stop": {"p_reason": WORDS},
    "server_sync": {"p_taken": STALE, "p_taken, huge": STALE},
    "server_waits_for": {"p_server_id": "nobody waits for nothing", "all": "nobody waits for nothing"},
    "session_end": {"p_ends": STALE, "p_ends, huge": STALE + "; words are cut"},
    "session_kick": {"p_reason": WORDS},
    "session_open": {"p_client_address": WORDS},
    "skill_train": {"p_cluster": ONE_CLUSTER},
    "tick": {"p_continuous_since": "null: since now", "all": "null: since now"},
    "timer_cancel": {"p_cluster": ONE_CLUSTER, "idle": ANY_STATE, "p_key": "answers none", "p_key, huge": "answers none", "p_kind": "answers none",
                     "p_kind, huge": "answers none"},
    "timer_kind_set": {"p_comment": WORDS, "p_kind": WORDS},
    "timer_schedule": {"p_cluster": ONE_CLUSTER, "idle": ANY_STATE, "p_due_at": "in the past: at once", "p_key": "the game's own",
                       "p_payload": "the game's own", "p_payload, huge": "the game's own"},
}


def bad_values(parameter, type_name, usual):
    """Values of the parameter's type that nobody means."""
    if type_name in NUMBERS:
        return NUMBERS[type_name]
    if type_name in ("text", "name"):
        return TEXTS if type_name == "text" else [text[:60] for text in TEXTS]
    if type_name == "timestamp with time zone":
        return TIMES
    if type_name in ("jsonb", "json"):
        return JSON + list(bent(usual))
    return []


def bent(usual):
    """What is usually passed, with one member wrong, or with one more."""
    def objects(value):
        if isinstance(value, dict):
            for name in value:
                for other in MEMBERS:
                    yield {**value, name: other}
                yield {other: value[other] for other in value if other != name}
            yield {**value, "unknown": "x" * BIG}

    if isinstance(usual, dict):
        yield from map(json.dumps, objects(usual))
    elif isinstance(usual, list) and usual and isinstance(usual[0], dict):
        yield from (json.dumps([other]) for other in objects(usual[0]))
        yield json.dumps(usual + usual)


def shown(value):
    text = repr(value)
    return text if len(text) < 80 else f"{text[:60]}…({len(text)})"


class Trial:
    """Calls one function as one login, each time taken back."""

    def __init__(self, connection, cursor, routine):
        self.connection, self.cursor, self.routine = connection, cursor, routine
        self.calls = 0
        self.wrong, self.succeeded = [], []

    def call(self, what, parameter, arguments, again=False):
        if parameter in arguments and len(str(arguments[parameter])) > HUGE:
            parameter += ", huge"
        self.calls += 1
        self.cursor.execute("savepoint s")
        began = time.monotonic()
        try:
            self.cursor.execute(self.routine.statement(), self.routine.values(arguments))
            self.succeeded.append((parameter, what))
        except psycopg2.Error as error:
            self.judge(what, error)
        took = time.monotonic() - began
        self.cursor.execute("rollback to savepoint s")
        del self.connection.notices[:]
        if took > CALL_S_MAX and not again:
            self.call(what, parameter, arguments, again=True)  # the machine may have been busy
        elif took > CALL_S_MAX:
            self.wrong.append(f"{self.routine.name}({what}) took {took:.1f} s")

    def judge(self, what, error):
        diag = error.diag
        if not (error.pgcode or "").startswith("OR"):
            self.wrong.append(f"{self.routine.name}({what}): {error.pgcode} {str(error)[:200]}")
        elif not (diag.message_primary and diag.message_detail and diag.message_hint):
            self.wrong.append(f"{self.routine.name}({what}): {error.pgcode} without DETAIL or HINT")
        elif max(map(len, (diag.message_primary, diag.message_detail, diag.message_hint))) > SAID_MAX:
            self.wrong.append(f"{self.routine.name}({what}): {error.pgcode} says {len(diag.message_primary)}, {len(diag.message_detail)}, "
                              f"{len(diag.message_hint)} characters")


def fingerprint(cursor, tables):
    found = {}
    for table in tables:
        cursor.execute(f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t")
        found[table] = cursor.fetchone()[0]
    return found


def try_routine(database, tables, routine, login, worlds):
    """All bad calls of a function: (calls, what is wrong, [(parameter, what)] that succeeded)."""
    with contextlib.closing(database.connect(login)) as connection, contextlib.closing(database.connect()) as owner:
        with connection.cursor() as cursor, owner.cursor() as look:
            before = fingerprint(look, tables)
            owner.rollback()
            cursor.execute("set statement_timeout = '20s'")
            trial = Trial(connection, cursor, routine)
            usual = worlds[0].arguments(routine)
            if routine.parameters:
                trial.call("all null", "all", dict.fromkeys(usual))
            for parameter, type_name in routine.parameters:
                trial.call(f"{parameter} null", parameter, {**usual, parameter: None})
                for value in bad_values(parameter, type_name, usual[parameter]):
                    trial.call(f"{parameter} {shown(value)}", parameter, {**usual, parameter: value})
            # the wrong state: of a cluster that was never started
            if "p_cluster" in usual:
                trial.call("p_cluster of a stopped cluster", "idle", {**usual, "p_cluster": "idle"})
            # committed, as everything that raised was taken back by its savepoint
            connection.commit()
            after = fingerprint(look, tables)
            if before != after:
                trial.wrong.append(f"{routine.name} changed {sorted(t for t in before if before[t] != after[t])} though it was taken back")
    return trial


def main():
    database = Database()
    world = World(database, "t", "mark")
    database.sql("select orrery.cluster_create('idle')", user="dba")
    tables = [row["name"] for row in database.sql(
        "select format('%%I.%%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = any(%s) and c.relkind = 'r' order by 1", list(SCHEMAS))]
    logins = ["dba", "agent_t", "session_t", "viewer_t"]
    may = {(row["oid"], row["login"]) for row in database.sql(
        "select p.oid, l.login from pg_proc p, unnest(%s) l (login) where has_function_privilege(l.login, p.oid, 'execute')", logins)}
    calls, wrong, surprising, idle, tried = 0, [], [], [], 0
    seen = {}
    for routine in routines(database):
        login = next((login for login in logins if (routine.oid, login) in may), None)
        if not login:
            continue
        tried += 1
        trial = try_routine(database, tables, routine, login, [world])
        calls += trial.calls
        wrong += trial.wrong
        allowed = MAY_SUCCEED.get(routine.name, {})
        for parameter, what in trial.succeeded:
            if parameter not in allowed:
                surprising.append(f"{routine.name}({what})")
            seen.setdefault(routine.name, set()).add(parameter)
        idle += [f"{routine.name}.{parameter}" for parameter in allowed if parameter not in seen.get(routine.name, set())]
    check("there are functions to try", tried > 40, str(tried))
    for text in wrong[:400]:
        say(text)
    for text in surprising[:2000]:
        say(f"succeeded: {text}")
    check(f"{calls} bad calls of {tried} functions: each that fails says why with class OR, in bounded words, in time", not wrong, f"{len(wrong)}")
    check("what succeeds does so for a reason that stands in MAY_SUCCEED", not surprising, f"{len(surprising)}")
    check("and every reason there is of use", not idle, ", ".join(idle))
    finish()


if __name__ == "__main__":
    main()
