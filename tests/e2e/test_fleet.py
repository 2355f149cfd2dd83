#!/usr/bin/python3
"""A game server that knows nothing of Orrery, Debian's teeworlds-server as it is: a fleet of three of it on two machines, one of them
allocated, reached by players at its public address, drained, replaced after kill -9 and by another version of its kind."""

import json
import os
import socket

from harness import Stack, check, finish, say, wait_until

TEEWORLDS = "/usr/games/teeworlds-server"


def info_of(host, port, timeout=2):
    """What a Teeworlds 0.7 server says of itself to whoever asks over UDP: name, map, game type, players. None: no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect((host, port))
        mine = os.urandom(4)
        try:
            # a control packet asks for the server's token, which what follows must bear
            client.send(b"\x04\x00\x00" + b"\xff" * 4 + b"\x05" + mine + bytes(508))
            theirs = client.recv(2048)[8:12]
            client.send(b"\x21" + theirs + mine + b"\xff\xff\xff\xffgie3\x01")
            answer = client.recv(2048)
        except OSError:
            return None
    if answer[9:17] != b"\xff\xff\xff\xffinf3":
        return None
    version, name, _, world, game_type = answer[18:].split(b"\0")[:5]
    return {"version": version.decode(), "name": name.decode(), "map": world.decode(), "type": game_type.decode()}


def servers(state="ready"):
    """What the fleet has, by key."""
    return {row["key"]: row for row in stack.owner(
        "select s.*, a.name as agent from orrery.server s left join orrery.agent a using (agent_id) where s.fleet = 'tees' and s.state = %s", state)}


def allocate(request, selector='{"fleet":"tees"}', wait_ms=0):
    return json.loads(stack.value("select server_allocate(%s, %s, %s)::text", request, selector, wait_ms))


def full(size, version=None):
    """The fleet has so many ready servers, and all answer at their public addresses."""
    def look():
        there = servers()
        return len(there) == size and (version is None or all(row["version"] == version for row in there.values())) and there
    return wait_until(f"{size} ready servers", look, 30) or {}


def answers(row):
    return (info_of(row["public_host"], row["public_port"]) or {}).get("name") == f"tee {row['key']}"


stack = Stack(settings={"start_backoff_ms": 300, "allocation_confirm_ms": 3000})
for name in ("a1", "a2"):
    stack.start_agent(name)
check("two agents are up", stack.agents_up("a1", "a2"))
check("the cluster starts", stack.start_cluster())

say("a fleet of three")
stack.sql("select server_kind_set('tee', %s)", json.dumps({
    "command": TEEWORLDS, "ports": [{"name": "game"}], "ready_by": "port", "stop_signal": "INT", "cpu_millis": 10, "stop_grace_ms": 3000,
    "args": ["bindaddr {host}", "sv_port {port:game}", "sv_register 0", "sv_name tee {key}"]}))
stack.sql("select fleet_set('tees', '{\"kind\":\"tee\",\"policy_args\":{\"size\":3}}')")
there = full(3)
check("three are ready", len(there) == 3, str(stack.sql("select * from fleet_status")))
check("on both machines", {row["agent"] for row in there.values()} == {"a1", "a2"}, str(there))
check("each answers players at its public address", all(answers(row) for row in there.values()))
check("fleet_status says so", [(row["size"], row["free"], row["waits_for"]) for row in stack.sql("select * from fleet_status")] == [(3, 3, None)])

say("one is allocated")
given = allocate("match-1")
key = given["server"]["key"]
check("one is given", given["status"] == "ready", str(given))
check("and reached where the answer says", (info_of(given["server"]["host"], given["server"]["ports"]["game"]) or {}).get("name") == f"tee {key}")
check("asked for again it is the same", allocate("match-1")["server"] == given["server"])
stack.sql("select allocation_confirm('match-1')")
others = [allocate(f"match-{n}") for n in (2, 3)]
check("the others go to others", len({key, *(other["server"]["key"] for other in others)}) == 3)
check("more there are not", allocate("match-4")["status"] == "none")
check("what nobody confirmed is taken back", wait_until("two free servers", lambda: stack.value("select free::int from fleet_status") == 2, 10))
check("and is the same as before", set(servers()) == set(there))

say("a machine is drained")
drained = there[key]["agent"]
stack.sql("select agent_drain(%s)", drained)
left = lambda: {row["key"]: row["agent"] for row in servers().values()}
check("what nobody has moves to the other", wait_until("the move", lambda: len(left()) == 3 and [k for k, a in left().items() if a == drained] == [key], 30), str(left()))
check("what somebody has stays", answers(servers()[key]))
stack.sql("select allocation_release('match-1')")
check("until it is given back", wait_until("the drain", lambda: len(left()) == 3 and drained not in left().values(), 30), str(left()))
stack.sql("select agent_resume(%s)", drained)

say("one is killed")
given = allocate("match-5")
victim = servers()[given["server"]["key"]]
stack.sql("select allocation_confirm('match-5')")
process = next(process for process in stack.alive() if process.pid == victim["pid"])
process.kill()
check("who had it is told", wait_until("the end", lambda: allocate("match-5")["status"] == "failed", 10), str(allocate("match-5")))
check("it says why", "killed by signal 9" in allocate("match-5")["reason"], allocate("match-5")["reason"])
there = full(3)
check("another takes its place", len(there) == 3 and all(answers(row) for row in there.values()), str(stack.sql("select * from fleet_status")))

say("who waits")
taken = [allocate(f"all-{n}") for n in range(3)]
check("all are taken", {answer["status"] for answer in taken} == {"ready"})
check("one more waits", allocate("late", wait_ms=20000)["status"] == "waiting")
stack.sql("select allocation_release('all-0', true)")
check("for one that is given back", wait_until("its turn", lambda: allocate("late", wait_ms=20000)["status"] == "ready", 10))
for request in ("late", "all-1", "all-2"):
    stack.sql("select allocation_release(%s, true)", request)

say("another version")
stack.sql("select server_kind_set('tee', %s)", json.dumps({"args": ["bindaddr {host}", "sv_port {port:game}", "sv_register 0", "sv_name tee {key}", "sv_map dm2"]}))
least = [3]


def replaced():
    there = servers()
    least[0] = min(least[0], len(there))
    return len(there) == 3 and all(row["version"] == 2 for row in there.values()) and there


there = wait_until("the replacement", replaced, 60) or {}
check("replaces all", len(there) == 3, str(stack.sql("select * from fleet_status")))
check("none was missing meanwhile", least[0] == 3, str(least[0]))
check("and says so itself", all((info_of(row["public_host"], row["public_port"]) or {}).get("map") == "dm2" for row in there.values()))

say("and back to none")
stack.sql("select fleet_set('tees', '{\"policy_args\":{\"size\":0}}')")
check("all stop", wait_until("none", lambda: not stack.owner("select 1 as n from orrery.server where fleet = 'tees' and state <> 'stopped'"), 30))
check("no process of them is left", not [process for process in stack.alive() if "teeworlds" in process.line])
check("nor a port in use", stack.owner("select count(*)::int as n from orrery.port where server_id is not null and name = 'game'")[0]["n"] == 0)
finish()
