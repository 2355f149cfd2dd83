"""Row 11: 1,000 simulated agents on 1,000 connections that heartbeat once a second with 20 servers each, 20 commands a second
flowing: CPU of all of PostgreSQL's processes. The floor: an empty call 1,000 times a second on the same connections, CPU of those
backends alone. Printed as well: the same CPU while the commands' statements are new to the backends, which plan them anew; with 1, 10
and 100 agents; what the tick costs, and what it writes when nothing happens.
"""

import math
import random
import statistics
import time

from simulated import CommandFlow, CpuMeter, big_stack, make_fleet, percentile

AGENTS, SERVERS_EACH, COMMANDS_PER_S, WINDOW_S = 1000, 20, 20, 8


def cpu_of(meter, run):
    """What `run` returns, and the CPU seconds a second by kind of process while it ran."""
    before, begun = dict(meter.sample().used), time.monotonic()
    result = run()
    seconds = time.monotonic() - begun
    return result, {kind: used / seconds for kind, used in meter.since(before).items()}


def idle_tick(stack, meter, seconds):
    """Share of a core of the tick, and WAL bytes a second, while nothing happens."""
    used, wal = {"tick": 0.0}, "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes"
    before_wal = stack.owner(wal)[0]["bytes"]
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        before = dict(meter.sample().used)
        time.sleep(1)
        used["tick"] += meter.since(before)["tick"]
    elapsed = time.monotonic() - begun
    return used["tick"] / elapsed, float(stack.owner(wal)[0]["bytes"] - before_wal) / elapsed


def exponent(points):
    """Slope of the least squares line through the logarithms: 1 is a cost that grows as the count does."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(max(y, 1e-9)) for _, y in points]
    mean_x, mean_y = statistics.mean(xs), statistics.mean(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / sum((x - mean_x) ** 2 for x in xs)


def measure(runs):
    stack = big_stack(AGENTS)
    meter = CpuMeter(stack.postmaster_pid())
    empty_tick, empty_wal = idle_tick(stack, meter, 10)
    fleet = make_fleet(stack, AGENTS, SERVERS_EACH)
    flow = CommandFlow(stack, COMMANDS_PER_S, random.Random(11))
    _, cold_floor = cpu_of(meter, lambda: fleet.run(WINDOW_S, call="empty"))
    _, cold = cpu_of(meter, lambda: fleet.run(WINDOW_S, alongside=flow))
    CommandFlow.warm(stack, fleet)
    totals, floors, ratios, times = [], [], [], []
    for _ in range(runs):
        _, floor = cpu_of(meter, lambda: fleet.run(WINDOW_S, call="empty"))
        fleet.run(1.5)
        got, used = cpu_of(meter, lambda: fleet.run(WINDOW_S, alongside=flow))
        times += got["heartbeat"]
        floors.append(floor["agents"])
        totals.append(sum(used.values()))
        ratios.append(totals[-1] / floors[-1])
        parts = used
    curve, floor_curve = [], []
    for count in (1, 10, 100, AGENTS):
        _, floor = cpu_of(meter, lambda n=count: fleet.run(WINDOW_S / 2, active=n, call="empty"))
        _, used = cpu_of(meter, lambda n=count: fleet.run(WINDOW_S / 2, active=n))
        curve.append((count, used["agents"]))
        floor_curve.append((count, floor["agents"]))
    full_tick, full_wal = idle_tick(stack, meter, 10)
    flow.close()
    fleet.close()
    stack.close()
    total, floor, ratio = statistics.median(totals), statistics.median(floors), statistics.median(ratios)
    yield {"figure": f"{AGENTS} agents × {SERVERS_EACH} servers: PostgreSQL's CPU", "measured": f"{total * 100:.1f} % of a core",
           "floor": f"{floor * 100:.1f} % of a core", "goal": "≤ 2 × floor, ≤ 25 %",
           "spread": f"{min(totals) * 100:.1f}..{max(totals) * 100:.1f} %",
           "verdict": "met" if ratio <= 2 and total <= 0.25 else f"short: {ratio:.2f} × floor"}
    cold_total, cold_ratio = sum(cold.values()), sum(cold.values()) / cold_floor["agents"]
    yield {"figure": "  CPU when commands are new to connections, one run", "measured": f"{cold_total * 100:.1f} % of a core",
           "floor": f"{cold_floor['agents'] * 100:.1f} % of a core", "goal": "≤ 2 × floor, ≤ 25 %", "spread": "-",
           "verdict": "met" if cold_ratio <= 2 and cold_total <= 0.25 else f"short: {cold_ratio:.2f} × floor"}
    yield {"figure": "  of the first line agents, tick, other (last run)", "floor": "-", "goal": "-", "spread": f"{min(ratios):.2f}..{max(ratios):.2f} ×",
           "measured": f"{parts['agents'] * 100:.1f}, {parts['tick'] * 100:.1f}, {parts['other'] * 100:.1f} %", "verdict": "-"}
    yield {"figure": "  heartbeat sent → answered, p50 / p99", "floor": "-", "goal": "-", "spread": "-",
           "measured": f"{percentile(times, 0.5) * 1000:.1f} / {percentile(times, 0.99) * 1000:.1f} ms", "verdict": "-"}
    for (count, used), (_, bare) in zip(curve, floor_curve):
        yield {"figure": f"  agents' backends, {count} agents: CPU a heartbeat", "measured": f"{used / count * 1e6:.0f} µs",
               "floor": f"{bare / count * 1e6:.0f} µs", "goal": "-", "spread": "-", "verdict": "-"}
    yield {"figure": "  exponent of the cost, 1 to 1,000 agents", "measured": f"{exponent(curve):.2f}",
           "floor": f"{exponent(floor_curve):.2f}", "goal": "-", "spread": "-", "verdict": "-"}
    for what, tick, wal in (("nothing installed but a cluster", empty_tick, empty_wal),
                            (f"{AGENTS * SERVERS_EACH} servers ready", full_tick, full_wal)):
        yield {"figure": f"  idle tick, {what}", "measured": f"{tick * 100:.2f} % of a core", "floor": "-", "goal": "≤ 2 %",
               "spread": f"WAL {wal:.0f} B/s", "verdict": "met" if tick <= 0.02 else "short"}
