#!/usr/bin/python3
"""Calls of chat servers that meet each other, or a verb, at one certain point, as in test_interleaved.py: rows are locked in the order that
CONTRIBUTING.md states, and nobody is in a channel that he is banned from.
"""

import contextlib
import json

import psycopg2

from database import Database, check, finish
from test_interleaved import Call, held
from test_zone_interleaved import Zone

CHANNEL = "select from orrery.chat_channel where channel_id = %s for no key update nowait"
ATTACHMENT = "select from orrery.attachment where session_id = %s for no key update nowait"


class Chat(Zone):
    """Two players at one chat server; the session of the second is the older one."""

    def __init__(self, database, name):
        super().__init__(database, name)
        self.second_session, self.second_character = self.second()
        self.server_call("grid", "session_end", json.dumps([{"session_id": self.session[0], "epoch": self.session[1], "reason": "logout"}]))
        self.opened = self.open()[0]
        self.session = (self.opened["session_id"], self.opened["epoch"])
        self.database.value(*self.select_statement(), user=self.user)
        self.pat, self.eve = self.session[0], self.second_session[0]

    def statement(self, function, *entries):
        """A call with entries (session, members)."""
        epochs = {row["session_id"]: row["epoch"] for row in self.database.sql("select session_id, epoch from orrery.attachment where not ended")}
        return self.server_statement("chat", function, json.dumps(
            [{"ref": n, "session_id": session, "epoch": epochs[session], **more} for n, (session, more) in enumerate(entries)]))

    def chat(self, function, *entries):
        return self.database.value(*self.statement(function, *entries), user=self.user)

    def channel(self, name, *sessions):
        """Made by the first, joined by the others."""
        self.chat("chat_join", *((session, {"name": name, "create": session == sessions[0]}) for session in sessions))
        return self.database.value("select channel_id from orrery.chat_channel where cluster = %s and name = %s", self.cluster, name)

    def members(self, channel):
        return self.database.value("select array_agg(character_id) from orrery.chat_member where channel_id = %s", channel) or []

    def is_free(self, row, *params):
        """Nobody has locked it."""
        with contextlib.closing(self.database.connect()) as connection:
            try:
                connection.cursor().execute(row, params)
            except psycopg2.errors.LockNotAvailable:
                return False
        return True


def joined_in_key_order(database):
    """Channels whose names are in another order than their keys: who comes into both waits for the lower key, holding nothing."""
    chat = Chat(database, "joined")
    low, high = chat.channel("zz", chat.pat), chat.channel("aa", chat.pat)
    check("the names are not in the order of the keys", low < high)
    with held(database, "select from orrery.chat_channel where channel_id = %s for no key update", low):
        join = Call(database, chat.user, *chat.statement("chat_join", (chat.eve, {"name": "aa"}), (chat.eve, {"name": "zz"})))
        check("who joins waits", join.waits(database))
        check("for the lower key, and holds no higher one", chat.is_free(CHANNEL, high))
    check("then he is in both", join.end() is None and all("channel" in answer for answer in join.value), f"{join.code} {join.value}")


def banned_while_he_joins(database):
    """A ban that comes while its character's join is not committed."""
    chat = Chat(database, "banned")
    channel = chat.channel("mines", chat.pat)
    with chat.open_call(*chat.statement("chat_join", (chat.eve, {"name": "mines"}))) as (answer, connection):
        ban = Call(database, "dba", "select orrery.chat_ban(%s, 'mines', 60, 'why', 'banned')", "Eve banned")
        check("the ban waits for the join", "channel" in answer[0] and ban.waits(database), str(answer))
        connection.commit()
    check("who is banned is out", ban.end() is None and chat.members(channel) == [chat.character], f"{ban.code} {chat.members(channel)}")


def muted_where_is_nothing(database):
    """A channel is dropped just before somebody is muted in it."""
    chat = Chat(database, "gone")
    chat.channel("mines", chat.pat, chat.eve)
    with chat.open_call("select orrery.chat_channel_drop('mines', 'gone')", user="dba") as (_, connection):
        mute = Call(database, "dba", "select orrery.chat_mute(%s, 60, 'why', 'mines', 'gone')", "Eve gone")
        check("who mutes waits", mute.waits(database))
        connection.commit()
    check("and is told that there is no such channel", mute.end() == "OR001", str(mute.code))


def dropped_in_key_order(database):
    """A channel whose members came in another order than their sessions is dropped while one of these is held."""
    chat = Chat(database, "dropped")
    channel = chat.channel("mines", chat.pat, chat.eve)
    check("sessions are not in the order of the characters", chat.eve < chat.pat and chat.character < chat.second_character)
    database.sql("update orrery.attachment set taken = true")
    with held(database, "select from orrery.attachment where session_id = %s for no key update", chat.eve):
        drop = Call(database, "dba", "select orrery.chat_channel_drop('mines', 'dropped')")
        check("the verb waits", drop.waits(database))
        check("for the lower session, and holds no higher one", chat.is_free(ATTACHMENT, chat.pat))
    check("then it is gone", drop.end() is None and chat.is_free(CHANNEL, channel) and not chat.members(channel), str(drop.code))
    check("its members are told anew", database.value("select count(*) from orrery.attachment where session_id in (%s, %s) and not taken", chat.pat, chat.eve) == 2)
    check("their chat server is told once", database.value("select count(*) from orrery.command where rule = 'chat_channel_drop' and cluster = 'dropped'") == 1)


def incarnation_before_sessions(database):
    """Who resolves a session is the first to find that this is another database than before."""
    chat = Chat(database, "restored")
    database.sql("delete from orrery.attachment where session_id = %s", chat.pat)
    database.sql("update orrery.incarnation set timeline = timeline + 1")
    proof = database.value("select encode(orrery.hmac_sha256(decode(repeat('5a', 64), 'hex'), resolve_key), 'hex') from orrery.session_secret where session_id = %s", chat.pat)
    with held(database, "select from orrery.incarnation for update"):
        resolve = Call(database, chat.user, *chat.server_statement("login", "session_resolve", json.dumps(
            [{"ref": 1, "session_id": chat.pat, "address": "192.0.2.9:1", "handshake_hash": "5a" * 64, "proof": proof}])))
        check("it waits for the incarnation", resolve.waits(database))
        check("and holds no session", chat.is_free("select from orrery.session where session_id = %s for no key update nowait", chat.pat))
    check("then it has a chat server", resolve.end() is None and resolve.value[0].get("chat") is not None, f"{resolve.code} {resolve.value}")


def main():
    database = Database()
    database.login("agents", "orrery_agent", "*")
    for scenario in (joined_in_key_order, banned_while_he_joins, muted_where_is_nothing, dropped_in_key_order, incarnation_before_sessions):
        scenario(database)
    finish()


main()
