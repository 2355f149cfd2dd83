#!/usr/bin/python3
"""orrery kind, fleet and server against a real database and agent: kinds and fleets from TOML all or none, what is wrong with a file
by line and member, waiting, watching, allocations."""

import json
import os
import re
import signal
import subprocess
import time

from harness import Stack, check, finish, unprivileged, wait_until
from terminal import Terminal

ARENA = """# one kind and a fleet of it
[kind.arena]
command = "stub_server.py"
args = ["ready"]
cpu_millis = 10
ports = [{ name = "game", protocol = "udp" }, { name = "query", protocol = "tcp", count = 2 }]
counters = { players = 16 }

[kind.arena.env]
MOTD = 'a "quoted" text \\ ü'

[fleet.arenas]
kind = "arena"
policy_args = { size = 2 }
cooldown_ms = 0
"""

stack = Stack(settings={"allocation_confirm_ms": 60000})


def file(name, text, mode=0o644):
    return stack.write(name, text, mode)


def orrery(*arguments, **more):
    return stack.orrery(*arguments, **more).stdout


def as_json(*arguments):
    return json.loads(orrery("--json", *arguments))


def fails(name, *arguments, says, **more):
    done = stack.orrery(*arguments, check_status=False, **more)
    check(name, done.returncode == 1 and all(part in done.stderr for part in says), f"{done.returncode}: {done.stdout}{done.stderr}")
    return done


def refused(name, text, *says):
    """A file that is refused, and changes nothing."""
    before = stack.owner("select (select coalesce(jsonb_agg(k order by kind), '[]') from orrery.server_kind k) as kinds, (select "
                         "coalesce(jsonb_agg(f order by fleet), '[]') from orrery.fleet f) as fleets")
    done = fails(name, "kind", "apply", file("bad.toml", text), says=["error", "bad.toml", *says])
    after = stack.owner("select (select coalesce(jsonb_agg(k order by kind), '[]') from orrery.server_kind k) as kinds, (select "
                        "coalesce(jsonb_agg(f order by fleet), '[]') from orrery.fleet f) as fleets")
    check(f"{name}: nothing is changed", before == after and done.stdout == "", done.stdout)


# kind apply
arena = file("arena.toml", ARENA)
tried = orrery("kind", "apply", arena, "--dry-run")
check("--dry-run says what would change", "kind arena: new, version 1\n" in tried and "fleet arenas: new\n" in tried and "nothing was changed" in tried, tried)
check("and changes nothing", stack.count("server_kind", "kind = 'arena'") == 0 and stack.count("fleet") == 0)
check("apply makes kinds and fleets", orrery("kind", "apply", arena) == "kind arena: new, version 1\nfleet arenas: new\n")
events = stack.last_event()
check("again it changes nothing, and says so", orrery("kind", "apply", arena) == "kind arena: unchanged, version 1\nfleet arenas: unchanged\n"
      and not [event for event in stack.events(events) if event["rule"] in ("server_kind_set", "fleet_set")])
spec = stack.owner("select to_jsonb(k) as k from orrery.server_kind k where kind = 'arena'")[0]["k"]
check("every type of value arrives", spec["args"] == ["ready"] and spec["cpu_millis"] == 10 and spec["counters"] == {"players": 16}
      and spec["env"] == {"MOTD": 'a "quoted" text \\ ü'} and [port["count"] for port in spec["ports"]] == [1, 2], spec)
check("another size is a change", orrery("kind", "apply", file("arena3.toml", ARENA.replace("size = 2", "size = 3"))) ==
      "kind arena: unchanged, version 1\nfleet arenas: changed: policy_args\n")
changed = as_json("kind", "apply", file("ports.toml", ARENA.replace('"query"', '"rcon"')), "--dry-run")
check("other ports of a kind that exists are another version", changed["dry_run"] and changed["applied"][0] == {
    "kind": "arena", "result": "changed", "version": 2, "changed": ["ports"]}, changed)
for name in ("arena", "login", "grid"):
    shown = orrery("kind", "show", name)
    check(f"apply takes back what show prints of {name}", orrery("kind", "apply", "-", text=shown) == f"kind {name}: unchanged, version 1\n", shown)
check("and of a fleet", orrery("kind", "apply", "-", text=orrery("fleet", "show", "arenas")) == "fleet arenas: unchanged\n")
odd = "".join(map(chr, [*range(1, 32), 127, 34, 92, 39, 233, 0x1F680]))
stack.sql("select server_kind_set('odd', %s, %s)", json.dumps({
    "command": "x", "args": [odd, "", "{{", "#"], "env": {"a b.c": odd}, "always_on_key": None}), stack.cluster)
check("whatever text it has", orrery("kind", "apply", "-", text=orrery("kind", "show", "odd")) == "kind odd: unchanged, version 1\n", orrery("kind", "show", "odd"))
check("kind list shows them", {(row["kind"], row["ports"], row["version"]) for row in as_json("kind", "list")} >= {
    ("arena", "game udp, query tcp x2", 1), ("login", "public udp, private udp", 1)})

# what is wrong with a file, by line and member
refused("an unknown member", ARENA + "\n[kind.other]\ncommand = 'x'\ncpu_milis = 5\n", "bad.toml:19: kind other, cpu_milis:", "OR003")
refused("of two unknown ones the first", "[kind.a]\ncommand = 'x'\naa = 1\nbb = 2\n", "bad.toml:3: kind a, aa:")
refused("a text for a number", ARENA.replace("cpu_millis = 10", "cpu_millis = 'much'"), "bad.toml:5: kind arena, cpu_millis:", "OR003")
refused("a number for a list", ARENA.replace('["ready"]', "1"), "bad.toml:4: kind arena, args:")
refused("a huge number", ARENA.replace("= 10\n", "= 99999999999\n"), "bad.toml:5: kind arena, cpu_millis:", "out of range")
refused("one that no computer has", ARENA.replace("= 10\n", "= 99999999999999999999\n"), "bad.toml:5: ")
refused("one that is infinite", ARENA.replace("= 10\n", "= inf\n"), "bad.toml:5: ")
refused("a date", ARENA.replace("= 10\n", "= 1979-05-27\n"), "bad.toml:5: ", "dates")
refused("a negative one", ARENA.replace("= 10\n", "= -1\n"), "bad.toml:5: kind arena, cpu_millis:", "OR003")
refused("a placeholder that there is not", ARENA.replace('["ready"]', '["{port:nope}"]'), "bad.toml:4: kind arena, args:", "{port:nope}")
refused("a NUL in a text", ARENA.replace('["ready"]', '["\\u0000"]'), "bad.toml:4: kind arena, args:")
refused("a name that the agent sets", ARENA.replace("MOTD =", "NOTIFY_SOCKET ="), "bad.toml:9: kind arena, env:", "is set by the agent")
refused("a pattern that is none", ARENA.replace("cpu_millis = 10", 'ready_by = "output"\nready_pattern = "("'), "bad.toml:6: kind arena, ready_pattern:",
        "no POSIX extended regular expression")
refused("ports without a name", ARENA.replace('name = "query", ', ""), "bad.toml:6: kind arena, ports:", "OR003")
refused("a kind without a command", "[kind.bare]\nrole = 'other'\n", "bad.toml:1: kind bare: ", "OR003")
refused("a name that is none", "[kind.'No Name']\ncommand = 'x'\n", "bad.toml:1: kind No Name: ", "OR003")
refused("a fleet of no kind", ARENA.replace('kind = "arena"', 'kind = "nope"').replace("fleet.arenas", "fleet.f"), "fleet f, kind:", "OR001")
refused("a fleet that is too large", ARENA + "size_max = 100001\n", "fleet arenas, size_max:", "OR003")
refused("a fleet of another kind", ARENA.replace('kind = "arena"', 'kind = "grid"'), "fleet arenas, kind:", "OR003")
refused("what is no TOML", ARENA.replace("[fleet.arenas]", "[fleet.arenas"), "bad.toml:12: ")
refused("a member twice", ARENA + "cooldown_ms = 1\n", "bad.toml:16: ")
refused("no UTF-8 and no text", "\0\1\2", "bad.toml:1: ")
refused("an empty file", "", "neither a kind nor a fleet")
refused("another noun", "[kinds.a]\ncommand = 'x'\n", "bad.toml:1: ", "there is no kinds")
refused("no table", "kind = 1\n", "bad.toml:1: ")
refused("no name", "[kind]\ncommand = 'x'\n", "bad.toml:2: ", "[kind.NAME]")
refused("one that is too large", "#" * (5 << 20), "larger than 4 MiB")
fails("a missing file", "kind", "apply", "/nonexistent.toml", says=["error: cannot read /nonexistent.toml"])
fails("a directory", "kind", "apply", stack.dir, says=["error: cannot read"])
fails("a file that may not be read", "kind", "apply", file("secret.toml", ARENA, 0o000), says=["error: cannot read"])
fails("a cluster that there is not", "--cluster", "nope", "kind", "apply", arena, says=["error OR001: "])
fails("a kind that there is not", "kind", "show", "nope", says=["error OR001: ", "arena"])

# fleets, against an agent
stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
explained = as_json("kind", "explain", "arena")
check("kind explain says where one would go", [(row["agent"], row["verdict"].split(":")[0]) for row in explained] == [("a1", "taken")], explained)
check("and with --set where as if it were otherwise", "has no cpu left" in orrery("kind", "explain", "arena", "--set", "cpu_millis=9999999")
      and "zone=north" in orrery("kind", "explain", "arena", "--set", 'agent_labels={zone="north"}'))
fails("--set of an unknown member", "kind", "explain", "arena", "--set", "nope=1", says=["error OR003: ", "nope"])
fails("--set without a value", "kind", "explain", "arena", "--set", "nope", says=["member=value"])
fails("--set twice", "kind", "explain", "arena", "--set", "cpu_millis=1", "--set", "cpu_millis=2", says=["error"])
late = fails("--wait with an end says what it waited for", "fleet", "set", "arenas", "--size", "2", "--wait", "1", says=["fleet arenas is not as it should be after 1 s", "detail: fleet arenas"])
check("the cluster starts", stack.start_cluster())
waited = stack.orrery("fleet", "set", "arenas", "--size", "3", "--wait", "60")
ready = stack.owner("select count(*)::int as n from orrery.server where fleet = 'arenas' and state = 'ready'")[0]["n"]
check("fleet set --wait returns when it has its size", ready == 3 and "is as it should be" in waited.stdout and "fleet arenas " in waited.stderr, f"{ready}: {waited.stdout}{waited.stderr}")
orrery("kind", "apply", file("arena2.toml", ARENA.replace("= 10\n", "= 11\n").replace("size = 2", "size = 3")))
orrery("fleet", "set", "arenas", "--wait", "60")
check("and no server of an earlier version", stack.owner("select count(*)::int as n from orrery.server where fleet = 'arenas' and state = 'ready' and version = 2")[0]["n"] == 3)
check("fleet try says what a policy would say", as_json("fleet", "try", "arenas", "--set", "policy_args.size=7") == {"size": 7, "fault": None})
fails("and status 1 when it fails", "fleet", "try", "arenas", "--policy", "orrery.fleet_buffer", says=["answered null"])
fails("a policy that there is not", "fleet", "try", "arenas", "--policy", "game.nope", says=["error OR001: "])
fails("a negative size", "fleet", "set", "arenas", "--size", "-1", says=["error OR003: "])
orrery("fleet", "set", "spare", "--kind", "arena", "--policy", "orrery.fleet_buffer", "--set", "policy_args.buffer=0")
fails("a size where the policy takes none", "fleet", "set", "spare", "--size", "0",
      says=["error OR003: ", "orrery.fleet_buffer has no argument size", 'orrery.fleet_buffer {"buffer":5}'])
orrery("fleet", "drop", "spare")
fails("a size that is none", "fleet", "set", "arenas", "--size", "many", says=["error OR003: "])
fails("a fleet that is not paused", "fleet", "resume", "arenas", says=["error OR002: "])
fails("a fleet that there is not", "fleet", "show", "nope", says=["error OR001: ", "arenas"])
bad_wait = stack.orrery("fleet", "set", "arenas", "--wait", "-5", check_status=False)
check("a wait that is none", bad_wait.returncode != 0 and "0 to 86400" in bad_wait.stderr, bad_wait.stderr)

# watching
piped = {noun: subprocess.Popen(unprivileged([stack.dir / "bin" / "orrery", "--db", stack.conninfo("dba"), noun, "list", "--watch"]),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/") for noun in ("fleet", "kind", "server")}
time.sleep(3)
for noun, watching in piped.items():
    watching.send_signal(signal.SIGINT)
    seen, errors = watching.communicate(timeout=10)
    check(f"{noun} list --watch shows it again and again, as plain lines where there is no terminal",
          seen.count("waits_for" if noun != "kind" else "command") >= 2 and seen.count("arena") >= 2 and "\033" not in seen and not errors, seen + errors)
    check("until SIGINT ends it", watching.returncode == -signal.SIGINT, watching.returncode)



def on_a_terminal(*arguments, rows=40, columns=200):
    return Terminal(unprivileged([stack.dir / "bin" / "orrery", "--db", stack.conninfo("dba"), *arguments, "--watch"]), rows, columns)


def ends(name, terminal):
    status = terminal.interrupt()
    check(f"{name}: Ctrl-C ends it, by the signal and without a word", status is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT
          and "".join(terminal.lines()).replace("^C", "").find("error") < 0 and not terminal.strange, f"{status}: {terminal.lines()} {terminal.strange}")


# Catches a frame below the one before, a rest of that one which stays, and one that goes on as it began.
columns = {"fleet": "fleet", "kind": "command", "server": "server_id"}
screens = {noun: on_a_terminal(noun, "list") for noun in columns}
narrow = on_a_terminal("fleet", "list", rows=6, columns=20)
for noun, terminal in screens.items():
    check(f"{noun} list --watch draws again and again", terminal.sees(lambda: terminal.clears >= 3 and len(terminal.lines()) > 1, 15), str(terminal.lines()))
    check(f"{noun} list --watch stays in its place", columns[noun] in terminal.screen[0].split() and sum(
        columns[noun] in line.split() for line in terminal.lines()) == 1, str(terminal.lines()))
stack.sql("select fleet_set('second', '{\"kind\":\"arena\",\"policy_args\":{\"size\":0}}')")
fleets = screens["fleet"]
check("what is new appears", fleets.sees(lambda: len(fleets.lines()) == 3, 5), str(fleets.lines()))
stack.sql("select fleet_drop('second')")
check("what is no more disappears", fleets.sees(lambda: len(fleets.lines()) == 2, 5), str(fleets.lines()))
drawn = narrow.clears
check("on a narrow terminal too it goes on", narrow.sees(lambda: narrow.clears >= drawn + 2 and len(narrow.lines()) > 1, 10)
      and "".join(narrow.lines()).count("waits_for") <= 1, str(narrow.lines()))
for noun, terminal in {**screens, "narrow fleet": narrow}.items():
    ends(f"{noun} list --watch", terminal)

# allocations and servers
taken = as_json("server", "allocate", "m1", "--fleet", "arenas", "--counter", "players=4")
check("server allocate takes one", taken["status"] == "ready" and set(taken["server"]["ports"]) == {"game", "query"}, taken)
check("asked again it is the same", as_json("server", "allocate", "m1", "--fleet", "arenas", "--counter", "players=4")["server"] == taken["server"])
said = orrery("server", "confirm", "m1")
check("confirm says where it is", f"m1 is confirmed: server {taken['server']['server_id']}, arena arenas-" in said and "(game)" in said, said)
check("the fleet shows it", as_json("fleet", "show", "arenas")["allocated"] == 1)
check("allocations are listed", [(row["request"], row["state"]) for row in as_json("server", "allocations")] == [("m1", "confirmed")])
shown = orrery("server", "show", str(taken["server"]["server_id"]))
check("server show says whose it is, and what it counts", re.search(r'^fleet +arenas$', shown, re.M) and re.search(r'^allocations +\["m1"\]$', shown, re.M)
      and re.search(r'^counters +.*"count": 4', shown, re.M), shown)
fails("none that has such room", "server", "allocate", "m2", "--counter", "players=400", says=["error: no server for m2", "hint: orrery fleet list"])
began = time.monotonic()
fails("nor within a second", "server", "allocate", "m3", "--counter", "players=400", "--wait", "1", says=["m3 waits: ", "error: no server for m3"])
check("which it waited", 0.8 < time.monotonic() - began < 10, f"{time.monotonic() - began:.1f} s")
fails("a key used for something else", "server", "allocate", "m1", "--kind", "arena", says=["error OR008: "])
fails("a counter without a number", "server", "allocate", "m4", "--counter", "players=x", says=["error: --counter 'players=x'"])
fails("an unknown request", "server", "confirm", "nope", says=["error OR001: "])
check("release gives it back", orrery("server", "release", "m1").startswith("m1 is released"))
fails("a key whose allocation is over, asked again", "server", "allocate", "m1", "--fleet", "arenas", "--counter", "players=4",
      says=["no server for m1", "m1 is released", "Another allocation needs another key."])
asked = as_json("server", "request", "arena", "mine", "--wait", "30")
check("server request --wait returns when it is ready", asked["state"] == "ready" and stack.row("arena", "mine")["state"] == "ready", asked)
check("server show has all of it", as_json("server", "show", str(asked["server_id"]))["key"] == "mine"
      and re.search(r"^state +ready$", orrery("server", "show", str(asked["server_id"])), re.M))
stack.sql("select server_kind_set('broken', '{\"command\":\"no-such-program\",\"start_attempts_max\":1}')")
fails("of one that fails it says so", "server", "request", "broken", "x", "--wait", "30", says=["is failed", "no-such-program"])
fails("server show of none", "server", "show", "99999999", says=["error OR001: "])
stopped = orrery("server", "stop", str(asked["server_id"]), "--wait", "30")
check("server stop --wait returns when it has stopped", "is stopped" in stopped and stack.row("arena", "mine")["state"] == "stopped", stopped)
orrery("fleet", "set", "arenas", "--wait", "60")
dropped = as_json("fleet", "drop", "arenas", "--wait", "30")
check("fleet drop --wait returns when its servers have stopped", dropped["servers_stopped"] == 3 and stack.count(
    "server", "kind = 'arena' and state <> 'stopped'") == 0, dropped)
stack.orrery("cluster", "shutdown", "0", "--wait")
finish()
