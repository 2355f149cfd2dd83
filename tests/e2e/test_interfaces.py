#!/usr/bin/python3
"""Two agents in network namespaces of their own, each with a public and a private interface: nothing private answers publicly.

Rootless: the namespaces belong to a user namespace of the unprivileged user that everything runs as.
"""

import json
import shutil
import subprocess

from harness import ROOT, Stack, check, finish, say, unprivileged, wait_until

BOTS = 20

stack = Stack()
for script in ("lab.sh", "probe.py"):
    shutil.copy(ROOT / "tests" / "e2e" / script, stack.dir / script)
lab = subprocess.Popen(
    unprivileged(["unshare", "--user", "--map-root-user", "--net", "--fork", "--kill-child", "bash", stack.dir / "lab.sh"]),
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
stack.at_stop.append(lambda: (lab.stdin.close(), lab.wait(10)))
hosts = {}
for line in lab.stdout:
    if line.strip() == "ready":
        break
    name, pid = line.split()
    hosts[name] = int(pid)
check("namespaces a1, a2 and client exist", set(hosts) == {"a1", "a2", "client"}, str(hosts))


def within(name, user=None):
    """Wraps a command so that it runs in the namespace `name`, as its root or as `user`."""
    become = ["unshare", "--user", f"--map-user={user}", "--"] if user else []
    return lambda argv: unprivileged(["nsenter", "--target", hosts[name], "--user", "--net", "--preserve-credentials", "--",
                                      *become, *argv])


def run_within(name, *argv):
    return subprocess.run(within(name)(list(map(str, argv))), capture_output=True, text=True, cwd="/", timeout=120)


agents = {}
for number in (1, 2):
    agents[f"a{number}"] = stack.start_agent(f"a{number}", f"192.0.2.1{number}", f"10.77.0.1{number}", wrap=within(f"a{number}", user=1000))
check("both agents are up, each in its namespace", stack.agents_up("a1", "a2"))
check("the cluster starts", stack.start_cluster())
places = [(row["kind"], row["key"]) for row in
          stack.owner("select kind, key from space.place where cluster = %s order by kind desc, key", stack.cluster)][:6]
stack.accounts("bot", BOTS, places)
bots = stack.start_bots("bots", BOTS, "--ramp", "20", "--for", "0", wrap=within("client"))
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
answers = json.loads(run_within("client", "/usr/bin/python3", stack.dir / "probe.py", *targets).stdout or "{}")
check("no private port answers on a public address", len(answers) == len(targets) and
      not any(count["hello"] + count["other"] for count in answers.values()), str(answers))
for agent, public in public_of.items():
    private = {"a1": "10.77.0.11", "a2": "10.77.0.12"}[agent]
    routed = run_within("client", "ip", "route", "replace", f"{private}/32", "via", public)
    check(f"the client has a route to {private}", routed.returncode == 0, routed.stderr)
targets = [f"{private}:{port}" for _, private, port in sorted(private_ports)]
answers = json.loads(run_within("client", "/usr/bin/python3", stack.dir / "probe.py", *targets).stdout or "{}")
check("no private address answers to the public side", len(answers) == len(targets) and
      not any(count["hello"] + count["other"] for count in answers.values()), str(answers))
login = next(server for server in servers if server["kind"] == "login")
answers = json.loads(run_within("client", "/usr/bin/python3", stack.dir / "probe.py",
                                f"{login['public_host']}:{login['public_port']}").stdout or "{}")
check("the public login port answers Hello, and nothing else", [
    (count["hello"], count["other"]) for count in answers.values()] == [(1, 0)], str(answers))
for agent, pid in hosts.items():
    if agent == "client":
        continue
    bound = run_within(agent, "ss", "-Huln").stdout
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
