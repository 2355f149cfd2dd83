#!/usr/bin/python3
"""A fleet of a trivial kind on simulated agents scales 0 → 2,000 → 0 while the real tick runs: how many servers become ready, and are
gone, a second. Prints each second of it and what PostgreSQL spent; ends with a verdict as exit status: every server was started once
and stopped once, no port was held twice, and nothing is left.
"""

import argparse
import collections
import pathlib
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e")]

from simulated import CpuMeter, Fleet, SimulatedAgent, big_stack  # noqa: E402

LIMIT_S = 180

COUNTS = """
select count(*) filter (where s.state = 'ready')::int as ready,
  count(*) filter (where s.state not in ('stopped', 'failed'))::int as there
from orrery.server s where s.fleet = 'crowd'"""

# Each agent's ports in use, against its servers: of two that hold one, one has none.
PORTS = """
select count(*)::int as wrong from orrery.server s
where s.fleet = 'crowd' and s.state in ('starting', 'ready', 'stopping')
  and (select count(*) from orrery.port p where p.server_id = s.server_id and p.agent_id = s.agent_id) <> 1"""


def scale(stack, agents, meter, size, done, count):
    """Sets the fleet's size and waits until done(counts). Seconds, and how many changed in each second."""
    before, begun = dict(meter.sample().used), time.monotonic()
    first = stack.owner(COUNTS)[0]
    history, counts = [], first
    stack.sql("select fleet_set('crowd', jsonb_build_object('policy_args', jsonb_build_object('size', %s::int)), 'bench')", size)

    def look(now):
        nonlocal counts
        counts = stack.owner(COUNTS)[0]
        history.append((now - begun, abs(count(counts) - count(first))))
        return None if done(counts) else now + 0.2

    agents.run(LIMIT_S, alongside=look)
    took = time.monotonic() - begun
    if not done(counts):
        raise RuntimeError(f"after {took:.0f} s there are {counts}")
    seconds = collections.Counter()
    for (_, earlier), (at, later) in zip(history, history[1:]):
        seconds[int(at)] += later - earlier
    cpu = meter.since(before)
    changed = abs(count(counts) - count(first))
    print(f"{count(first)} → {count(counts)} in {took:.1f} s: {changed / took:.0f} a second, {max(seconds.values())} in the best one; "
          f"PostgreSQL used {sum(cpu.values()) * 1000 / changed:.2f} ms a server ({', '.join(f'{kind} {used:.1f} s' for kind, used in cpu.items())})")
    print("  a second: " + " ".join(str(seconds[n]) for n in range(int(took) + 1)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=2000)
    parser.add_argument("--agents", type=int, default=20)
    arguments = parser.parse_args()
    stack = big_stack(arguments.agents)
    agents = Fleet([SimulatedAgent(stack.conninfo("test_agent", stack.agent_password), index, stack.cluster) for index in range(arguments.agents)])
    started, stopped = collections.Counter(), collections.Counter()
    for agent in agents.agents:
        agent.on_start = lambda _, command: started.update([(command["server_id"], command["epoch"])])
        agent.on_stop = lambda _, command: stopped.update([(command["server_id"], command["epoch"])])
    agents.run(1.2)
    stack.sql("select cluster_start(%s)", stack.cluster)
    agents.run(10, alongside=lambda now: now + 0.1 if stack.cluster_state() != "running" else None)
    stack.sql("""select server_kind_set('crowd', '{"command":"true","cpu_millis":1,"memory_bytes":1048576,"ports":[{"name":"game","protocol":"udp"}]}', 'bench')""")
    stack.sql("""select fleet_set('crowd', '{"kind":"crowd","policy_args":{"size":0},"size_max":100000,"cooldown_ms":0}', 'bench')""")
    others = sum(started.values())
    meter = CpuMeter(stack.postmaster_pid())
    scale(stack, agents, meter, arguments.servers, lambda c: c["ready"] == arguments.servers, lambda c: c["ready"])
    wrong = stack.owner(PORTS)[0]["wrong"]
    running = sum(len(agent.servers) for agent in agents.agents)
    on_each = stack.owner("select min(n)::int as least, max(n)::int as most from (select count(*) as n from orrery.server where fleet = 'crowd' and state = 'ready' group by agent_id) c")[0]
    scale(stack, agents, meter, 0, lambda c: c["there"] == 0, lambda c: c["there"])
    left = sum(len(agent.servers) for agent in agents.agents)
    ports = stack.owner("select count(*)::int as n from orrery.port p join orrery.server s on s.server_id = p.server_id where s.fleet = 'crowd'")[0]["n"]
    agents.close()
    stack.close()

    twice = [ref for ref, times in started.items() if times > 1]
    faults = [fault for fault, is_so in (
        (f"{len(twice)} were started twice", twice), (f"{sum(started.values()) - others} were started", sum(started.values()) - others != arguments.servers),
        (f"{sum(stopped.values())} were stopped", sum(stopped.values()) != arguments.servers), (f"{wrong} had not the one port they should", wrong),
        (f"{ports} ports are held", ports), (f"of {running} on the agents {left} are left", running - left != arguments.servers)) if is_so]
    print(f"{arguments.agents} agents had {on_each['least']} to {on_each['most']} of them each")
    print("not ok - " + "; ".join(faults) if faults else f"ok - {arguments.servers} servers were each started once and stopped once; no port was held twice")
    sys.exit(1 if faults else 0)


main()
