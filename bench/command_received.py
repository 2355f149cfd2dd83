"""Row 8: a command is committed → its agent has received it, by doorbell and heartbeat. A simulated agent that listens makes the calls;
the time runs from the sending of the statement that adds the command until the heartbeat's answer is read. The floor: a bare
pg_notify there and another back, on the same two connections. At four commands a second, which the bound on doorbells never
delays; at twenty, and back to back, where it does.
"""

import select
import statistics
import time

from simulated import Connection, Fleet, SimulatedAgent, big_stack, percentile

COUNT = 60
ADD = b"select orrery.command_add($1::bigint, 'tell', '{\"tell\":\"sync\"}', 'bench')"


def floor_run(sender, agent, pause):
    """Seconds there and back."""
    times = []
    for number in range(COUNT):
        begun = time.perf_counter()
        sender.send(b"select pg_notify('orrery_doorbell', '0')")
        back = False
        while not back:
            ready, _, _ = select.select([sender.fd, agent.connection.fd], [], [])
            if agent.connection.fd in ready:
                agent.connection.receive()
                if agent.connection.notifications():
                    agent.connection.send(b"select pg_notify('bench_back', $1)", number)
            if sender.fd in ready:
                sender.receive()
                back = bool(sender.notifications())
        times.append(time.perf_counter() - begun)
        while sender.busy or agent.connection.busy:
            for connection in (sender, agent.connection):
                if connection.busy and select.select([connection.fd], [], [], 0.01)[0]:
                    connection.receive()
        time.sleep(pause)
    return times


def command_run(sender, fleet, server, pause):
    """Seconds from the sending of a command until its agent has it. The agent heartbeats once a second besides."""
    agent, times = fleet.agents[0], []
    state = {"sent": None, "next": time.perf_counter(), "received": agent.received}

    def turn(now):
        if sender.busy and select.select([sender.fd], [], [], 0)[0]:
            done, command_id = sender.receive()
            if done and command_id is None:
                # its server was being changed just then: whoever tells is to tell again
                state["sent"] = None
        if state["sent"] and agent.received > state["received"]:
            times.append(agent.received_at - state["sent"])
            state.update(sent=None, received=agent.received, next=max(state["next"] + pause, time.perf_counter()))
        if len(times) == COUNT and not sender.busy:
            return None
        if not state["sent"] and not sender.busy and len(times) < COUNT and time.perf_counter() >= state["next"]:
            state["sent"] = time.perf_counter()
            sender.send(ADD, server)
        return now + 0.0002

    fleet.run(120, alongside=turn)
    return times


def measure(runs):
    stack = big_stack(50)
    agent = SimulatedAgent(stack.conninfo("test_agent", stack.agent_password), 0, stack.cluster)
    fleet = Fleet([agent])
    stack.sql("select cluster_start(%s)", stack.cluster)
    fleet.run(10, alongside=lambda now: now + 0.1 if stack.cluster_state() != "running" else None)
    server = stack.owner("select min(server_id) as id from orrery.server where state = 'ready'")[0]["id"]
    tick_s = float(stack.value("select value from setting_status where name = 'tick_ms'")) / 1000
    sender = Connection(f"host={stack.dir / 's'} dbname=orrery user=postgres options='-c client_min_messages=error'")
    sender.call(b"listen bench_back")
    rates = (("4 a second", 0.25), ("20 a second", 0.05), ("back to back", 0))
    floors, times = {what: [] for what, _ in rates}, {what: [] for what, _ in rates}
    for _ in range(runs):
        for what, pause in rates:
            floors[what].append(floor_run(sender, agent, pause))
            times[what].append(command_run(sender, fleet, server, pause))
    sender.close()
    fleet.close()
    stack.close()
    for what, _ in rates:
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            floor = statistics.median(percentile(run, share) for run in floors[what])
            each = [percentile(run, share) for run in times[what]]
            value, goal = statistics.median(each), 2 * floor + tick_s
            judged = what == "4 a second" and name == "p99"
            yield {"figure": f"command committed → received; {what}, {name}", "measured": f"{value * 1000:.1f} ms",
                   "floor": f"{floor * 1000:.1f} ms", "goal": f"≤ {goal * 1000:.1f} ms" if judged else "-",
                   "spread": f"{min(each) * 1000:.1f}..{max(each) * 1000:.1f}",
                   "verdict": "-" if not judged else "met" if value <= goal else "short"}
