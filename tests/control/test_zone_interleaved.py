#!/usr/bin/python3
"""Calls of zones that meet what changes their owner, or each other, at one certain point, as in test_interleaved.py: nothing is done under an
epoch that is over, no command twice, and news commit in the order of their numbers.
"""

import contextlib
import json

from database import Database, check, finish
from test_interleaved import Call, World, held


class Zone(World):
    """Its player is in play at the grid."""

    def __init__(self, database, name):
        super().__init__(database, name)
        answer = self.database.value(*self.select_statement(), user=self.user)[0]
        self.session = (self.opened["session_id"], answer["owner"]["epoch"])

    @property
    def user(self):
        return f"servers_{self.cluster}"

    def command_statement(self, number, name="mine", session=None, **args):
        session_id, epoch = session or self.session
        return self.server_statement("grid", "session_command", json.dumps(
            [{"ref": 1, "session_id": session_id, "epoch": epoch, "id": number, "name": name, "args": args or {"ore": "cobalt", "units": 10}}]))

    def checkpoint_statement(self, x):
        return self.server_statement("grid", "server_checkpoint", json.dumps({"x": x}), json.dumps(
            [{"session_id": self.session[0], "epoch": self.session[1], "state": {"x": x}}]))

    def saved(self):
        """What is left of the last checkpoint: of the world, of the character."""
        row = self.database.sql("select (select saved -> 'x' from orrery.world where cluster = %s and kind = 'grid') as world, "
                                "(select state -> 'x' from orrery.character where character_id = %s) as state", self.cluster, self.character)[0]
        return row["world"], row["state"]

    def cargo(self, character=None):
        return self.database.value("select coalesce(sum(units), 0) from space.cargo where character_id = %s", character or self.character)

    def news(self, after=0):
        return [item["number"] for item in self.server_call("grid", "server_sync", "[]", after)["news"]]

    @contextlib.contextmanager
    def open_call(self, statement, *params, user=None):
        """A call that was answered and whose transaction is open; the answer and the connection."""
        with contextlib.closing(self.database.connect(user or self.user)) as connection:
            cursor = connection.cursor()
            cursor.execute(statement, params)
            yield cursor.fetchone()[0], connection

    def second(self):
        """Another player of the grid: his session and character."""
        account = self.database.value("insert into orrery.account (cluster, name, created_at) values (%s, 'eve', now()) returning account_id", self.cluster)
        self.database.sql("select orrery.character_create('eve', %s, 'grid', 'aldra-1', %s)", f"Eve {self.cluster}", self.cluster, user="dba")
        character = self.database.value("select character_id from orrery.character where account_id = %s", account)
        opened = self.open(account=account)[0]
        answer = self.database.value(*self.select_statement((opened["session_id"], opened["epoch"]), character), user=self.user)[0]
        return (opened["session_id"], answer["owner"]["epoch"]), character


def checkpoint_of_a_dead_server(database):
    """A checkpoint was checked before its server's exit is taken, and comes to its locks after."""
    zone = Zone(database, "dead")
    zone.server_call("grid", "server_checkpoint", '{"x":1}', json.dumps([{"session_id": zone.session[0], "epoch": zone.session[1], "state": {"x": 1}}]))
    with zone.open_call(*zone.exited("grid"), user="agents") as (_, report):
        late = Call(database, zone.user, *zone.checkpoint_statement(2))
        check("the checkpoint waits for the report", late.waits(database))
        report.commit()
    check("it is no error", late.end() is None, str(late.code))
    check("and saves neither world nor character", zone.saved() == (1, 1), str(zone.saved()))
    check("the next is refused", Call(database, zone.user, *zone.checkpoint_statement(3)).end() == "OR007")


def start_during_a_checkpoint(database):
    """A server's exit is reported while its last checkpoint is under way: whoever begins after it begins with that."""
    zone = Zone(database, "last")
    with held(database, "select from orrery.character where character_id = %s for update", zone.character):
        checkpoint = Call(database, zone.user, *zone.checkpoint_statement(5))
        check("the checkpoint waits", checkpoint.waits(database))
        report = Call(database, "agents", *zone.exited("grid"))
        check("the report waits for it", report.waits(database))
    check("both are done", (checkpoint.end(), report.end()) == (None, None), f"{checkpoint.code} {report.code}")
    check("it was saved before", zone.saved() == (5, 5), str(zone.saved()))


def command_and_hand_off(database):
    """A player's command waits for his session, which is being handed to another server."""
    zone = Zone(database, "handed")
    with contextlib.closing(database.connect()) as hand_off:
        hand_off.cursor().execute("update orrery.session set server_id = %s, epoch = orrery.epoch_next() where session_id = %s",
                                  (zone.servers["chat"][0], zone.session[0]))
        command = Call(database, zone.user, *zone.command_statement(1))
        check("the command waits for the hand-off", command.waits(database))
        hand_off.commit()
    check("it is refused: the session is elsewhere", command.end() is None and command.value[0].get("error", {}).get("code") == "OR007", f"{command.code} {command.value}")
    check("and does nothing", zone.cargo() == 0)


def command_and_death(database):
    """The same while its server is reported dead."""
    zone = Zone(database, "died")
    with zone.open_call(*zone.exited("grid"), user="agents") as (_, report):
        command = Call(database, zone.user, *zone.command_statement(1))
        check("the command waits for the report", command.waits(database))
        report.commit()
    check("it is refused", command.end() is None and command.value[0].get("error", {}).get("code") == "OR007", f"{command.code} {command.value}")
    check("and does nothing", zone.cargo() == 0)


def command_asked_again(database):
    """A command whose answer does not come is asked again over another connection, while the first is still under way."""
    zone = Zone(database, "again")
    with zone.open_call(*zone.command_statement(1)) as (first, connection):
        again = Call(database, zone.user, *zone.command_statement(1))
        check("the second waits for the first", again.waits(database))
        connection.commit()
    check("and answers the same", again.end() is None and again.value == first, f"{again.code} {again.value} {first}")
    check("it was done once", zone.cargo() == 10, str(zone.cargo()))
    with zone.open_call(*zone.command_statement(2)) as (_, connection):
        again = Call(database, zone.user, *zone.command_statement(2))
        check("another waits for one that comes to nothing", again.waits(database))
        connection.rollback()
    check("and does it", again.end() is None and "result" in again.value[0], f"{again.code} {again.value}")
    check("once", zone.cargo() == 20, str(zone.cargo()))


def junk_that_two_take(database):
    zone = Zone(database, "junk")
    session, character = zone.second()
    zone.database.value(*zone.command_statement(1), user=zone.user)
    junk = zone.database.value(*zone.command_statement(2, "jettison", ore="cobalt"), user=zone.user)[0]["result"]["junk"]
    with zone.open_call(*zone.command_statement(3, "loot", junk=junk)) as (first, connection):
        other = Call(database, zone.user, *zone.command_statement(1, "loot", session, junk=junk))
        check("who comes second waits", other.waits(database))
        connection.commit()
    check("the first has it", "result" in first[0] and zone.cargo() == 10, str(first))
    check("the second is told that it is gone", other.end() is None and other.value[0].get("error", {}).get("code") == "OR001", f"{other.code} {other.value}")
    check("and has nothing", zone.cargo(character) == 0)
    check("news: thrown away, taken", zone.news() == [1, 2], str(zone.news()))


def news_in_order(database):
    """News of one world are added in two transactions, of which the one that began later is ready to commit first."""
    zone = Zone(database, "news")
    add = "select orrery.news_add('grid', 'aldra-1', '{}', 'news')"
    check("there were some before", database.value(add, user="dba") == 1)
    with zone.open_call(add, user="dba") as (first, connection):
        second = Call(database, "dba", add)
        check("news commit in the order of their numbers", second.waits(database))
        check("a server that asks meanwhile misses none", zone.news(1) == [], str(zone.news(1)))
        connection.commit()
    check("one after the other", (first, second.end(), second.value) == (2, None, 3), f"{first} {second.code} {second.value}")
    check("it is told of both", zone.news(1) == [2, 3], str(zone.news(1)))


def main():
    database = Database()
    database.login("agents", "orrery_agent", "*")
    for scenario in (checkpoint_of_a_dead_server, start_during_a_checkpoint, command_and_hand_off, command_and_death, command_asked_again,
                     junk_that_two_take, news_in_order):
        scenario(database)
    finish()


if __name__ == "__main__":
    main()
