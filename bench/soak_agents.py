#!/usr/bin/python3
"""1,000 simulated agents with 20 servers each, heartbeating once a second through the real functions while the real tick runs, 20
commands a second to random servers, and one server a second stopped and asked for again: does a table grow, does a heartbeat get
slower? Prints sizes, the share of HOT updates and the heartbeat's latency each minute; ends with a verdict as exit status.

Settled commands and stopped servers are purged after a minute here, and vacuum looks every 10 s and waits for a hundredth of a table's
rows only, so that tables reach the size that they keep: what grows then is what nobody clears away. The line through the sizes of the
last five minutes says by how much a minute; of `event`, which keeps its history, how many bytes an event takes.
"""

import argparse
import pathlib
import random
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e")]

from simulated import CommandFlow, Connection, CpuMeter, big_stack, make_fleet, percentile  # noqa: E402

TABLES = ("agent_heartbeat", "agent", "server", "command", "port", "placement", "event")
WARM_UP = 3          # minutes until purging and vacuum have found their pace
GROWTH_MAX = 1.25    # of heap and indexes after that, for every table but event
SLOPE_MINUTES = 5    # the last ones
SLOPE_MAX = 0.01     # of a table's heap and indexes, a minute
SLOPE_BYTES = 32768  # a minute, and besides: a page in each of four files
EVENT_BYTES_MAX = 600  # of heap and indexes, an event
HOT_MIN = 0.95       # of the updates of agent_heartbeat
SLOWER_MAX = 2.0     # median latency of the last minute against the best after warming up
LATE_S_MAX = 1.0     # p99: a heartbeat answered later than the next is due

SIZES = """
select c.relname as name, sum(pg_relation_size(k.oid))::bigint as heap, sum(pg_indexes_size(k.oid))::bigint as indexes,
  sum(s.n_tup_upd)::bigint as updates, sum(s.n_tup_hot_upd)::bigint as hot, sum(s.n_dead_tup)::bigint as dead, sum(s.n_live_tup)::bigint as live
from pg_class c
join lateral (select c.oid union all select i.inhrelid from pg_inherits i where i.inhparent = c.oid) k on true
left join pg_stat_user_tables s on s.relid = k.oid
where c.relnamespace = 'orrery'::regnamespace and c.relname = any (%s)
group by c.relname"""


def slope(values):
    """How much the least squares line through `values` rises from one to the next."""
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    return sum((n - middle) * (value - mean) for n, value in enumerate(values)) / sum((n - middle) ** 2 for n in range(len(values)))


class Churn:
    """Once a second a server is stopped and, when it is gone, asked for again: what is placed, started and stopped leaves rows behind."""

    def __init__(self, stack, flow, rng):
        self.connection = Connection(f"host={stack.dir / 's'} dbname=orrery user=postgres options='-c client_min_messages=error'")
        self.flow, self.rng, self.next, self.again = flow, rng, time.monotonic(), []
        self.stopped = self.requested = 0

    def __call__(self, now):
        wanted = self.flow(now)
        if self.connection.busy:
            self.connection.receive()
        elif now >= self.next and self.again and self.again[0][0] <= now:
            self.connection.send(b"select orrery.server_request('room', $1, 'bench')", self.again.pop(0)[1])
            self.requested += 1
        elif now >= self.next:
            server, key = self.rng.choice(self.flow.keys)
            self.connection.send(b"select orrery.server_stop($1::bigint) from orrery.server where server_id = $1::bigint and state = 'ready'", server)
            self.again.append((now + 3, key))
            self.stopped += 1
            self.next = now + 1
        return min(wanted, now + 0.01)


def minute(stack, fleet, churn, meter):
    """A minute of it: latencies, CPU share, sizes by table."""
    before, begun = dict(meter.sample().used), time.monotonic()
    times = fleet.run(60, alongside=churn)["heartbeat"]
    cpu = sum(meter.since(before).values()) / (time.monotonic() - begun)
    sizes = {row["name"]: row for row in stack.owner(SIZES, list(TABLES))}
    sizes["event"]["rows"] = stack.count("event")
    return times, cpu, sizes


def judged(stack):
    """How many agents are up, and how often one was judged lost."""
    row = stack.owner("select (select count(*)::int from orrery.agent where state = 'up') as up, "
                      "(select count(*)::int from orrery.event where noun = 'agent' and to_state = 'lost') as lost")[0]
    return row["up"], row["lost"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--servers-each", type=int, default=20)
    arguments = parser.parse_args()
    minutes = max(arguments.minutes, WARM_UP + SLOPE_MINUTES)
    stack = big_stack(arguments.agents, lease_ms=15000, ended_kept_s=60)
    for setting in ("autovacuum_naptime = '10s'", "autovacuum_vacuum_scale_factor = 0.01"):
        connection = stack.connect()
        connection.autocommit = True
        connection.cursor().execute(f"alter system set {setting}")
        connection.cursor().execute("select pg_reload_conf()")
        connection.close()
    meter = CpuMeter(stack.postmaster_pid())
    fleet = make_fleet(stack, arguments.agents, arguments.servers_each)
    # while a thousand are made, one after another, the first are silent for longer than a lease, and come back
    up, lost_before = judged(stack)
    if up != arguments.agents:
        raise RuntimeError(f"{up} of {arguments.agents} agents are up")
    flow = CommandFlow(stack, 20, random.Random(1))
    flow.keys = [(row["server_id"], row["key"]) for row in stack.owner("select server_id, key from orrery.server where kind = 'room'")]
    churn = Churn(stack, flow, random.Random(2))
    print(f"{'min':>3}  {'p50 ms':>7} {'p99 ms':>7} {'CPU %':>6} {'HOT %':>6}  " + "  ".join(f"{name + ' kB':>22}" for name in TABLES)
          + "   (heap + indexes)", flush=True)
    history = []
    for number in range(1, minutes + 1):
        times, cpu, sizes = minute(stack, fleet, churn, meter)
        heartbeat = sizes["agent_heartbeat"]
        previous = history[-1][2]["agent_heartbeat"] if history else {"updates": 0, "hot": 0}
        hot = (heartbeat["hot"] - previous["hot"]) / max(heartbeat["updates"] - previous["updates"], 1)
        history.append((percentile(times, 0.5), percentile(times, 0.99), sizes, hot, len(times)))
        print(f"{number:>3}  {history[-1][0] * 1000:>7.1f} {history[-1][1] * 1000:>7.1f} {cpu * 100:>6.1f} {hot * 100:>6.1f}  " + "  ".join(
            f"{sizes[name]['heap'] // 1024:>13,} + {sizes[name]['indexes'] // 1024:>6,}" for name in TABLES), flush=True)
    up, lost = judged(stack)
    lost -= lost_before
    ready = stack.owner("select count(*)::int as n from orrery.server where kind = 'room' and state = 'ready'")[0]["n"]
    flow.close()
    fleet.close()
    stack.close()

    faults = []
    for name in TABLES:
        if name != "event":
            base = max(history[minute_][2][name]["heap"] + history[minute_][2][name]["indexes"] for minute_ in range(WARM_UP))
            last = history[-1][2][name]["heap"] + history[-1][2][name]["indexes"]
            if last > base * GROWTH_MAX + 65536:
                faults.append(f"{name} grew from {base // 1024} to {last // 1024} kB")
    print(f"the last {SLOPE_MINUTES} minutes, a minute:")
    for name in TABLES:
        if name != "event":
            totals = [row[2][name]["heap"] + row[2][name]["indexes"] for row in history[-SLOPE_MINUTES:]]
            rises, may = slope(totals), SLOPE_MAX * totals[0] + SLOPE_BYTES
            print(f"  {name:<16} {rises / 1024:>+9.1f} kB, {rises / totals[0] * 100 if totals[0] else 0:>+6.2f} % of {totals[0] // 1024:,} kB; "
                  f"at most {may / 1024:.1f} kB")
            if rises > may:
                faults.append(f"{name} grows by {rises / 1024:.1f} kB a minute")
    event = [row[2]["event"] for row in history]
    written = event[-1]["rows"] - event[-1 - SLOPE_MINUTES]["rows"]
    event_bytes = sum(event[-1][part] - event[-1 - SLOPE_MINUTES][part] for part in ("heap", "indexes")) / max(written, 1)
    print(f"  {'event':<16} {written / SLOPE_MINUTES:>+9.0f} events of {event_bytes:.0f} bytes with their indexes; at most {EVENT_BYTES_MAX}")
    if not 0 < event_bytes <= EVENT_BYTES_MAX:
        faults.append(f"an event takes {event_bytes:.0f} bytes")
    if history[-1][3] < HOT_MIN:
        faults.append(f"{history[-1][3] * 100:.1f} % of the heartbeats' updates are HOT")
    best = min(row[0] for row in history[WARM_UP - 1:])
    if history[-1][0] > best * SLOWER_MAX:
        faults.append(f"the median heartbeat took {history[-1][0] * 1000:.1f} ms at last, {best * 1000:.1f} at best")
    faults += [f"minute {n + 1}: p99 {row[1] * 1000:.0f} ms" for n, row in enumerate(history[WARM_UP:], WARM_UP) if row[1] > LATE_S_MAX]
    if up != arguments.agents or lost:
        faults.append(f"{up} agents are up, {lost} were judged lost")
    wanted = arguments.agents * arguments.servers_each
    if ready < wanted - 10:
        faults.append(f"{ready} of {wanted} servers are ready")
    print(f"{flow.sent} commands, {churn.stopped} servers stopped, {churn.requested} asked for again; {up} agents up, {ready} servers ready")
    print("not ok - " + "; ".join(faults) if faults else
          f"ok - {arguments.agents} agents × {arguments.servers_each} servers for {minutes} minutes: no table grew, heartbeats are steady")
    sys.exit(1 if faults else 0)


main()
