#!/usr/bin/python3
"""Players whose zone falls silent, or dies: they go on where they were, or at its replacement, without logging in again."""

import os
import signal

from harness import Stack, check, finish, say, wait_until

BOTS = 10

stack = Stack()
stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
check("the cluster starts", stack.start_cluster())
place = stack.owner("select kind, key from space.place where cluster = %s and kind = 'grid' order by key limit 1", stack.cluster)[0]
stack.accounts("bot", BOTS, [(place["kind"], place["key"])])
bots = stack.start_bots("bots", BOTS, "--ramp", "5")


def told(event, times=1, **match):
    """How many bots were told of it so often."""
    events = bots.events(event=event, **match)
    return sum(1 for bot in {one["bot"] for one in events} if sum(1 for one in events if one["bot"] == bot) >= times)


def gaps(event_number):
    """Milliseconds without an owner, of each bot's so-manieth resume."""
    return [bots.events(event="resumed", bot=bot)[event_number]["gap_ms"] for bot in bots.bots_with(event="resumed")]


check("all play", wait_until("all to play", lambda: told("entered", role="owner") == BOTS and told("entered", role="chat") == BOTS, 60))
zone = stack.process(place["kind"], place["key"])
os.kill(zone.pid, signal.SIGSTOP)
check("a silent zone is noticed after 2 s", wait_until("drops", lambda: told("dropped") == BOTS, 8))
check("and not before", all(event["silence_ms"] >= 2000 for event in bots.events(event="dropped")), str(bots.events(event="dropped")[:3]))
os.kill(zone.pid, signal.SIGCONT)
check("all go on when it does", wait_until("resumes", lambda: told("resumed") == BOTS, 8), str(told("resumed")))
check("at the same zone", told("entered", times=2, role="owner") == 0)
say(f"gaps: {min(gaps(0)):.0f} to {max(gaps(0)):.0f} ms")

zone.kill()
check("all go on at its replacement when it dies",
      wait_until("resumes", lambda: told("resumed", times=2) == BOTS and told("entered", times=2, role="owner") == BOTS, 30), str(told("resumed", times=2)))
check("nobody had to log in again", told("logged_in", times=2) == 0 and not bots.events(event="logged_out"), str(bots.events(event="logged_out")[:3]))
say(f"gaps: {min(gaps(1)):.0f} to {max(gaps(1)):.0f} ms")
seen = len(bots.events(event="sees"))
check("they see and are seen", wait_until("sight", lambda: len(bots.events(event="sees")) > seen + 2 * BOTS, 20))
check("each account has one session, in play", stack.owner("select state, count(*)::int as n from orrery.session group by 1") == [
    {"state": "playing", "n": BOTS}])

finish()
