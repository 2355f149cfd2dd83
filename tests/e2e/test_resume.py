#!/usr/bin/python3
"""Players whose zone falls silent, or dies: they go on where they were, or at its replacement, without logging in again. Whose
session is ended while nothing comes through to him is told why when he is back."""

import os
import signal

from harness import Stack, check, finish, say, wait_until
from lab import Lab

BOTS = 10

stack = Stack(settings={"lapse_ms": 30000})  # who is cut off is kept for longer than that takes here
lab = Lab(stack, "a1 net public0 192.0.2.11/24 private private0 10.77.0.11/24", "players net public0 192.0.2.21/24",
          "rival net public0 192.0.2.22/24")
stack.start_agent("a1", "192.0.2.11", "10.77.0.11", wrap=lab.within("a1", user=1000))
check("the agent is up", stack.agents_up("a1"))
check("the cluster starts", stack.start_cluster())
place = stack.owner("select kind, key from space.place where cluster = %s and kind = 'grid' order by key limit 1", stack.cluster)[0]
stack.accounts("bot", BOTS, [(place["kind"], place["key"])])
bots = stack.start_bots("bots", BOTS, "--ramp", "5", wrap=lab.within("players", user=1000))


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


def cut(is_cut):
    """The players' cable is drawn, or plugged in again."""
    done = lab.run("switch", "ip", "link", "set", "net.players", "down" if is_cut else "up")
    check(f"their network is {'cut' if is_cut else 'back'}", done.returncode == 0, done.stderr)


def heard(bot):
    return [event["reason"] for event in bots.events(event="logged_out", bot=bot)]


def live(bot):
    return stack.owner("select n.session_id from orrery.session n join orrery.account a using (account_id) where a.name = %s and n.state <> 'ended'",
                       bot)[0]["session_id"]


KICKED, BANNED, SUPERSEDED = "bot0001", "bot0002", "bot0003"
cut(True)
stack.sql("select session_kick(%s, 'spam: twice')", live(KICKED))
stack.sql("select account_ban(%s, 'cheats', null, %s)", BANNED, stack.cluster)
before = live(SUPERSEDED)
rival = stack.start_bots("rival", 1, first=3, wrap=lab.within("rival", user=1000))
check("another client logs in to one's account", wait_until("the rival to play", lambda: rival.events(event="entered", role="owner"), 20))
check("three sessions are over, and their roots gone", stack.owner(
    "select count(*)::int as n, count(x.root)::int as roots, count(x.resolve_key)::int as kept from orrery.session s join orrery.session_secret x "
    "using (session_id) where s.state = 'ended'") == [{"n": 3, "roots": 0, "kept": 3}])
check("all notice that they are cut off", wait_until("drops", lambda: told("dropped", times=3) == BOTS, 8), str(told("dropped", times=3)))
check("nobody has heard of it", not bots.events(event="logged_out"), str(bots.events(event="logged_out")[:3]))
cut(False)
WHY = {KICKED: "kicked: spam: twice", BANNED: "banned for good: cheats", SUPERSEDED: "superseded"}
check("each hears why his session ended", wait_until("the reasons", lambda: all(heard(bot) for bot in WHY), 20) and all(
    heard(bot)[0] == why for bot, why in WHY.items()), str({bot: heard(bot) for bot in WHY}))
others = [f"bot{number:04d}" for number in range(4, BOTS + 1)]
check("the others go on", wait_until("resumes", lambda: all(len(bots.events(event="resumed", bot=bot)) >= 3 for bot in others), 20))
check("and hear of no end", not any(heard(bot) for bot in others), str({bot: heard(bot) for bot in others}))

cut(True)
stack.sql("select cluster_shutdown(0, %s)", stack.cluster)
check("the cluster is shut down meanwhile", wait_until("the end", lambda: stack.cluster_state() == "stopped", 30))
check("and started again", stack.start_cluster())
check("nobody has heard of that", not any(heard(bot) for bot in others))
cut(False)
check("they hear that it was shut down", wait_until("the reason", lambda: all(heard(bot) for bot in others), 30) and all(
    heard(bot) == ["shutdown"] for bot in others), str({bot: heard(bot) for bot in others}))

finish()
