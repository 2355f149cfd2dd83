#!/usr/bin/python3
"""Two agents in network namespaces of their own, each with a public and a private interface: nothing private answers publicly.

Rootless: the namespaces belong to a user namespace of the unprivileged user that everything runs as.
"""

import json
import shutil

from harness import ROOT, Stack, check, finish, say, wait_until
from lab import Lab

BOTS = 20

stack = Stack()
shutil.copy(ROOT / "tests" / "e2e" / "probe.py", stack.dir / "probe.py")
lab = Lab(stack, *(f"a{number} pub public0 192.0.2.1{number}/24 priv private0 10.77.0.1{number}/24" for number in (1, 2)),
          "client pub public0 192.0.2.100/24")
check("namespaces a1, a2 and client exist", {"a1", "a2", "client"} <= set(lab.pids), str(lab.pids))

agents = {}
for number in (1, 2):
    agents[f"a{number}"] = stack.start_agent(f"a{number}", f"192.0.2.1{number}", f"10.77.0.1{number}", wrap=lab.within(f"a{number}", user=1000))
check("both agents are up, each in its namespace", stack.agents_up("a1", "a2"))
check("the cluster starts", stack.start_cluster())
places = [(row["kind"], row["key"]) for row in
          stack.owner("select kind, key from space.place where cluster = %s order by kind desc, key", stack.cluster)][:6]
stack.accounts("bot", BOTS, places)
bots = stack.start_bots("bots", BOTS, "--ramp", "20", "--for", "0", wrap=lab.within("client"))
check(f"{BOTS} bots play over the public side", wait_until("all to play", lambda: stack.value(
    "select count(*)::int from session_status where state = 'playing'") == BOTS, 60))
check("each is attached to chat", wait_until("all to attach", lambda: len(
    bots.bots_with(event="entered", role="chat")) == BOTS, 20))

say("sessions were handed over the private side, between machines")
servers = stack.owner("select s.server_id, s.kind, a.name as agent, s.public_host, s.public_port, s.private_host, s.private_port "
                      "from orrery.server s join orrery.agent a using (agent_id) where s.state = 'ready'")
check("servers stand on both machines", {server["agent"] for server in servers} == {"a1", "a2"}, str(servers))

say("probing from the client's side, with a route to the private network through each machine")
private_ports = {(row["name"], row["private_address"], row["private_port"]) for row in
                 stack.owner("select name, private_address, private_port from orrery.agent")}
private_ports |= {(server["agent"], server["private_host"], server["private_port"]) for server in servers}
public_of = {"a1": "192.0.2.11", "a2": "192.0.2.12"}
targets = [f"{public_of[agent]}:{port}" for agent, _, port in sorted(private_ports)]
answers = json.loads(lab.run("client", "/usr/bin/python3", stack.dir / "probe.py", *targets).stdout or "{}")
check("no private port answers on a public address", len(answers) == len(targets) and
      not any(count["hello"] + count["other"] for count in answers.values()), str(answers))
for agent, public in public_of.items():
    private = {"a1": "10.77.0.11", "a2": "10.77.0.12"}[agent]
    routed = lab.run("client", "ip", "route", "replace", f"{private}/32", "via", public)
    check(f"the client has a route to {private}", routed.returncode == 0, routed.stderr)
targets = [f"{private}:{port}" for _, private, port in sorted(private_ports)]
answers = json.loads(lab.run("client", "/usr/bin/python3", stack.dir / "probe.py", *targets).stdout or "{}")
check("no private address answers to the public side", len(answers) == len(targets) and
      not any(count["hello"] + count["other"] for count in answers.values()), str(answers))
login = next(server for server in servers if server["kind"] == "login")
answers = json.loads(lab.run("client", "/usr/bin/python3", stack.dir / "probe.py",
                                f"{login['public_host']}:{login['public_port']}").stdout or "{}")
check("the public login port answers Hello, and nothing else", [
    (count["hello"], count["other"]) for count in answers.values()] == [(1, 0)], str(answers))
for agent in public_of:
    bound = lab.run(agent, "ss", "-Huln").stdout
    public = {line.split()[3] for line in bound.splitlines() if line.split()[3].startswith(public_of[agent])}
    expected = {f"{server['public_host']}:{server['public_port']}" for server in servers if server["agent"] == agent}
    check(f"{agent} has bound on its public address just the public ports of its servers", public == expected,
          f"{public} != {expected}")
    check(f"{agent} has bound nothing on any address", not any(line.split()[3].startswith(("0.0.0.0:", "*:", "[::]:"))
                                                               for line in bound.splitlines()), bound)
check("the probes disturbed nobody", stack.value("select count(*)::int from session_status where state = 'playing'") == BOTS)

say("shutdown over both interfaces")
stack.sql("select cluster_shutdown(2)")
check("every bot is logged out by the shutdown", wait_until("log-outs", lambda: len(
    bots.bots_with(event="logged_out", reason="shutdown")) == BOTS, 20))
check("the cluster stops", wait_until("the end", lambda: stack.cluster_state() == "stopped", 30))
finish()
