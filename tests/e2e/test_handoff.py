#!/usr/bin/python3
"""test_handoff.py [--bots 200] [--seconds 45] [--seed N]: players commute between places on two agents, mine and chat, while zones,
login and chat servers are killed -9 one after another and PostgreSQL is killed and comes back.

Nobody logs in again, nobody is put out, nobody has two sessions or is where his session is not; what a player was told is done is in
the tables once, and nothing else is. Prints the gaps.
"""

import argparse
import collections
import contextlib
import json
import pathlib
import random
import signal
import sys
import time

import psycopg2
import psycopg2.extras

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "control"))
from harness import Stack, check, finish, say, wait_until  # noqa: E402
from invariants import HISTORY, SNAPSHOT, broken  # noqa: E402

RECOVERY_S, UNITS = 30, 10
arguments = argparse.ArgumentParser()
arguments.add_argument("--bots", type=int, default=200)
arguments.add_argument("--seconds", type=float, default=45)
arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
options = arguments.parse_args()
rng = random.Random(options.seed)
print(f"# seed {options.seed}: tests/e2e/test_handoff.py --bots {options.bots} --seconds {options.seconds:.0f} --seed {options.seed}", flush=True)

stack = Stack(settings={"heartbeat_ms": 500, "start_backoff_ms": 200, "start_backoff_max_ms": 1000, "zone_checkpoint_ms": 2000})
agents = {"a1": stack.start_agent("a1"), "a2": stack.start_agent("a2")}
check("two agents are up", stack.agents_up(*agents))
check("the cluster runs", stack.start_cluster())
# who is killed often is tried again as often
for kind in ("login", "chat", "grid", "station"):
    stack.sql("select server_kind_set(%s, '{\"start_attempts_max\": 1000}')", kind)
places = [(row["kind"], row["key"]) for row in stack.owner(
    "select kind, key from space.place where cluster = %s and (kind = 'station' or key like 'aldra-%%') order by kind, key limit 6", stack.cluster)]
stack.accounts("bot", options.bots, places)
page, looks = stack.keep_page(), stack.keep_looking(lambda cursor: broken(cursor, SNAPSHOT))
bots = stack.start_bots("players", options.bots, "--for", "0", "--behaviour", "wander,chat,commute,mine", "--travel-every", "6", "--rate", "4",
                        "--chat-every", "20", "--ramp", "40", "--retries", "10", "--report", "json", "--log-level", "error", connect=page)


def in_play():
    """Sessions in play, whose servers are ready."""
    with contextlib.suppress(psycopg2.Error):
        return stack.owner("select count(*)::int as n from orrery.session s join orrery.server v using (server_id) "
                           "where s.cluster = %s and s.state = 'playing' and v.state = 'ready'", stack.cluster)[0]["n"]
    return 0


def seen_since(moment_ms):
    """Bots that have seen the world after a moment of their report's clock."""
    return {event["bot"] for event in bots.events(event="sees") if event["at_ms"] >= moment_ms}


check(f"{options.bots} players are in play", wait_until("all to be in play", lambda: in_play() == options.bots, 90), str(in_play()))
wait_until("journeys", lambda: len(bots.events(event="travelled", ok=True)) > options.bots / 4, 30)
check("they travel", len(bots.events(event="travelled", ok=True)) > options.bots / 4, str(len(bots.events(event="travelled"))))


def kill_role(role):
    """kill -9 of a server of this role, of those that have most to lose first."""
    rows = []
    with contextlib.suppress(psycopg2.Error):
        rows = stack.owner("select v.kind, v.key, v.pid from orrery.server v join orrery.server_kind k using (cluster, kind) where v.cluster = %s and k.role = %s "
                           "and v.state = 'ready' and v.pid is not null order by (select count(*) from orrery.session s where s.server_id = v.server_id) desc limit 3",
                           stack.cluster, role)
    alive = {server.pid for server in stack.servers()}
    rows = [row for row in rows if row["pid"] in alive]
    if not rows:
        return None
    row = rng.choice(rows)
    with contextlib.suppress(ProcessLookupError):
        next(server for server in stack.servers() if server.pid == row["pid"]).kill(signal.SIGKILL)
    return f"{row['kind']} {row['key']}"


def kill_database():
    stack.kill_database()
    time.sleep(1)
    stack.spawn_database()
    return "PostgreSQL"


say(f"{options.seconds:.0f} s of blows")
hits, order = collections.Counter(), ["zone", "chat", "zone", "login", "zone", "database", "zone"]
began = time.monotonic()
while time.monotonic() - began < options.seconds or len(hits) < 4:
    what = order[sum(hits.values()) % len(order)]
    victim = kill_database() if what == "database" else kill_role(what)
    if victim is None:
        time.sleep(0.5)
        continue
    hits[what] += 1
    say(f"killed: {victim}")
    time.sleep(rng.uniform(2, 5))
say(", ".join(f"{count} × {what}" for what, count in sorted(hits.items())))

last_ms = max(event["at_ms"] for event in bots.events())


def missing():
    seen = seen_since(last_ms + 1000)
    return sorted({event["bot"] for event in bots.events(event="logged_in")} - seen)


back = wait_until("everybody to see the world again", lambda: in_play() == options.bots and not missing(), RECOVERY_S, every=1)
check(f"everybody is in play and sees the world within {RECOVERY_S} s", bool(back), f"{in_play()} in play; out: {missing()[:10]}")
logins = collections.Counter(event["bot"] for event in bots.events(event="logged_in"))
again = [bot for bot, count in logins.items() if count > 1]
check("nobody logged in again", len(logins) == options.bots and not again, f"{len(logins)}; again: {again[:10]}")
out = bots.events(event="logged_out") + bots.events(event="gave_up")
check("nobody was put out", not out, str(out[:5]))
ended = stack.owner("select session_id, reason from orrery.session where cluster = %s and state = 'ended' limit 5", stack.cluster)
check("no session ended", not ended, str(ended))
twice = stack.owner("select account_id from orrery.session where cluster = %s and state <> 'ended' group by 1 having count(*) > 1", stack.cluster)
check("nobody has two sessions", not twice, str(twice))
apart = stack.owner("select s.session_id, v.kind, v.key, c.kind as at_kind, c.key as at_key from orrery.session s join orrery.server v using (server_id) "
                    "join orrery.\"character\" c using (character_id) where s.cluster = %s and s.state = 'playing' and (v.kind, v.key) <> (c.kind, c.key)", stack.cluster)
check("everybody is where his character is", not apart, str(apart[:5]))
check("at no moment did the tables contradict each other", looks.count and not looks.found, f"{looks.found} {looks.count} looks")

# what is under way is done before the players go
bots.kill(signal.SIGTERM)
bots.wait(20)
sessions = {event["bot"]: event["session"] for event in bots.events(event="logged_in")}
told = collections.Counter((sessions[event["bot"]], event["id"]) for event in bots.events(event="mined"))
doubled = [key for key, count in told.items() if count > 1]
rows = {(row["session_id"], row["id"]): row for row in stack.owner("select session_id, id, result from orrery.session_command where cluster = %s and name = 'mine'", stack.cluster)}
check("they mined", len(told) >= options.bots / 4, str(len(told)))
check("nobody was told a result twice", not doubled, str(doubled[:5]))
lost = [key for key in told if key not in rows]
check("no confirmed command is lost", not lost, str(lost[:5]))
mined = stack.owner("select coalesce(sum(units), 0)::int as n from (select units from space.cargo where cluster = %s union all select units from space.hangar where cluster = %s "
                    "union all select units from space.junk where cluster = %s) u", stack.cluster, stack.cluster, stack.cluster)[0]["n"]
check("none was done twice: there is as much ore as was mined", mined == len(rows) * UNITS, f"{mined} units of {len(rows)} commands")
with contextlib.closing(stack.connect()) as connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
    contradictions = broken(cursor, {**SNAPSHOT, **HISTORY})
check("nothing contradicts itself, nor its history", not contradictions, str(contradictions))

reports = [json.loads(line) for line in bots.log.read_text(errors="replace").splitlines() if line.startswith('{"bots"')]
check("the players report", bool(reports))
if reports:
    report = reports[-1]
    say(f"journeys: {report['travels']}; resumes: {report['resumes']}, longest gap {report['times']['gap']['max_ms']:.0f} ms; without a snapshot travelling {report['times']['journey_gap']}; commands: {report['commands']}; chat: {report['chat']}")
finish()
