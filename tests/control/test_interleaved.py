#!/usr/bin/python3
"""Two calls that meet at one certain point. A third connection holds a row there, so that each order is made, not hoped for:
the one call waits in the middle of its work, the other goes on to where they meet, then the row is let go. No deadlock, and
nothing is decided from what was true before the wait.
"""

import contextlib
import json
import threading
import time

import psycopg2

from database import Database, check, finish, machine, wait_until


class Call(threading.Thread):
    """A call on a connection of its own, in a transaction that is committed; `code` is None when it succeeded."""

    def __init__(self, database, user, statement, *params):
        super().__init__(daemon=True)
        self.connection = database.connect(user)
        self.pid = self.connection.info.backend_pid
        self.statement, self.params = statement, params
        self.code, self.value = "it did not end", None
        self.start()

    def run(self):
        try:
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute(self.statement, self.params)
                self.value = cursor.fetchone()[0]
            self.code = None
        except psycopg2.Error as error:
            self.code = error.pgcode

    def waits(self, database):
        """Until it waits for a row; false when it ended instead."""
        return wait_until("a wait", lambda: not self.is_alive() or database.value(
            "select cardinality(pg_blocking_pids(%s)) > 0", self.pid), 10, 0.01) and self.is_alive()

    def end(self):
        self.join(20)
        self.connection.close()
        return self.code


@contextlib.contextmanager
def held(database, statement, *params):
    """Rows that are locked until the end of the block."""
    with contextlib.closing(database.connect()) as connection:
        connection.cursor().execute(statement, params)
        yield
        connection.rollback()


class World:
    """A cluster that runs on one agent, with a player who has logged in."""

    def __init__(self, database, name):
        self.database, self.cluster = database, name
        if not database.value("select exists (select from orrery.cluster where cluster = %s)", name):
            database.sql("select orrery.cluster_create(%s)", name, user="dba")
        database.login(f"servers_{name}", "orrery_session", name)
        self.machine = json.dumps(machine([name]))
        answer = self.register()
        self.agent = (answer["agent_id"], answer["token"])
        database.sql("select orrery.cluster_start(%s)", name, user="dba")
        database.sql("select orrery.server_request('grid', 'aldra-1', %s)", name, user="dba")
        self.servers = {}
        self.carry_out()
        database.sql("select orrery.account_create('pat', '$argon2id$x', %s)", name, user="dba")
        database.sql("select orrery.character_create('pat', %s, 'grid', 'aldra-1', %s)", f"Pat {name}", name, user="dba")
        row = database.sql("select account_id, character_id from orrery.character where cluster = %s", name)[0]
        self.account, self.character = row["account_id"], row["character_id"]
        self.opened = self.open()[0]
        self.session = (self.opened["session_id"], self.opened["epoch"])

    def register(self):
        return self.database.value("select orrery.agent_register(%s, %s, %s)", f"agent-{self.cluster}", self.cluster.encode().hex().ljust(64, "0"),
                                   self.machine, user="agents")

    def beat(self):
        return self.database.value("select orrery.agent_heartbeat(%s, %s, '{}', '00')", *self.agent, user="agents")

    def inventory(self):
        return json.dumps([{"server_id": server_id, "epoch": epoch, "state": "ready", "pid": 1} for server_id, epoch, _ in self.servers.values()])

    def beat_whole(self, digest="01"):
        """The call of a heartbeat with its inventory."""
        return "select orrery.agent_heartbeat(%s, %s, '{\"cpu\":0.1,\"memory_used_bytes\":1}', %s, %s)", *self.agent, digest, self.inventory()

    def beat_ordinary(self, digest="01"):
        return "select orrery.agent_heartbeat(%s, %s, '{\"cpu\":0.1,\"memory_used_bytes\":1}', %s)", *self.agent, digest

    def carry_out(self):
        reports = []
        for command in self.beat()["commands"]:
            reports.append({"command_id": command["command_id"], "ok": True})
            if command["verb"] == "start":
                self.servers[command["spec"]["kind"]] = (command["server_id"], command["epoch"], command["spec"]["token"])
                reports.append({"server_id": command["server_id"], "epoch": command["epoch"], "state": "ready", "pid": 1})
        self.database.sql("select orrery.agent_report(%s, %s, %s)", *self.agent, json.dumps(reports), user="agents")

    def open_statement(self, login="login", account=None, **more):
        return self.server_statement(login, "session_open", json.dumps([{"account_id": account or self.account, "address": "192.0.2.9:1", **more}]))

    def open(self, login="login", account=None):
        return self.database.value(*self.open_statement(login, account), user=f"servers_{self.cluster}")

    def select_statement(self, session=None, character=None, login="login"):
        session = session or self.session
        return self.server_statement(login, "session_select", json.dumps(
            [{"session_id": session[0], "epoch": session[1], "character_id": character or self.character}]))

    def server_statement(self, kind, function, *more):
        params = [*self.servers[kind], *more]
        return f"select orrery.{function}({', '.join(['%s'] * len(params))})", *params

    def server_call(self, kind, function, *more):
        return self.database.value(*self.server_statement(kind, function, *more), user=f"servers_{self.cluster}")

    def exited(self, kind):
        """The call by which the agent reports that its server has exited."""
        server_id, epoch, _ = self.servers[kind]
        return "select orrery.agent_report(%s, %s, %s)", *self.agent, json.dumps(
            [{"server_id": server_id, "epoch": epoch, "state": "exited", "reason": "signal 9"}])

    def state(self, server_id):
        return self.database.value("select state from orrery.server where server_id = %s", server_id)


def login_at_a_dead_server(database):
    """A login server opens a session of the account whose session there is just ended, since the server is dead."""
    world = World(database, "dead")
    login_id = world.servers["login"][0]
    # the report has ended the session, and waits for its secret
    with held(database, "select from orrery.session_secret where session_id = %s for update", world.session[0]):
        report = Call(database, "agents", *world.exited("login"))
        check("the report waits", report.waits(database))
        opens = Call(database, "servers_dead", *world.open_statement())
        check("the login waits for the report", opens.waits(database))
    check("the report is taken", report.end() is None, str(report.code))
    check("the login is refused: its server is over", opens.end() == "OR007", str(opens.code))
    check("no session is left at a server that is dead", database.value(
        "select count(*) from orrery.session where server_id = %s and state <> 'ended'", login_id) == 0)


def hand_off_at_the_deadline(database):
    """A server's exit is reported when the cluster's deadline has passed, while one of its players is handed over."""
    world = World(database, "deadline")
    _, grid_epoch, _ = world.servers["grid"]
    command_id = database.value("select orrery.command_add(%s, 'tell', '{}', 'test')", world.servers["login"][0])
    database.sql("select orrery.cluster_shutdown(1, 'deadline')", user="dba")
    time.sleep(1.1)
    # the report holds the sessions of the login server, and waits for its command
    with held(database, "select from orrery.command where command_id = %s for update", command_id):
        report = Call(database, "agents", *world.exited("login"))
        check("the report waits", report.waits(database))
        select = Call(database, "servers_deadline", *world.select_statement())
        check("the hand-off holds its target and waits for the session", select.waits(database))
    check("the report is taken", report.end() is None, str(report.code))
    check("the hand-off is refused: its session is over", select.end() is None and select.value[0]["error"]["code"] == "OR007", f"{select.code} {select.value}")
    database.sql("select orrery.tick_step('clusters', null)")
    check("the tick stops what is left", world.state(world.servers["grid"][0]) == "stopping" and database.value(
        "select epoch from orrery.server where server_id = %s", world.servers["grid"][0]) == grid_epoch)


def expiry_against_a_registration(database):
    """The tick lets commands of an agent expire that just registers anew: tells that it has fetched, and a start that it has not."""
    world = World(database, "expiry")
    database.sql("select orrery.command_add(%s, 'tell', '{}', 'test')", world.servers["chat"][0])
    world.beat()
    database.sql("select orrery.server_request('grid', 'aldra-2', 'expiry')", user="dba")
    start = database.sql("select command_id, server_id from orrery.command where cluster = 'expiry' and verb = 'start' and state = 'pending'")[0]
    database.sql("update orrery.command set expires_at = orrery.clock() - interval '1 s' where cluster = 'expiry' and state in ('pending', 'claimed')")
    database.sql("update orrery.server set deadline_at = orrery.clock() where server_id = %s", start["server_id"])
    # the tick waits on its way to the server
    with held(database, "select from orrery.placement where server_id = %s for update", start["server_id"]):
        tick = Call(database, "postgres", "select orrery.tick_commands()::text")
        check("the tick waits", tick.waits(database))
        register = Call(database, "agents", "select orrery.agent_register(%s, %s, %s)", "agent-expiry", "expiry".encode().hex().ljust(64, "0"), world.machine)
        check("the registration waits", register.waits(database))
    check("the tick is done", tick.end() is None, str(tick.code))
    check("so is the registration", register.end() is None, str(register.code))
    check("what nobody fetched is planned anew", world.state(start["server_id"]) == "requested")
    check("what nobody did has expired", database.value("select count(*) from orrery.command where cluster = 'expiry' and state in ('pending', 'claimed')") == 0)


def judged_while_it_beats(database):
    """The tick judges an agent whose heartbeat is under way and was checked before: it is not told that nothing is new."""
    world = World(database, "judged")
    old = set(world.servers.values())
    database.sql("update orrery.agent_heartbeat set beat_at = orrery.clock() - interval '1 hour' where agent_id = %s", world.agent[0])
    with contextlib.closing(database.connect()) as tick:
        tick.cursor().execute("select orrery.tick_agents(orrery.clock() - interval '2 hours')")
        beats = Call(database, "agents", *world.beat_whole())
        check("the heartbeat waits for the judgement", beats.waits(database))
        tick.commit()
    check("the heartbeat is answered", beats.end() is None, str(beats.code))
    check("it is asked what it runs", beats.value and beats.value.get("want_inventory"), str(beats.value))
    answer = database.value(*world.beat_whole(), user="agents")
    check("and told to stop what was given to others", {(unknown["server_id"], unknown["epoch"]) for unknown in answer.get("unknown", [])} ==
          {(server_id, epoch) for server_id, epoch, _ in old}, str(answer))
    check("it is up again", database.value("select state from orrery.agent where agent_id = %s", world.agent[0]) == "up")


def news_with_a_command(database):
    """What is new of a cluster comes with the commands that follow from it, not a heartbeat later: a start of a cluster that the agent
    still takes for stopped would be ended by it."""
    world = World(database, "news")
    database.sql(*world.beat_whole(), user="agents")
    check("an ordinary heartbeat", database.value(*world.beat_ordinary(), user="agents") == {})
    database.value("select orrery.command_add(%s, 'tell', '{}', 'test')", world.servers["chat"][0])
    with held(database, "select from orrery.agent_heartbeat where agent_id = %s for update", world.agent[0]):
        beats = Call(database, "agents", *world.beat_ordinary())
        check("a heartbeat waits", beats.waits(database))
        database.sql("select orrery.cluster_shutdown(600, 'news')", user="dba")
    check("it is answered", beats.end() is None, str(beats.code))
    check("with the command and the news", [command["verb"] for command in beats.value.get("commands", [])] == ["tell"] and
          [cluster["state"] for cluster in beats.value.get("clusters", [])] == ["shutting_down"], str(beats.value))


def fenced_while_it_beats(database):
    """The same with agent_fence: its token is void from then on, for a heartbeat that was checked before too."""
    for lost in (False, True):
        world = World(database, f"fenced-{lost}".lower())
        database.sql("update orrery.agent_heartbeat set beat_at = orrery.clock() - interval '1 hour' where agent_id = %s", world.agent[0])
        if lost:
            database.sql("select orrery.tick_agents(orrery.clock() - interval '2 hours')")
        with contextlib.closing(database.connect("dba")) as operator:
            operator.cursor().execute("select orrery.agent_fence(%s)", (f"agent-{world.cluster}",))
            beats = Call(database, "agents", *world.beat_whole())
            check("the heartbeat waits for the fence", beats.waits(database))
            operator.commit()
        check("it is told to register anew", beats.end() == "OR001", str(beats.code))
        check("and the agent stays lost", database.value("select state from orrery.agent where agent_id = %s", world.agent[0]) == "lost")


def succeeded_while_it_beats(database):
    """An agent's heartbeat waits in the middle of what its inventory tells while its successor registers: it changes nothing."""
    for what, rows in (("cluster", "orrery.cluster where cluster = 'heir-{}'"), ("placement", "orrery.placement where cluster = 'heir-{}'"),
                       ("heartbeat", "orrery.agent_heartbeat where agent_id = {agent}")):
        world = World(database, f"heir-{what}")
        before = database.sql("select server_id, epoch, state from orrery.server where cluster = %s order by server_id", world.cluster)
        sessions = "select array_agg(state order by session_id) from orrery.session where cluster = %s"
        with held(database, f"select from {rows.format(what, agent=world.agent[0])} for no key update"):
            beats = Call(database, "agents", "select orrery.agent_heartbeat(%s, %s, '{}', '00', '[]')", *world.agent)
            check(f"a heartbeat that tells that all is gone waits for the {what}", beats.waits(database))
            successor = Call(database, "agents", "select orrery.agent_register(%s, %s, %s)", f"agent-{world.cluster}",
                             world.cluster.encode().hex().ljust(64, "0"), world.machine)
            if what != "heartbeat":
                check("its successor registers", successor.end() is None, str(successor.code))
            else:
                check("its successor waits too", successor.waits(database))
        check("its successor is registered", successor.end() is None and "token" in successor.value, str(successor.code))
        code = beats.end()
        check("the heartbeat is refused, or was first", code == "OR004" or what == "heartbeat" and code is None, str(code))
        if code:
            check("no server is touched", database.sql(
                "select server_id, epoch, state from orrery.server where cluster = %s order by server_id", world.cluster) == before)
            check("nor a session", database.value(sessions, world.cluster) == ["selecting"])
        world.agent = (successor.value["agent_id"], successor.value["token"])
        check("the successor is asked what it runs", world.beat().get("want_inventory") is True)


def nobody_holds_up_the_judgement(database):
    """A DBA leaves session_kick open: agents of other clusters are judged all the same, that one's when it is done."""
    held_up, other = World(database, "kicked"), World(database, "other")
    database.sql("update orrery.agent_heartbeat set beat_at = orrery.clock() - interval '1 hour' where agent_id = any(%s)",
                 [held_up.agent[0], other.agent[0]])
    judged = "select array_agg(name order by name) from orrery.agent where state = 'lost' and agent_id = any(%s)"
    with contextlib.closing(database.connect("dba")) as operator:
        operator.cursor().execute("select orrery.session_kick(%s)", (held_up.session[0],))
        tick = Call(database, "postgres", "select orrery.tick_agents(orrery.clock() - interval '2 hours')::text")
        tick.join(5)
        check("the tick waits for nobody", not tick.is_alive())
        check("and judges the other", database.value(judged, [held_up.agent[0], other.agent[0]]) == ["agent-other"])
        operator.rollback()
    check("no error", tick.end() is None, str(tick.code))
    database.sql("select orrery.tick_agents(orrery.clock() - interval '2 hours')")
    check("then that one too", database.value(judged, [held_up.agent[0], other.agent[0]]) == ["agent-kicked", "agent-other"])


def who_stands_in_the_way(database):
    """A DBA leaves a transaction open: lock_status and the CLI name who holds what up, and the statement that ends it does."""
    World(database, "held")
    database.login("viewer_of_all", "orrery_viewer", "*")
    database.login("viewer_of_one", "orrery_viewer", "held")
    with contextlib.closing(database.connect("dba")) as connection:
        connection.cursor().execute("select orrery.cluster_shutdown(600, 'held')")
        shutdown = Call(database, "dba", "select orrery.cluster_shutdown(900, 'held')")
        check("who comes second waits", shutdown.waits(database))
        rows = database.sql("select * from orrery.lock_status", user="viewer_of_all")
        check("lock_status names both", len(rows) == 1 and (rows[0]["waiting_pid"], rows[0]["held_by_pid"]) ==
              (shutdown.pid, connection.info.backend_pid) and rows[0]["held_by_state"] == "idle in transaction", str(rows))
        check("not to a login of one cluster", database.sql("select * from orrery.lock_status", user="viewer_of_one") == [])
        wait_until("a second", lambda: database.value("select waited_s > 1 from orrery.lock_status"), 5)
        checked = database.cli("db", "check", user="dba")
        check("db check names it and says what ends it", checked.returncode == 1 and rows[0]["remedy"] in checked.stdout, checked.stdout + checked.stderr)
        status = database.cli("--json", "status", user="dba")
        check("so does status", json.loads(status.stdout)["locks"][0]["held_by_pid"] == connection.info.backend_pid, status.stdout + status.stderr)
        check("in words too", rows[0]["remedy"] in database.cli("status", user="dba").stdout)
        database.sql(rows[0]["remedy"])
        check("and the other goes on", shutdown.end() is None, str(shutdown.code))
    check("nothing is left to show", database.sql("select * from orrery.lock_status") == [])


def allocations_that_meet(database):
    """Matchmakers ask at once for the two servers of a fleet, and the tick serves those that wait."""
    world = World(database, "arenas")
    database.sql("select orrery.server_kind_set('arena', '{\"command\":\"arena\"}', 'arenas')", user="dba")
    database.sql("select orrery.fleet_set('f', '{\"kind\":\"arena\",\"policy_args\":{\"size\":2}}', 'arenas')", user="dba")
    database.sql("select orrery.tick_fleets()")
    database.sql("select orrery.tick_servers()")
    world.carry_out()
    ask = "select orrery.server_allocate(%s, '{\"fleet\":\"f\"}', %s, 'arenas')"
    free = "select count(*) from orrery.server where cluster = 'arenas' and fleet = 'f' and state = 'ready' and allocations = 0"
    check("two are free", database.value(free) == 2)
    with contextlib.closing(database.connect("dba")) as first, contextlib.closing(database.connect("dba")) as second:
        answers = []
        for connection, key in ((first, "first"), (second, "second")):
            cursor = connection.cursor()
            cursor.execute("set local lock_timeout = '5s'")
            try:
                cursor.execute(ask, (key, 0))
                answers.append(cursor.fetchone()[0])
            except psycopg2.errors.LockNotAvailable as error:
                answers.append({"server": {"server_id": None}, "error": str(error)})
        given = {answer["server"]["server_id"] for answer in answers}
        check("two who ask at once are given one each", len(given) == 2 and None not in given, str(answers))
        third = Call(database, "dba", ask, "third", 0)
        check("the third waits for what becomes of them", third.waits(database))
        second.rollback()
        first.commit()
        check("and is given what the second gives up", third.end() is None and third.value["status"] == "ready" and
              third.value["server"]["server_id"] == answers[1]["server"]["server_id"], str(third.value))
    database.sql("select orrery.allocation_release('third', true, 'arenas')", user="dba")
    with contextlib.closing(database.connect("dba")) as first:
        cursor = first.cursor()
        cursor.execute(ask, ("same", 0))
        answer = cursor.fetchone()[0]
        same = Call(database, "dba", ask, "same", 0)
        check("who asks by a key that is just being used waits", same.waits(database))
        first.commit()
        check("and is told of the same allocation", same.end() is None and same.value.get("allocation_id") == answer["allocation_id"], f"{same.value} {same.code}")
    check("each of the two has one", database.value("select array_agg(allocations) from orrery.server where cluster = 'arenas' and state = 'ready' and fleet = 'f'") == [1, 1])
    database.sql("select orrery.allocation_release('same', true, 'arenas')", user="dba")
    with contextlib.closing(database.connect()) as asks:
        database.sql("insert into orrery.allocation (cluster, request, selector, state, rule, state_at, asked_at, wait_until) "
                     "values ('arenas', 'waits', '{}', 'waiting', 'test', now(), now(), now() + interval '1 h')")
        asks.cursor().execute("select from orrery.server where server_id = %s for no key update", (answer["server"]["server_id"],))
        tick = Call(database, "postgres", "select orrery.tick_allocations()::text")
        tick.join(5)
        check("the tick, which may have given others theirs, waits for no server", not tick.is_alive())
        asks.rollback()
        check("no error", tick.end() is None, str(tick.code))
    database.sql("select orrery.tick_allocations()")
    check("who waits is served when it is let go", database.value("select state from orrery.allocation where request = 'waits'") == "allocated")


def shared_while_another_wants_it_alone(database):
    """Who shares a server asks while it is given back and taken by one who wants it alone."""
    world = World(database, "shared")
    database.sql("select orrery.server_kind_set('arena', '{\"command\":\"arena\"}', 'shared')", user="dba")
    database.sql("select orrery.fleet_set('f', '{\"kind\":\"arena\",\"policy_args\":{\"size\":1}}', 'shared')", user="dba")
    database.sql("select orrery.tick_fleets()")
    database.sql("select orrery.tick_servers()")
    world.carry_out()
    ask = "select orrery.server_allocate(%s, %s, 0, 'shared') ->> 'status'"
    shared = '{"fleet":"f","shared":true}'
    check("one shares", database.value(ask, "before", shared, user="dba") == "ready")
    with contextlib.closing(database.connect("dba")) as alone:
        cursor = alone.cursor()
        cursor.execute("select orrery.allocation_release('before', true, 'shared')")
        cursor.execute(ask, ("alone", '{"fleet":"f"}'))
        check("another has it alone", cursor.fetchone()[0] == "ready")
        after = Call(database, "dba", ask, "after", shared)
        check("who would share it too waits", after.waits(database))
        alone.commit()
    check("and is told that there is none", after.end() is None and after.value == "none", f"{after.value} {after.code}")
    check("one has it", database.value("select count(*) from orrery.allocation where cluster = 'shared' and state = 'allocated'") == 1)


def ready_while_a_login_waits(database):
    """A server becomes ready while a player who needs it is about to wait for it."""
    world = World(database, "awaited")
    database.sql("select orrery.character_create('pat', 'Pat afar', 'grid', 'aldra-2', 'awaited')", user="dba")
    character = database.value("select character_id from orrery.character where cluster = 'awaited' and name = 'Pat afar'")
    database.sql("select orrery.server_request('grid', 'aldra-2', 'awaited')", user="dba")
    start = next(command for command in world.beat()["commands"] if command["verb"] == "start")
    with held(database, "select from orrery.cluster where cluster = 'awaited' for no key update"):
        asks = Call(database, "dba", "select orrery.server_request('grid', 'aldra-2', 'awaited')")
        asks.join(5)
        check("who asks again for a server that starts waits for nobody", asks.end() is None and asks.value["state"] == "starting", str(asks.code))
    with held(database, "select from orrery.session where session_id = %s for no key update", world.session[0]):
        select = Call(database, "servers_awaited", *world.select_statement(character=character))
        check("the login waits for the session", select.waits(database))
        ready = Call(database, "agents", "select orrery.agent_report(%s, %s, %s)", *world.agent, json.dumps(
            [{"server_id": start["server_id"], "epoch": start["epoch"], "state": "ready", "pid": 1}]))
        ready.waits(database)
    check("the player is to wait", select.end() is None and select.value[0]["status"] == "waiting", f"{select.value} {select.code}")
    check("the report is taken", ready.end() is None and world.state(start["server_id"]) == "ready", str(ready.code))
    check("and the login server is told that it is ready", database.value(
        "select count(*) from orrery.command where server_id = %s and payload ->> 'tell' = 'ready'", world.servers["login"][0]) == 1)


def fleets_that_are_looked_at(database):
    """A what-if of a policy holds nobody up; what a server counts as it is given back is no deadlock; a fleet that is dropped while
    a server of it is busy leaves none running."""
    world = World(database, "looked")
    database.sql("select orrery.server_kind_set('arena', '{\"command\":\"arena\"}', 'looked')", user="dba")
    database.sql("select orrery.fleet_set('f', '{\"kind\":\"arena\",\"policy_args\":{\"size\":2}}', 'looked')", user="dba")
    database.sql("select orrery.tick_fleets()")
    database.sql("select orrery.tick_servers()")
    world.carry_out()
    with contextlib.closing(database.connect("dba")) as tries:
        tries.cursor().execute("select * from orrery.fleet_try('f', null, null, 'looked')")
        report = Call(database, "postgres", "select cluster from orrery.cluster where cluster = 'looked' for no key update nowait")
        check("who tries a policy, and thinks about the answer, locks nothing", report.end() is None, str(report.code))
        tries.rollback()
    server_id, epoch = (database.value(f"select {column} from orrery.server where cluster = 'looked' and key = 'f-2'") for column in ("server_id", "epoch"))
    database.sql("select orrery.server_allocate('first', '{}', 0, 'looked')", user="dba")
    database.sql("select orrery.server_allocate('given', '{}', 0, 'looked')", user="dba")
    database.sql("select orrery.allocation_release('first', true, 'looked')", user="dba")
    with held(database, "select from orrery.allocation where cluster = 'looked' and request = 'given' for no key update"):
        release = Call(database, "dba", "select orrery.allocation_release('given', false, 'looked')")
        check("who gives a server back has locked it", release.waits(database))
        counts = Call(database, "agents", "select orrery.agent_report(%s, %s, %s)", *world.agent, json.dumps(
            [{"server_id": server_id, "epoch": epoch, "counters": {"players": {"count": 3}}}]))
        check("what it counts waits for that", counts.waits(database))
    check("and neither for the other", (release.end(), counts.end()) == (None, None), f"{release.code} {counts.code}")
    with held(database, "select from orrery.server where cluster = 'looked' and key = 'f-1' and state = 'ready' for no key update"):
        drop = Call(database, "dba", "select orrery.fleet_drop('f', 'looked')")
        check("who drops a fleet waits for a server of it that is busy", drop.waits(database))
    check("and stops it", drop.end() is None and drop.value == 1, f"{drop.code} {drop.value}")
    check("none goes on", database.sql("select key from orrery.server where cluster = 'looked' and kind = 'arena' and state = 'ready'") == [])


def a_kind_set_twice_at_once(database):
    """Two DBAs change two members of a kind: both are changed, and each change is a version, so that no server is taken for newer than it is."""
    database.sql("select orrery.cluster_create('twice')", user="dba")
    for kind in ("old", "new"):
        if kind == "old":
            database.sql("select orrery.server_kind_set('old', '{\"command\":\"x\"}', 'twice')", user="dba")
        call = "select orrery.server_kind_set(%s, %s, 'twice')::text"
        with contextlib.closing(database.connect("dba")) as first:
            first.cursor().execute(call, (kind, '{"command":"x","cpu_millis":7}'))
            second = Call(database, "dba", call, kind, '{"command":"x","memory_bytes":9}')
            check(f"of the {kind} kind who comes second waits", second.waits(database))
            first.commit()
        check("and goes on", second.end() is None, str(second.code))
        row = database.sql("select cpu_millis, memory_bytes, version from orrery.server_kind where cluster = 'twice' and kind = %s", kind)[0]
        check("none undoes the other, and each is a version", (row["cpu_millis"], row["memory_bytes"], row["version"]) == (7, 9, 3 if kind == "old" else 2), str(row))


def allocated_while_both_are_locked(database):
    """Who is to be given a server waits for one that another has, then for one that is free again, while somebody locks both by their numbers."""
    world = World(database, "order")
    database.sql("select orrery.server_kind_set('arena', '{\"command\":\"arena\"}', 'order')", user="dba")
    database.sql("select orrery.fleet_set('f', '{\"kind\":\"arena\",\"policy_args\":{\"size\":2}}', 'order')", user="dba")
    database.sql("select orrery.tick_fleets()")
    database.sql("select orrery.tick_servers()")
    world.carry_out()
    low, high = [row["server_id"] for row in database.sql("select server_id from orrery.server where cluster = 'order' and fleet = 'f' order by 1")]
    ask = "select orrery.server_allocate(%s, '{\"fleet\":\"f\"}', 0, 'order')"
    row = "select from orrery.server where server_id = %s for no key update"
    with held(database, row, high):
        given = database.value(ask, "low", user="dba")["server"]["server_id"]
    check("the first has the lower", given == low)
    with contextlib.closing(database.connect("dba")) as first:
        first.cursor().execute(ask, ("high",))
        second = Call(database, "dba", ask, "second")
        check("the second waits for the other", second.waits(database))
        database.sql("select orrery.allocation_release('low', true, 'order')", user="dba")
        locks = Call(database, "postgres", "select orrery.servers_lock(%s)::text", [low, high])
        check("who locks both waits", locks.waits(database))
        first.commit()
    check("no deadlock", (locks.end(), second.end()) == (None, None), f"{locks.code} {second.code}")


LIVE = "select array_agg(n.session_id order by n.session_id) from orrery.session n where n.account_id = %s and n.state <> 'ended'"


class Logins(World):
    """The same with two login servers, and the player in play."""

    def __init__(self, database, name, plays=True):
        database.sql("select orrery.cluster_create(%s)", name, user="dba")
        database.sql("select orrery.server_kind_set('login2', '{\"role\":\"login\",\"command\":\"x\",\"always_on_key\":\"main\"}', %s)", name, user="dba")
        super().__init__(database, name)
        if plays:
            self.database.value(*self.select_statement(), user=f"servers_{name}")
            self.session = (self.session[0], self.epoch())

    def epoch(self):
        return self.database.value("select epoch from orrery.session where session_id = %s", self.session[0])

    def live(self):
        return self.database.value(LIVE, self.account) or []

    def end_statement(self, reason, kind="grid", state=None):
        return self.server_statement(kind, "session_end", json.dumps(
            [{"session_id": self.session[0], "epoch": self.session[1], "reason": reason, "state": state}]))

    def call(self, statement, user=None):
        return Call(self.database, user or f"servers_{self.cluster}", *statement)

    def tells(self, kind, tell):
        return self.database.value("select count(*) from orrery.command where server_id = %s and payload ->> 'tell' = %s", self.servers[kind][0], tell)


def two_logins_at_once(database):
    """Two login servers open a session of one account at the same moment: one session, of who came last, and the other hears that it is over."""
    world = Logins(database, "twice-in", plays=False)
    database.sql("select orrery.session_kick(%s)", world.session[0], user="dba")
    with contextlib.closing(database.connect("servers_twice-in")) as first:
        cursor = first.cursor()
        statement, *params = world.open_statement("login")
        cursor.execute(statement, params)
        mine = cursor.fetchone()[0][0]["session_id"]
        second = world.call(world.open_statement("login2"))
        check("who opens a session of an account that is just being opened waits", second.waits(database))
        first.commit()
    check("and takes its place", second.end() is None and world.live() == [second.value[0].get("session_id")], f"{second.code} {second.value} {world.live()}")
    ended = world.server_call("login", "server_sync")["ended"]
    check("the first hears that it is over", [(e["session_id"], e["reason"]) for e in ended if e["session_id"] == mine] == [(mine, "superseded")], str(ended))
    # the answer of a call is lost, which is still under way when it is made again
    with contextlib.closing(database.connect("servers_twice-in")) as lost:
        statement, *params = world.open_statement("login")
        lost.cursor().execute(statement, params)
        again = world.call(world.open_statement("login"))
        check("asked again while the call whose answer was lost goes on, it waits", again.waits(database))
        lost.commit()
    check("one session is left, which the caller knows", again.end() is None and world.live() == [again.value[0].get("session_id")], f"{again.code} {again.value}")


def two_batches_crossed(database):
    """Two login servers open many accounts at once, in opposite orders."""
    world = Logins(database, "crossed", plays=False)
    accounts = [world.account]
    for number in range(3):
        database.sql("select orrery.account_create(%s, '$argon2id$x', 'crossed')", f"p{number}", user="dba")
    accounts = [row["account_id"] for row in database.sql("select account_id from orrery.account where cluster = 'crossed' order by 1")]

    def opens(kind, ids):
        return world.server_statement(kind, "session_open", json.dumps([{"ref": a, "account_id": a} for a in ids]))

    with held(database, "select from orrery.account where account_id = %s for no key update", accounts[1]):
        first = world.call(opens("login", accounts))
        check("the one waits for an account", first.waits(database))
        second = world.call(opens("login2", accounts[::-1]))
        check("the other too", second.waits(database))
    check("neither for the other", (first.end(), second.end()) == (None, None), f"{first.code} {second.code}")
    live = [(database.value(LIVE, a) or []) for a in accounts]
    check("each account has one session", all(len(l) == 1 for l in live), str(live))


def superseded_in_a_hand_off(database):
    """A player logs in elsewhere while his first session is just handed to its server: either it is ended before, or released after."""
    for select_first in (True, False):
        world = Logins(database, f"handed-{select_first}".lower(), plays=False)
        calls = {"select": (world.select_statement(), "servers_" + world.cluster), "open": (world.open_statement("login2"), "servers_" + world.cluster)}
        one, other = ("select", "open") if select_first else ("open", "select")
        with contextlib.closing(database.connect(calls[one][1])) as first:
            cursor = first.cursor()
            statement, *params = calls[one][0]
            cursor.execute(statement, params)
            answer = {one: cursor.fetchone()[0][0]}
            second = world.call(calls[other][0])
            check(f"{other} waits for the {one}", second.waits(database))
            first.commit()
        check("no error", second.end() is None, str(second.code))
        answer[other] = second.value[0]
        if select_first:
            check("it is in play, and to be released", answer["select"]["status"] == "ready" and answer["open"].get("status") == "superseding", str(answer))
            news = world.server_call("grid", "server_sync")
            check("as its new server finds", [r["session_id"] for r in news["release"]] == [world.session[0]] and news["arrivals"] == [], str(news))
        else:
            check("it is over, and not handed to anybody", "session_id" in answer["open"] and answer["select"]["error"]["code"] == "OR007", str(answer))
            check("nor does it arrive", world.server_call("grid", "server_sync")["arrivals"] == [])
        check("one session of the account lives", len(world.live()) == 1, str(world.live()))


def banned_while_he_logs_in(database):
    """A ban meets a login that is under way: whoever is first, nobody who is banned is in play afterwards."""
    for ban_first in (True, False):
        world = Logins(database, f"banned-{ban_first}".lower(), plays=False)
        database.sql("select orrery.session_kick(%s)", world.session[0], user="dba")
        ban = ("select orrery.account_ban('pat', 'why', null, %s)", world.cluster)
        one, other = ((ban, "dba"), (world.open_statement(), f"servers_{world.cluster}"))[:: 1 if ban_first else -1]
        with contextlib.closing(database.connect(one[1])) as first:
            cursor = first.cursor()
            cursor.execute(one[0][0], one[0][1:])
            opened = cursor.fetchone()[0]
            second = world.call(*other)
            check("who comes second waits", second.waits(database))
            first.commit()
        check("no error", second.end() is None, str(second.code))
        check("nobody who is banned is in play", world.live() == [], str(world.live()))
        if ban_first:
            check("he is told that he is banned", second.value[0]["error"].get("banned") is True, str(second.value))
        else:
            ended = world.server_call("login", "server_sync")["ended"]
            check("his login server is told that he is", any(e["session_id"] == opened[0]["session_id"] and "banned" in e["reason"] for e in ended), str(ended))
            check("at once", world.tells("login", "sync") >= 1)


def banned_in_a_hand_off(database):
    """A ban that meets a hand-off reaches the server that has him in the end."""
    world = Logins(database, "ban-moves", plays=False)
    with contextlib.closing(database.connect("servers_ban-moves")) as first:
        statement, *params = world.select_statement()
        first.cursor().execute(statement, params)
        ban = world.call(("select orrery.account_ban('pat', 'why', null, 'ban-moves')",), "dba")
        check("the ban waits for the hand-off", ban.waits(database))
        first.commit()
    check("and ends what it made", ban.end() is None and world.live() == [], f"{ban.code} {world.live()}")
    check("as its server is told", [e["session_id"] for e in world.server_call("grid", "server_sync")["ended"]] == [world.session[0]])
    check("at once", world.tells("grid", "sync") >= 1)


def kicked_while_it_arrives(database):
    """A kick between two statements of the server_sync that tells of the arrival: its end is told too, afterwards."""
    world = Logins(database, "arrives")
    key = "orrery.session_key(bytea, bigint, bigint, bigint)"
    # the statement that reads the arrivals waits in the middle
    database.sql(f"alter function {key} rename to session_key_itself")
    database.sql("create function orrery.session_key(bytea, bigint, bigint, bigint) returns bytea language plpgsql as "
                 "$$ begin perform pg_advisory_xact_lock_shared(1); return orrery.session_key_itself($1, $2, $3, $4); end $$")
    try:
        with held(database, "select pg_advisory_xact_lock(1)"):
            sync = world.call(world.server_statement("grid", "server_sync"))
            check("the sync waits", sync.waits(database))
            database.sql("select orrery.session_kick(%s)", world.session[0], user="dba")
    finally:
        database.sql(f"drop function {key}")
        database.sql("alter function orrery.session_key_itself(bytea, bigint, bigint, bigint) rename to session_key")
    check("no error", sync.end() is None, str(sync.code))
    told = [{**ref, "ended": what == "ended"} for what in ("arrivals", "ended") for ref in sync.value[what]]
    check("one answer does not say that he arrives and that he is gone", len(told) < 2, str(sync.value))
    again = world.server_call("grid", "server_sync", json.dumps(told))
    check("the next says that he is gone", [e["session_id"] for e in again["ended"]] == [world.session[0]], f"{sync.value} {again}")


def released_and_lapsed(database):
    """The server releases a superseded session while its client lapses, or its process dies: it ends once, and who waits hears of it once."""
    for what in ("lapse", "exit"):
        world = Logins(database, f"release-{what}")
        check("it is superseded", database.value(*world.open_statement("login2"), user=f"servers_{world.cluster}")[0]["status"] == "superseding")
        other = (world.end_statement("lapse", state={"x": 2}), None) if what == "lapse" else (world.exited("grid"), "agents")
        with contextlib.closing(database.connect(f"servers_{world.cluster}")) as first:
            statement, *params = world.end_statement("superseded", state={"x": 1})
            first.cursor().execute(statement, params)
            second = world.call(*other)
            check(f"the {what} waits for the release", second.waits(database))
            first.commit()
        check("and finds nothing to end", second.end() is None, str(second.code))
        check("it ended once, by the release", database.value("select count(*) from orrery.event where noun = 'session' and noun_id = %s and to_state = 'ended' and reason = 'superseded'",
                                                            str(world.session[0])) == 1)
        check("what was saved is what was released", database.value("select state from orrery.character where character_id = %s", world.character) == {"x": 1})
        check("who waits is told once", world.tells("login2", "released") == 1, str(world.tells("login2", "released")))
        check("and lets him in", "session_id" in database.value(*world.open_statement("login2"), user=f"servers_{world.cluster}")[0])


def owner_that_never_answers(database):
    """A server goes on without releasing, its machine is heard of: it is overruled, and what it says afterwards changes nothing. While the
    machine is silent the lease ends first."""
    world = Logins(database, "mute")

    def ask():
        return database.value(*world.open_statement("login2"), user="servers_mute")[0]

    check("superseding", ask().get("status") == "superseding")
    database.sql("update orrery.session set release_at = orrery.clock() - interval '1 hour' where session_id = %s", world.session[0])
    database.sql("update orrery.agent_heartbeat set beat_at = orrery.clock() - interval '10 s' where agent_id = %s", world.agent[0])
    check("a silent machine's lease ends first", ask().get("status") == "superseding")
    database.sql("update orrery.agent_heartbeat set beat_at = orrery.clock() where agent_id = %s", world.agent[0])
    with contextlib.closing(database.connect("servers_mute")) as late:
        statement, *params = world.end_statement("superseded", state={"late": True})
        late.cursor().execute(statement, params)
        opens = world.call(world.open_statement("login2"))
        check("one that releases just then is waited for", opens.waits(database))
        late.rollback()
    check("one that does not is overruled", opens.end() is None and "session_id" in opens.value[0], f"{opens.code} {opens.value}")
    database.sql(*world.end_statement("superseded", state={"late": True}), user="servers_mute")
    check("what it says afterwards changes nothing", database.value("select state from orrery.character where character_id = %s", world.character) == {})
    check("one session lives", world.live() == [opens.value[0]["session_id"]], str(world.live()))


def charged_at_once(database):
    """Two login servers count the attempts of one name at once: none is lost."""
    world = Logins(database, "charged", plays=False)
    attempts = json.dumps([{"ref": n, "name": "pat", "address": f"192.0.2.{n}:1"} for n in range(7)])
    with contextlib.closing(database.connect("servers_charged")) as first:
        cursor = first.cursor()
        statement, *params = world.server_statement("login", "login_begin", attempts)
        cursor.execute(statement, params)
        in_first = sum("wait_ms" not in a for a in cursor.fetchone()[0])
        second = world.call(world.server_statement("login2", "login_begin", attempts))
        check("who counts the same name waits", second.waits(database))
        # a login that was right does not wait for it, while it holds what others wait for
        opens = world.call(world.open_statement())
        check("a login that was right does not", opens.end() is None and "session_id" in opens.value[0], f"{opens.code} {opens.value}")
        first.commit()
    check("ten are let in, whoever asks", second.end() is None and in_first + sum("wait_ms" not in a for a in second.value) == 10, f"{in_first} {second.value}")


class Zones(Logins):
    """The same with a second place that is ready: a station, to which the player in the grid may go."""

    def __init__(self, database, name):
        super().__init__(database, name)
        database.sql("select orrery.server_request('station', 'aldra-gate', %s)", name, user="dba")
        self.carry_out()
        self.grid, self.station = self.servers["grid"][0], self.servers["station"][0]

    def hand(self, **more):
        entry = {"ref": 1, "session_id": self.session[0], "epoch": self.session[1], "kind": "station", "key": "aldra-gate", "state": {"x": 1}, **more}
        return self.server_statement("grid", "session_hand_off", json.dumps([entry]))

    def where(self):
        """(state, server, epoch) of the session, and where its character is."""
        row = self.database.sql("select n.state, n.server_id, n.epoch, c.key from orrery.session n join orrery.character c using (character_id) "
                                "where n.session_id = %s", self.session[0])[0]
        return row["state"], row["server_id"], row["epoch"], row["key"]

    def arrivals(self, kind):
        return [a["session_id"] for a in self.server_call(kind, "server_sync")["arrivals"]]

    def restart(self, kind):
        """Its next process is about to be READY: the report of that."""
        self.database.sql("update orrery.server set try_at = orrery.clock() where server_id = %s", self.servers[kind][0])
        self.database.sql("select orrery.server_place(%s)", self.servers[kind][0])
        start = next(command for command in self.beat()["commands"] if command["verb"] == "start")
        self.servers[kind] = (start["server_id"], start["epoch"], start["spec"]["token"])
        return "select orrery.agent_report(%s, %s, %s)", *self.agent, json.dumps(
            [{"server_id": start["server_id"], "epoch": start["epoch"], "state": "ready", "pid": 1}])

    def resolve_statement(self, login="login"):
        proof = self.database.value("select encode(orrery.hmac_sha256(decode(repeat('5a', 64), 'hex'), resolve_key), 'hex') from orrery.session_secret "
                                    "where session_id = %s", self.session[0])
        return self.server_statement(login, "session_resolve", json.dumps(
            [{"ref": 1, "session_id": self.session[0], "address": "192.0.2.9:1", "handshake_hash": "5a" * 64, "proof": proof}]))

    def meet(self, first, second, waits=True):
        """Two calls, (statement, login) each: the second comes while the first is not committed, and waits for it. What each answers."""
        with contextlib.closing(self.database.connect(first[1])) as connection:
            cursor = connection.cursor()
            cursor.execute(first[0][0], first[0][1:])
            answer = cursor.fetchone()[0]
            call = self.call(*second)
            if waits:
                check("who comes second waits", call.waits(self.database))
            else:
                call.join(10)
                check("who comes second does not wait", not call.is_alive())
            connection.commit()
        check("no error", call.end() is None, str(call.code))
        return answer, call.value


def handed_over_while(database):
    """A hand-off meets what else becomes of its session: a kick, a ban, its end, another login, the death of its target or a shutdown. Whoever
    is first, the session has one owner, who hears of it, and the character is where that is."""
    for what in ("kick", "ban", "lapse", "login", "death", "shutdown"):
        for hand_first in (True, False):
            world = Zones(database, f"hand-{what}-{hand_first}".lower())
            servers = f"servers_{world.cluster}"
            hand, other = (world.hand(), servers), {
                "kick": lambda: (("select orrery.session_kick(%s)", world.session[0]), "dba"),
                "ban": lambda: (("select orrery.account_ban('pat', 'why', null, %s)", world.cluster), "dba"),
                "lapse": lambda: (world.end_statement("lapse", state={"x": 2}), servers),
                "login": lambda: (world.open_statement("login2"), servers),
                "death": lambda: (world.exited("station"), "agents"),
                "shutdown": lambda: (("select orrery.cluster_shutdown(0, %s)", world.cluster), "dba")}[what]()
            answers = world.meet(*((hand, other) if hand_first else (other, hand)))
            answer = answers[0 if hand_first else 1][0]
            state, server, epoch, key = world.where()
            words = f"{what}, {'after' if hand_first else 'before'} a hand-off: {answer} {state} {server} {epoch} {key}"
            if hand_first:
                check("what was handed over has gone", answer.get("status") == "ready" and server == world.station and key == "aldra-gate" and
                      epoch == answer["owner"]["epoch"] > world.session[1], words)
            else:
                check("what was not has stayed", server == world.grid and key == "aldra-1" and epoch == world.session[1] and (
                    answer.get("status") == "waiting" if what in ("death", "shutdown") else answer["error"]["code"] == "OR007"), words)
            check("as the other call left it", state == {
                "kick": "ended", "ban": "ended", "lapse": "playing" if hand_first else "ended", "login": "playing",
                "death": "orphaned" if hand_first else "playing", "shutdown": "playing"}[what], words)
            if what in ("kick", "ban"):
                kind = "station" if hand_first else "grid"
                check("its owner hears of it", [e["session_id"] for e in world.server_call(kind, "server_sync")["ended"]] == [world.session[0]], words)
                check("at once", world.tells(kind, "sync") >= 1)
            elif what == "login":
                kind, none = ("station", "grid") if hand_first else ("grid", "station")
                check("its owner is to release it", [r["session_id"] for r in world.server_call(kind, "server_sync")["release"]] == [world.session[0]], words)
                check("and nobody else", world.server_call(none, "server_sync") == {"arrivals": [], "ended": [], "release": []}, words)
            elif what == "lapse":
                check("what was saved is what came first", database.value("select state from orrery.character where character_id = %s", world.character) ==
                      ({"x": 1} if hand_first else {"x": 2}), words)
            elif what == "death" and hand_first:
                database.sql(*world.restart("station"), user="agents")
                state, server, again, key = world.where()
                check("its target's next process has it", (state, server, key) == ("playing", world.station, "aldra-gate") and again > epoch, words)
                check("with the state that was handed over", world.server_call("station", "server_sync")["arrivals"][0]["state"] == {"x": 1})
            elif what == "shutdown":
                check("its owner may log it out", database.value("select state from orrery.server where server_id = %s", server) == "stopping", words)


def handed_over_twice_at_once(database):
    """The connection of a hand-off is lost while it goes on: asked again it waits, and hears what became of the first."""
    world = Zones(database, "hand-again")
    servers = f"servers_{world.cluster}"
    first, second = world.meet((world.hand(), servers), (world.hand(), servers))
    check("asked again while the first goes on, the answer is the same", first == second and first[0]["status"] == "ready", f"{first} {second}")
    check("one hand-off", database.value("select count(*) from orrery.event where noun = 'session' and noun_id = %s and rule = 'session_hand_off'", str(world.session[0])) == 1)


def handed_over_crossing(database):
    """Two places hand a player to each other at once: neither waits for the other."""
    world = Zones(database, "hand-cross")
    database.value(*world.hand(), user="servers_hand-cross")
    there = (world.session[0], world.where()[2])
    database.sql("select orrery.account_create('kim', '$argon2id$x', 'hand-cross')", user="dba")
    database.sql("select orrery.character_create('kim', 'Kim', 'grid', 'aldra-1', 'hand-cross')", user="dba")
    kim = database.sql("select account_id, character_id from orrery.character where cluster = 'hand-cross' and name = 'Kim'")[0]
    opened = world.open(account=kim["account_id"])[0]
    select = world.select_statement((opened["session_id"], opened["epoch"]), kim["character_id"])
    epoch = database.value(*select, user="servers_hand-cross")[0]["owner"]["epoch"]
    world.session = (opened["session_id"], epoch)
    back = world.server_statement("station", "session_hand_off", json.dumps(
        [{"ref": 1, "session_id": there[0], "epoch": there[1], "kind": "grid", "key": "aldra-1", "state": {}}]))
    first, second = world.meet((world.hand(), "servers_hand-cross"), (back, "servers_hand-cross"), waits=False)
    check("both have gone", (first[0]["owner"]["server_id"], second[0]["owner"]["server_id"]) == (world.station, world.grid), f"{first} {second}")


def asked_for_again(database):
    """A place that is not there yet is asked for several times a second: after the first time that waits for nobody, nor keeps anybody waiting."""
    world = Zones(database, "hand-asks")
    asks = world.hand(kind="grid", key="aldra-3")
    first = database.value(*asks, user="servers_hand-asks")[0]
    check("it is asked for", first["status"] == "waiting" and "requested" in first["reason"], str(first))
    with held(database, "select from orrery.cluster where cluster = 'hand-asks' for no key update"):
        again = world.call(asks)
        again.join(10)
        check("asked again while its cluster is held it does not wait", again.end() is None and again.value[0] == first, f"{again.code} {again.value}")


def last_seat(database):
    """Two places hand a player each to a third that has one seat left."""
    world = Zones(database, "hand-seat")
    database.sql("select orrery.server_request('grid', 'aldra-2', 'hand-seat')", user="dba")
    grid = world.servers["grid"]
    world.carry_out()
    third, world.servers["grid"] = world.servers["grid"], grid
    database.sql("select orrery.account_create('kim', '$argon2id$x', 'hand-seat')", user="dba")
    database.sql("select orrery.character_create('kim', 'Kim', 'station', 'aldra-gate', 'hand-seat')", user="dba")
    kim = database.sql("select account_id, character_id from orrery.character where cluster = 'hand-seat' and name = 'Kim'")[0]
    opened = world.open(account=kim["account_id"])[0]
    owner = database.value(*world.select_statement((opened["session_id"], opened["epoch"]), kim["character_id"]), user="servers_hand-seat")[0]["owner"]
    database.sql("select orrery.server_kind_set('grid', '{\"sessions_max\":1}', 'hand-seat')", user="dba")
    other = world.server_statement("station", "session_hand_off", json.dumps(
        [{"ref": 1, "session_id": opened["session_id"], "epoch": owner["epoch"], "kind": "grid", "key": "aldra-2", "state": {}}]))
    first, second = world.meet((world.hand(kind="grid", key="aldra-2"), "servers_hand-seat"), (other, "servers_hand-seat"))
    check("one has it", first[0].get("status") == "ready" and first[0]["owner"]["server_id"] == third[0], str(first))
    check("the other stays", second[0].get("error", {}).get("code") == "OR006", str(second))


def adopted_while(database):
    """A place is READY again while a client asks where it is, while another login supersedes its player, and while it dies once more."""
    for what in ("resolve", "login", "death"):
        world = Zones(database, f"adopt-{what}")
        servers = f"servers_{world.cluster}"
        database.sql(*world.exited("grid"), user="agents")
        check("it is orphaned", world.where()[0] == "orphaned")
        ready = (world.restart("grid"), "agents")
        if what == "resolve":
            _, answer = world.meet(ready, (world.resolve_statement(), servers), waits=False)
            check("who asks before that is committed waits", answer[0]["status"] == "waiting", str(answer))
            epoch = world.where()[2]
            answer = database.value(*world.resolve_statement(), user=servers)
            check("afterwards he is told where", answer[0].get("owner", {}).get("epoch") == epoch and answer[0]["owner"]["server_id"] == world.grid, str(answer))
        elif what == "login":
            _, answer = world.meet(ready, (world.open_statement("login2"), servers))
            check("who logs in while his place comes back supersedes what he plays there", answer[0].get("status") == "superseding", str(answer))
            check("his server is to release it", [r["session_id"] for r in world.server_call("grid", "server_sync")["release"]] == [world.session[0]])
        else:
            epoch = world.where()[2]
            world.meet(ready, (world.exited("grid"), "agents"))
            state, _, first, _ = world.where()
            check("it is orphaned again", state == "orphaned" and first > epoch, str(world.where()))
            database.sql(*world.restart("grid"), user="agents")
            state, server, second, _ = world.where()
            check("and adopted again, under a higher epoch", (state, server) == ("playing", world.grid) and second > first, str(world.where()))


def adopted_by_who_asks(database):
    """A session that was busy when its place was READY: the report does not wait for it. Two login servers then ask for it at once."""
    world = Zones(database, "adopt-twice")
    database.sql(*world.exited("grid"), user="agents")
    epoch = world.where()[2]
    with held(database, "select from orrery.session where session_id = %s for no key update", world.session[0]):
        ready = Call(database, "agents", *world.restart("grid"))
        ready.join(10)
        check("who is READY waits for no session", not ready.is_alive() and ready.end() is None, str(ready.code))
    check("which is orphaned still", world.where()[0] == "orphaned")
    first, second = world.meet((world.resolve_statement(), "servers_adopt-twice"), (world.resolve_statement("login2"), "servers_adopt-twice"))
    check("two who ask for it at once are told the same", first[0].get("owner", {}).get("epoch") == second[0].get("owner", {}).get("epoch") == world.where()[2] > epoch,
          f"{first} {second} {world.where()}")
    check("one adoption", database.value("select count(*) from orrery.event where noun = 'session' and noun_id = %s and rule = 'session_adopt'", str(world.session[0])) == 1)


def two_placed_where_one_fits(database):
    """Two clusters place a server each on the one machine of both, which has room for one: at once, and one just when the other is done."""
    answer = database.value("select orrery.agent_register('small', %s, %s)", "5a" * 32, json.dumps(machine(["room-a", "room-b"])), user="agents")
    database.sql("select orrery.agent_heartbeat(%s, %s, '{}', '00')", answer["agent_id"], answer["token"], user="agents")
    kind = json.dumps({"role": "other", "command": "big", "ports": [], "cpu_millis": 1, "memory_bytes": 20 << 30})
    for cluster in ("room-a", "room-b"):
        database.sql("select orrery.cluster_create(%s)", cluster, user="dba")
        database.sql("select orrery.server_kind_set('login', '{\"always_on_key\":null}', %s), orrery.server_kind_set('chat', '{\"always_on_key\":null}', %s)", cluster, cluster, user="dba")
        database.sql("select orrery.server_kind_set('big', %s, %s)", kind, cluster, user="dba")
        database.sql("select orrery.cluster_start(%s)", cluster, user="dba")
    full = "select sum(s.memory_bytes) <= a.memory_bytes from orrery.server s join orrery.agent a using (agent_id) where a.name = 'small' " \
        "and s.state in ('starting', 'ready', 'stopping') group by a.agent_id"
    one = "select orrery.server_request('big', %s, %s)"
    with contextlib.closing(database.connect("dba")) as first:
        cursor = first.cursor()
        cursor.execute(one, ("at-once", "room-a"))
        check("the first is placed", cursor.fetchone()[0]["state"] == "starting")
        second = Call(database, "dba", one, "at-once", "room-b")
        second.join(10)
        check("the second waits for nobody", not second.is_alive())
        first.commit()
    check("and is not placed where another just is", second.end() is None and second.value["state"] == "requested", f"{second.code} {second.value}")
    check("the machine is given no more than it has", database.value(full) is True)
    first_id, second_id = second.value["server_id"], database.value(one, "next", "room-a", user="dba")["server_id"]
    database.sql("update orrery.agent set memory_bytes = %s where name = 'small'", 52 << 30)
    lack = "orrery.port_lack(orrery.agent, orrery.server_kind)"
    with contextlib.closing(database.connect()) as first:
        cursor = first.cursor()
        cursor.execute("select orrery.server_place(%s)", (first_id,))
        check("there is room for one more", cursor.fetchone()[0] is True)
        # who places next looks for room, waits there, and goes on when the other is done
        database.sql(f"alter function {lack} rename to port_lack_itself")
        database.sql("create function orrery.port_lack(p_agent orrery.agent, p_kind orrery.server_kind) returns text language plpgsql as "
                     "$$ begin perform pg_advisory_xact_lock_shared(2); return orrery.port_lack_itself(p_agent, p_kind); end $$")
        try:
            with held(database, "select pg_advisory_xact_lock(2)"):
                second = Call(database, "postgres", "select orrery.server_place(%s)", second_id)
                check("who found room waits before he takes it", second.waits(database))
                first.commit()
        finally:
            database.sql(f"drop function {lack}")
            database.sql("alter function orrery.port_lack_itself(orrery.agent, orrery.server_kind) rename to port_lack")
    check("room that another took meanwhile is not given twice", second.end() is None and second.value is False and database.value(full) is True, f"{second.code} {second.value}")


def main():
    database = Database()
    database.login("agents", "orrery_agent", "*")
    login_at_a_dead_server(database)
    hand_off_at_the_deadline(database)
    ready_while_a_login_waits(database)
    expiry_against_a_registration(database)
    judged_while_it_beats(database)
    news_with_a_command(database)
    fenced_while_it_beats(database)
    succeeded_while_it_beats(database)
    nobody_holds_up_the_judgement(database)
    who_stands_in_the_way(database)
    allocations_that_meet(database)
    shared_while_another_wants_it_alone(database)
    fleets_that_are_looked_at(database)
    a_kind_set_twice_at_once(database)
    allocated_while_both_are_locked(database)
    two_logins_at_once(database)
    two_batches_crossed(database)
    superseded_in_a_hand_off(database)
    banned_while_he_logs_in(database)
    banned_in_a_hand_off(database)
    kicked_while_it_arrives(database)
    released_and_lapsed(database)
    owner_that_never_answers(database)
    charged_at_once(database)
    handed_over_while(database)
    handed_over_twice_at_once(database)
    handed_over_crossing(database)
    asked_for_again(database)
    last_seat(database)
    adopted_while(database)
    adopted_by_who_asks(database)
    two_placed_where_one_fits(database)
    finish()


if __name__ == "__main__":
    main()
