"""Row 7: server_request → READY → known to the requester, over a floor of bare fork + exec + bind of the same binary.

The requester is a database connection that asks server_request again each millisecond until it answers ready: at four
requests a second, which the bound on doorbells never delays, and back to back, where it does. The floor starts orrery-sessiond in the same environment, with a database that is not there, and waits until its public UDP port is
bound (it binds before it asks the database anything).
"""

import json
import os
import statistics
import subprocess
import tempfile
import time

from harness import Stack

REQUESTS = 40


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
