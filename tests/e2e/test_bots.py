#!/usr/bin/python3
"""Players that fight in one grid, and players that vanish without a word and come back, on sockets of their own and on one: what they
count must agree with itself and with the tables.
"""

import json
import signal
import time

from harness import Stack, check, finish, say, wait_until

BOTS, FOR_S = 24, 12

stack = Stack(settings={"zone_tick_hz": 10})
agent = stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
check("the cluster runs", stack.start_cluster())
# the ships of a group come in close by, so that they find each other
stack.accounts("bot", BOTS, [("grid", "aldra-1")])
stack.accounts("loner", BOTS, [("grid", "velo-1"), ("station", "velo-yards")])
for prefix in ("bot", "loner"):
    stack.owner("update orrery.\"character\" set state = '{\"x_m\": 500, \"y_m\": 500}' where cluster = %s and name like %s", stack.cluster, f"{prefix}%")


def report_of(bots):
    bots.kill(signal.SIGTERM)
    check(f"{bots.name} end", bots.wait(10) == 0, bots.tail(3))
    reports = [json.loads(line) for line in bots.log.read_text(errors="replace").splitlines() if line.startswith('{"bots"')]
    return reports[-1] if reports else {}


def play(name, prefix, *extra):
    bots = stack.start_bots(name, BOTS, "--report", "json", "--ramp", "20", "--rate", "5", "--log-level", "error", *extra, prefix=prefix)
    wait_until("all to have been in play", lambda: len(bots.bots_with(event="entered", role="owner")) == BOTS, 60, 1)
    time.sleep(FOR_S)
    return bots


for way in ((), ("--multiplex",)):
    words = "on one socket" if way else "on sockets of their own"
    fighters = play(f"fighters{len(way)}", "bot", "--behaviour", "fight", *way)
    report = report_of(fighters)
    fights = report["fights"]
    say(f"{words}: {fights}")
    check(f"they hit each other, {words}", fights["hits"] > BOTS and fights["deaths"] > 0, str(fights))
    check(f"who is hit hears of it as who hits does, {words}", fights["hits_taken"] == fights["hits"] and fights["kills"] == fights["deaths"], str(fights))
    check(f"nobody was lost, {words}", not report["lost"] and not report["failed"], str(report))

    leavers = play(f"leavers{len(way)}", "loner", "--behaviour", "wander,drop-out", "--drop-every", "4", "--away", "3", *way)
    report = report_of(leavers)
    out = report["drop_outs"]
    say(f"{words}: {out}, {report['times']['return']}")
    check(f"they vanish, and come back by both ways, {words}", out["vanished"] > BOTS / 2 and out["back_by_token"] > 0 < out["back_by_login"], str(out))
    still_away = out["vanished"] - out["back_by_token"] - out["back_by_login"]
    check(f"who has not come back is out at the end, {words}", 0 <= still_away < BOTS, str(out))
    check(f"nobody who stayed was lost, {words}", not report["lost"] and not report["failed"], str(report))
    check(f"every session ends, {words}", wait_until("the sessions' end", lambda: stack.count("session", "state <> 'ended'") == 0, 30, 0.5))
    sessions = stack.count("session s join orrery.account a using (account_id)", "a.name like 'loner%'")
    check(f"each login is a session, {words}", sessions == report["logins"], f"{sessions}, {report['logins']}")
    stack.owner("delete from orrery.session where cluster = %s", stack.cluster)
finish()
