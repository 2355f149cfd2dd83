#!/usr/bin/python3
"""Two chat servers, of which one is killed, and then PostgreSQL, while players chat: each channel's messages are numbered without a gap,
nobody misses one or hears one twice, and what was said is said once."""

import json
import signal

from harness import Stack, check, finish, say, wait_until

BOTS = 12

stack = Stack()
stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
stack.sql("select server_kind_set('chat2', %s, %s)", json.dumps({
    "role": "chat", "command": "orrery-sessiond", "args": ["--role", "chat"], "always_on_key": "other"}), stack.cluster)
check("the cluster starts", stack.start_cluster())
check("with two chat servers", wait_until("both", lambda: stack.value(
    "select count(*)::int from server_status where kind in ('chat', 'chat2') and state = 'ready'") == 2, 20))
places = [(row["kind"], row["key"]) for row in stack.owner(
    "select kind, key from space.place where cluster = %s and kind = 'grid' order by key limit 2", stack.cluster)]
stack.accounts("bot", BOTS, places)
bots = stack.start_bots("bots", BOTS, "--ramp", "10", "--for", "0", "--chat-every", "0.7", "--report", "json")


def said():
    return stack.owner("select coalesce(sum(last_number), 0)::int as n from orrery.chat_channel")[0]["n"]


def attached():
    """Sessions of each chat server that have one."""
    return {row["kind"]: row["n"] for row in stack.owner(
        "select s.kind, count(*)::int as n from orrery.attachment a join orrery.server s using (server_id) where not a.ended group by 1")}


def hears(bot, since):
    """Whether it was told something of chat since so many of its events."""
    return len(bots.events(event="chat", bot=bot)) > since.get(bot, 0)


def all_hear(seconds):
    since = {bot: len(bots.events(event="chat", bot=bot)) for bot in names}
    return wait_until("all to hear", lambda: all(hears(bot, since) for bot in names), seconds)


check("all play", wait_until("all to play", lambda: len(bots.bots_with(event="entered", role="owner")) == BOTS
                             == len(bots.bots_with(event="entered", role="chat")), 60))
names = bots.bots_with(event="entered", role="chat")
check("each chat server has some of them", all(attached().get(kind, 0) >= 2 for kind in ("chat", "chat2")), str(attached()))
check("everybody hears everybody", all_hear(20))
before = said()

stack.process("chat", "main").kill()
check("who lost his chat server has one again", all_hear(30))
check("all are attached to one that is ready", wait_until("attachments", lambda: stack.owner(
    "select count(*)::int as n from orrery.attachment a join orrery.server s using (server_id) where not a.ended and s.state = 'ready'")[0]["n"] == BOTS, 30))
check("what is said goes on", said() > before, f"{before}, {said()}")

stack.kill_database()
stack.start_database()
check("everybody hears everybody after PostgreSQL was killed", all_hear(40))
check("nobody logged in again", len(bots.events(event="logged_in")) == BOTS and not bots.events(event="logged_out"))

bots.kill(signal.SIGINT)
check("the players leave", bots.wait(10) == 0, bots.tail(3))
report = next(event for event in bots.events() if "snapshots" in event)["chat"]
check("nobody missed a message, or heard one twice", report["missed"] == 0 == report["repeated"] and report["skipped"] == 0 < report["received"], str(report))
gaps = stack.owner("""select h.channel_id from orrery.chat_channel h left join orrery.chat_message m using (channel_id)
    group by h.channel_id, h.last_number having count(m.number) <> h.last_number or coalesce(max(m.number), 0) <> h.last_number""")
check("each channel's numbers have no gap", not gaps, str(gaps))
twice = stack.owner("select session_id, text from orrery.chat_message group by 1, 2 having count(*) > 1")
check("nothing was said twice", not twice, str(twice[:3]))
# What he said last may have been under way when he left.
certain = report["sent"] - sum(report["refused"].values()) - BOTS
check("what was said is kept", certain <= said() <= report["sent"], f"{said()} of {report}")
say(f"{said()} said in {len(stack.owner('select 1 from orrery.chat_channel where last_number > 0'))} channels; {report}")
finish()
