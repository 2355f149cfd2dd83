"""Row 7: server_request → READY → known to the requester, over a floor of bare fork + exec + bind of the same binary.

The requester is a database connection that asks server_request again each millisecond until it answers ready: at four
requests a second, which the bound on doorbells never delays, and back to back, where it does. The floor starts orrery-sessiond in the same environment, with a database that is not there, and waits until its public UDP port is
bound (it binds before it asks the database anything). Besides: what deciding alone costs, with 1, 10, 100 and 1,000 agents of 20 servers
each to choose from, none of them a process.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time

from fleet_heartbeat import exponent
from harness import Stack
from simulated import SimulatedAgent, big_stack

REQUESTS = 40
SERVERS_EACH = 20


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def bound(port_hex):
    with open("/proc/net/udp") as table:
        return any(line.split()[1].endswith(port_hex) for line in table.readlines()[1:])


def floor_run(stack, count):
    """Milliseconds from fork to bound, `count` times, one after another."""
    times = []
    with tempfile.TemporaryDirectory(prefix="orb.", dir="/tmp") as directory:
        os.chmod(directory, 0o777)
        for index in range(count):
            port = 30000 + index
            read, write = os.pipe()
            os.write(write, json.dumps({"conninfo": "host=/nonexistent", "token": "00"}).encode())
            os.close(write)
            environment = {
                "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ORRERY_CLUSTER": "bench", "ORRERY_KIND": "grid",
                "ORRERY_KEY": str(index), "ORRERY_SERVER_ID": str(index + 1), "ORRERY_EPOCH": "4294967297",
                "ORRERY_PUBLIC_BIND": f"127.73.9.1:{port}", "ORRERY_PUBLIC_ADVERTISE": f"127.73.9.1:{port}",
                "ORRERY_PRIVATE_BIND": f"127.73.9.2:{port}", "ORRERY_PRIVATE_ADVERTISE": f"127.73.9.2:{port}",
                "ORRERY_CREDENTIAL_FD": str(read), "ORRERY_AGENT_SOCKET": f"{directory}/a{index}",
                "ORRERY_SERVER_SOCKET": f"{directory}/s{index}", "NOTIFY_SOCKET": f"{directory}/n{index}"}
            port_hex = f":{port:04X}"
            begun = time.perf_counter()
            process = subprocess.Popen([stack.dir / "bin" / "orrery-sessiond", "--role", "zone"], env=environment,
                                       pass_fds=[read], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not bound(port_hex) and process.poll() is None:
                time.sleep(0.0002)
            if process.poll() is not None:
                raise RuntimeError(f"orrery-sessiond ended with {process.returncode} before it bound its port")
            times.append((time.perf_counter() - begun) * 1000)
            os.close(read)
            process.kill()
            process.wait()
    return times


def request_run(stack, kind, first, count, pause):
    """Milliseconds from server_request to knowing that it is ready, one after another, each for a key that never was."""
    times = []
    connection = stack.connect("dba")
    connection.autocommit = True
    with connection.cursor() as cursor:
        for index in range(first, first + count):
            begun = time.perf_counter()
            while True:
                cursor.execute("select server_request(%s, %s)::text", (kind, str(index)))
                if '"ready"' in cursor.fetchone()[0]:
                    break
                if time.perf_counter() - begun > 30:
                    raise RuntimeError("a requested server was not ready within 30 s")
                time.sleep(0.001)
            times.append((time.perf_counter() - begun) * 1000)
            time.sleep(pause)
        cursor.execute("select server_stop(server_id) from server_status where kind = %s", (kind,))
    connection.close()
    return times


def add_agents(stack, first, last):
    """Agents like the first, heard of just now, with their servers, as rows."""
    stack.owner("""
        with made as (
          insert into orrery.agent
          select (jsonb_populate_record(a, jsonb_build_object('agent_id', nextval(pg_get_serial_sequence('orrery.agent', 'agent_id')), 'name', 'x' || n))).*
          from orrery.agent a, generate_series(%s, %s) n where a.name = 'a0'
          returning agent_id
        ), heard as (
          insert into orrery.agent_heartbeat (agent_id, beat_at, cpu, memory_used_bytes) select m.agent_id, clock_timestamp(), 0.2, 1 << 30 from made m
        ), servers as (
          insert into orrery.server (cluster, kind, key, agent_id, epoch, state, rule, reason, state_at, requested_at, token_hash, on_isolation, cpu_millis, memory_bytes)
          select 'bench', 'room', m.agent_id || '.' || n, m.agent_id, 1, 'requested', 'bench', 'bench', now(), now(), '\\x00', 'hold', 1, 1 << 20
          from made m, generate_series(1, %s) n)
        select count(*) from made""", first, last, SERVERS_EACH)
    for state in ("starting", "ready"):
        stack.owner("update orrery.server set state = %s, rule = 'bench' where epoch = 1 and state <> 'ready' returning server_id", state)
    connection = stack.connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    connection.close()


def decision_curve():
    """[(agents, milliseconds of one server_request that places)]."""
    stack = big_stack(50)
    agent = SimulatedAgent(stack.conninfo("test_agent", stack.agent_password), 0, stack.cluster)
    stack.sql("select cluster_start(%s)", stack.cluster)
    stack.sql("""select server_kind_set('room', '{"command":"true","cpu_millis":1,"memory_bytes":1048576,"on_isolation":"hold"}', 'bench')""")
    connection, curve, there = stack.connect("dba"), [], 1
    connection.autocommit = True
    for agents in (1, 10, 100, 1000):
        if agents > there:
            add_agents(stack, there + 1, agents)
            there = agents
        times = []
        with connection.cursor() as cursor:
            for number in range(30):
                begun = time.perf_counter()
                cursor.execute("select server_request('room', %s) ->> 'state'", (f"{agents} {number}",))
                state = cursor.fetchone()[0]
                # else the tick held the cluster just then, and places it
                if state == "starting":
                    times.append((time.perf_counter() - begun) * 1000)
        if len(times) < 20:
            raise RuntimeError(f"with {agents} agents only {len(times)} of 30 servers were placed")
        # the first plan their statements anew
        curve.append((agents, statistics.median(times[10:])))
    connection.close()
    agent.connection.close()
    stack.close()
    return curve


def measure(runs):
    stack = Stack(cluster="bench", fsync=True)
    stack.start_agent("a1", "127.73.0.1", "127.73.1.1")
    if not stack.agents_up("a1") or not stack.start_cluster():
        raise RuntimeError("the bench cluster did not start")
    stack.sql("select server_kind_set('yard', %s)", json.dumps(
        {"role": "zone", "command": "orrery-sessiond", "args": ["--role", "zone"], "cpu_millis": 1, "memory_bytes": 1 << 20}))
    request_run(stack, "yard", 0, 3, 0)
    floors, paced, packed = [], [], []
    for run in range(runs):
        floors.append(floor_run(stack, REQUESTS))
        paced.append(request_run(stack, "yard", 2000 * (run + 1), REQUESTS, 0.25))
        packed.append(request_run(stack, "yard", 2000 * (run + 1) + 1000, REQUESTS, 0))
        time.sleep(1)
    stack.close()
    for what, runs_of in (("4 a second", paced), ("back to back", packed)):
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            floor = statistics.median(percentile(times, share) for times in floors)
            each = [percentile(times, share) for times in runs_of]
            value = statistics.median(each)
            judged = what == "4 a second" and name == "p99"
            yield {"figure": f"server_request → ready, known; {what}, {name}", "measured": f"{value:.1f} ms",
                   "floor": f"{floor:.1f} ms", "goal": f"≤ {floor + 25:.1f} ms" if judged else "-",
                   "spread": f"{min(each):.1f}..{max(each):.1f}",
                   "verdict": "-" if not judged else "met" if value <= floor + 25 else "short"}
    curve = decision_curve()
    for agents, milliseconds in curve:
        yield {"figure": f"  deciding alone, {agents} agents", "measured": f"{milliseconds:.1f} ms", "floor": "-", "goal": "-", "spread": "-", "verdict": "-"}
    yield {"figure": "  exponent of the cost, 1 to 1,000 agents", "measured": f"{exponent(curve):.2f}", "floor": "-", "goal": "-", "spread": "-", "verdict": "-"}
