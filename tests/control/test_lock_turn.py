#!/usr/bin/python3
"""What each verb of fleets and allocations holds while it waits (CONTRIBUTING.md: the order of locks). Somebody holds one row of one
table after the other, then all of a table; each verb is called against him. Where it waits it holds nothing whose turn comes later,
and it waits for those tables that it is said to lock, no more and no less. Nothing is committed, so that each call finds the same.

    test_lock_turn.py [VERB…]
"""

import contextlib
import json
import sys
import threading

import psycopg2

from database import Database, check, finish, machine, say, wait_until

# In the order in which they are locked, each with its key.
TABLES = {"cluster": "cluster", "fleet": "cluster, fleet", "agent": "agent_id", "placement": "cluster, kind, key", "server": "server_id",
          "allocation": "allocation_id", "session": "session_id", "attachment": "session_id, role", "command": "command_id",
          "agent_heartbeat": "agent_id"}
ORDER = list(TABLES)
# Taken out of turn by who holds the row that stands for it: nobody waits for the one who has not the other.
UNDER = {"placement": "cluster", "allocation": "server"}
AGENT = machine(["t"], port_min=20000, port_max=20999)


class World:
    """A cluster with two fleets, f and g, in every state that a verb can find."""

    def __init__(self, database):
        self.database, self.tokens = database, {}
        database.login("agents", "orrery_agent", "*")
        database.sql("select orrery.cluster_create('t')", user="dba")
        database.login("servers", "orrery_session", "t")
        self.kind()
        self.agent = self.register()
        database.sql("select orrery.cluster_start('t')", user="dba")
        self.carry_out()
        self.fleet("f", 4)
        self.carry_out()
        # of f: one that is confirmed, one that was not in its time, one that several share, one that is free; who waits for g and who waits in vain
        for request, selector in (("mine", {}), ("late", {}), ("shared", {"shared": True}), ("also", {"shared": True})):
            self.given(self.allocate(request, {"fleet": "f", **selector}))
        # who is taken back with somebody on it is stopped
        database.sql("select orrery.server_counters_set(%s, %s, %s, '{\"players\":{\"count\":1}}')", *self.tokens["f-2"], user="servers")
        database.sql("select orrery.allocation_confirm('mine', 't')", user="dba")
        self.fleet("g", 2)
        self.allocate("waits", {"fleet": "g"}, 60000)
        self.allocate("in vain", {"fleet": "f", "counters": {"players": 99}}, 60000)
        # of g: one that has failed, one whose READY is not reported yet
        self.carry_out(fails="g-1", silent="g-2")
        check("there is one of each", database.value("select string_agg(concat_ws(' ', key, state, allocations), ', ' order by key) from orrery.server "
              "where kind = 'arena'") == "f-1 ready 1, f-2 ready 1, f-3 ready 2, f-4 ready 0, g-1 failed 0, g-2 starting 0", str(database.sql(
                  "select key, state, allocations, reason from orrery.server where kind = 'arena' order by key")))
        database.sql("update orrery.fleet set paused = 'by the test', paused_version = 1 where fleet = 'g'")
        database.sql("update orrery.allocation set confirm_by = orrery.clock() - interval '1 s' where request = 'late'")
        # too many by now, so that the tick stops the free one
        self.fleet("f", 1)

    def kind(self):
        self.database.sql("select orrery.server_kind_set('arena', '{\"command\":\"arena\",\"cpu_millis\":10,\"start_attempts_max\":1,\"counters\":{\"players\":8}}', 't')",
                          user="dba")

    def fleet(self, fleet, size):
        self.database.sql("select orrery.fleet_set(%s, %s, 't')", fleet, json.dumps({"kind": "arena", "policy_args": {"size": size}, "cooldown_ms": 0}), user="dba")

    def allocate(self, request, selector, wait_ms=0):
        return self.database.value("select orrery.server_allocate(%s, %s, %s, 't')", request, json.dumps(selector), wait_ms, user="dba")

    @staticmethod
    def given(answer):
        if answer["status"] != "ready":
            raise RuntimeError(f"no server: {answer}")

    def register(self):
        answer = self.database.value("select orrery.agent_register('a', %s, %s)", "a" * 64, json.dumps(AGENT), user="agents")
        return answer["agent_id"], answer["token"]

    def carry_out(self, fails=None, silent=None):
        """What fleets and requests want is placed and started."""
        for step in ("fleets", "servers"):
            self.database.sql("select orrery.tick_step(%s, null)", step)
        reports = []
        for command in self.database.value("select orrery.agent_heartbeat(%s, %s, '{}', '00')", *self.agent, user="agents")["commands"]:
            server = {"server_id": command["server_id"], "epoch": command["epoch"]}
            key = command["spec"]["key"]
            self.tokens[key] = (*server.values(), command["spec"]["token"])
            if key != silent:
                reports.append({"command_id": command["command_id"], "ok": True})
                reports.append({**server, "state": "exited", "reason": "exit status 1"} if key == fails else {**server, "state": "ready", "pid": 1})
        self.report(reports)

    def report(self, reports):
        self.database.sql(*self.report_call(reports), user="agents")

    def report_call(self, reports):
        return "select orrery.agent_report(%s, %s, %s)", *self.agent, json.dumps(reports)

    def of(self, key, state, **more):
        server_id, epoch, _ = self.tokens[key]
        return {"server_id": server_id, "epoch": epoch, "state": state, **more}


def verbs(world):
    """name -> (login, tables that it waits for, call). A server that somebody else is just being given is passed over by those who
    look for any, until nothing else is left."""
    def allocates(selector, wait_ms=0, request="new"):
        return "select orrery.server_allocate(%s, %s, %s, 't')", request, json.dumps(selector), wait_ms

    def ticks(step):
        return f"select orrery.tick_{step}()::text",

    fails = {"reason": "signal 9"}
    return {
        "fleet_set": ("dba", "cluster fleet", ("select orrery.fleet_set('f', '{\"policy_args\":{\"size\":2}}', 't')",)),
        "fleet_try": ("dba", "", ("select orrery.fleet_try('f', 'orrery.fleet_buffer', '{\"buffer\":1}', 't')",)),
        "fleet_drop": ("dba", "cluster fleet placement server", ("select orrery.fleet_drop('f', 't')",)),
        "fleet_drop of one that waits": ("dba", "cluster fleet placement server", ("select orrery.fleet_drop('g', 't')",)),
        "fleet_resume": ("dba", "cluster fleet placement server", ("select orrery.fleet_resume('g', 't')",)),
        "server_kind_set": ("dba", "cluster", ("select orrery.server_kind_set('arena', '{\"cpu_millis\":11}', 't')",)),
        "placement_explain": ("dba", "", ("select orrery.placement_explain('arena', 't', '{\"cpu_millis\":11}')",)),
        "server_allocate": ("dba", "server", allocates({"fleet": "f"})),
        "server_allocate of any fleet, with counters": ("dba", "server", allocates({"counters": {"players": 2}})),
        "server_allocate, shared": ("dba", "server", allocates({"fleet": "f", "shared": True, "counters": {"players": 1}})),
        "server_allocate of labels that nobody has": ("dba", "", allocates({"fleet": "f", "labels": {"map": "mill"}})),
        "server_allocate that waits": ("dba", "", allocates({"fleet": "g"}, 1000)),
        "server_allocate, again": ("dba", "", allocates({"fleet": "f"}, 0, "mine")),
        "allocation_confirm": ("dba", "cluster server allocation", ("select orrery.allocation_confirm('late', 't')",)),
        "allocation_release": ("dba", "cluster placement server allocation", ("select orrery.allocation_release('mine', false, 't')",)),
        "allocation_release, to be used again": ("dba", "cluster server allocation", ("select orrery.allocation_release('mine', true, 't')",)),
        "allocation_release of a share": ("dba", "cluster server allocation", ("select orrery.allocation_release('also', false, 't')",)),
        "allocation_release of who waits": ("dba", "cluster allocation", ("select orrery.allocation_release('waits', false, 't')",)),
        "server_counters_set": ("servers", "server", ("select orrery.server_counters_set(%s, %s, %s, '{\"players\":{\"count\":1}}')", *world.tokens["f-4"])),
        "agent_report of READY, which serves": ("agents", "cluster placement server command", world.report_call([world.of("g-2", "ready")])),
        "agent_report of the end of one that somebody has": ("agents", "cluster placement server allocation", world.report_call([world.of("f-1", "exited", **fails)])),
        "agent_report of both, and of one that is shared": ("agents", "cluster placement server allocation command", world.report_call(
            [world.of("g-2", "ready"), world.of("f-3", "exited", **fails), world.of("f-1", "exited", **fails)])),
        "the tick's fleets": ("postgres", "placement", ticks("fleets")),
        "the tick's allocations": ("postgres", "placement", ticks("allocations")),
    }


class Call(threading.Thread):
    """A call whose transaction stays open until `undo`; `error` is None when it succeeded."""

    def __init__(self, connection, call):
        super().__init__(daemon=True)
        self.connection, self.call, self.error = connection, call, None
        self.start()

    def run(self):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(self.call[0], self.call[1:] or None)
        except psycopg2.Error as error:
            self.error = f"{error.pgcode} {error}".strip()

    def undo(self):
        self.join(20)
        self.connection.rollback()


class Witness:
    """Sees who holds which rows."""

    def __init__(self, database):
        self.looks, self.holds = database.connect(), database.connect()
        self.keys = {}
        for table, key in TABLES.items():
            self.keys[table] = self.rows(f"select {key} from orrery.{table} order by {key}")
        self.looks.rollback()

    def rows(self, statement, *params):
        with self.looks.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall()

    def hold(self, table, row=None):
        """This row, or all of the table."""
        where = "" if row is None else f" where ({TABLES[table]}) = ({', '.join(['%s'] * len(row))})"
        with self.holds.cursor() as cursor:
            cursor.execute(f"select from orrery.{table}{where} for no key update", row)

    def waits(self, call):
        """Until it has ended, or waits for us: then true."""
        pid, mine = call.connection.info.backend_pid, self.holds.info.backend_pid

        def settled():
            blocked = call.is_alive() and self.rows("select %s = any (pg_blocking_pids(%s))", mine, pid)[0][0]
            self.looks.rollback()
            return blocked or not call.is_alive()
        wait_until("it to end or to wait", settled, 20, 0.004)
        return call.is_alive()

    def held(self, table, row):
        """Rows that somebody holds apart from that one, or apart from the table whose row is None, by table."""
        found = {}
        for other, key in TABLES.items():
            free = set(self.rows(f"select {key} from orrery.{other} for no key update skip locked"))
            self.looks.rollback()
            mine = () if other != table else [row] if row is not None else self.keys[other]
            found[other] = [its for its in self.keys[other] if its not in free and its not in mine]
        return {other: rows for other, rows in found.items() if rows}


def out_of_turn(table, row, held):
    """What it holds though the turn of this row comes before: texts."""
    if UNDER.get(table) in held:
        return []
    later = [f"{other} {rows}" for other, rows in held.items() if ORDER.index(other) > ORDER.index(table)]
    if row is not None and any(its > row for its in held.get(table, ())):
        later.append(f"{table} {[its for its in held[table] if its > row]}")
    return later


def look_at(witness, connection, name, expected, call):
    """Calls it against whoever holds each row, and each table."""
    waited_for, wrong, failed = set(), [], []
    for table in ORDER:
        for row in [*witness.keys[table], None] if len(witness.keys[table]) > 1 else witness.keys[table]:
            witness.hold(table, row)
            calls = Call(connection, call)
            if witness.waits(calls):
                waited_for.add(table)
                held = witness.held(table, row)
                later = out_of_turn(table, row, held)
                if later:
                    wrong.append(f"waits for {table} {row or '(all)'} and holds {'; '.join(later)}")
            witness.holds.rollback()
            calls.undo()
            if calls.error:
                failed.append(f"{table} {row}: {calls.error}")
    waited = " ".join(table for table in ORDER if table in waited_for)
    check(f"{name} holds nothing that comes later while it waits", not wrong, " | ".join(wrong))
    check(f"{name} waits for {expected.replace(' ', ', ') or 'nobody'}", waited == expected, f"it waits for {waited or 'nobody'}")
    check(f"{name} succeeds all the same", not failed, " | ".join(failed))


def main():
    database = Database()
    world = World(database)
    witness = Witness(database)
    chosen = {name: verb for name, verb in verbs(world).items() if not sys.argv[1:] or name in sys.argv[1:]}
    for name, (login, expected, call) in chosen.items():
        with contextlib.closing(database.connect(login)) as connection:
            with connection.cursor() as cursor:
                # a daemon's call gives up after 2.5 s else, and here somebody looks around meanwhile
                cursor.execute("set lock_timeout = '30s'")
            connection.commit()
            look_at(witness, connection, name, expected, call)
    say(f"{len(chosen)} calls, each against {sum(map(len, witness.keys.values()))} rows and {len(ORDER)} tables")
    finish()


main()
