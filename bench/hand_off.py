"""Row 5: the gap that a player sees when his session is handed from one zone to another, with 1,000 sessions that travel: from the last
snapshot of the one place to the first of the other, less the tick that lies between two snapshots anyway. Real clients, zones and
PostgreSQL with fsync on. Floor, while they play: a round trip over loopback plus one durable commit.
"""

import signal
import socket
import statistics
import threading
import time

from harness import Stack, wait_until
from simulated import CpuMeter

SESSIONS, PLACES, TRAVEL_EVERY_S, SECONDS = 1_000, 8, 10, 20
GOAL_P99_MS = 50


class Floor(threading.Thread):
    """Round trips and commits, fifty a second, until it is stopped; their sums in ms."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.sums, self.stopped = [], threading.Event()
        self.connection = stack.connect()
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute("create table if not exists public.bench_floor(n int)")
        self.near, self.far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for end in (self.near, self.far):
            end.bind(("127.0.0.1", 0))

    def run(self):
        while not self.stopped.wait(0.02):
            began = time.perf_counter()
            self.near.sendto(b"there", self.far.getsockname())
            self.far.sendto(self.far.recv(16), self.near.getsockname())
            self.near.recv(16)
            self.cursor.execute("insert into public.bench_floor values (1)")
            self.sums.append((time.perf_counter() - began) * 1000)

    def stop(self):
        self.stopped.set()
        self.join()
        self.connection.close()
        return self.sums


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


class Site:
    """A cluster whose places are up, and 1,000 players who travel between them."""

    def __init__(self):
        self.stack = stack = Stack(cluster="bench", fsync=True, settings={"login_address_burst": 100_000, "login_address_per_minute": 100_000})
        stack.start_agent("a1", "127.75.0.1", "127.75.1.1")
        if not stack.agents_up("a1") or not stack.start_cluster():
            raise RuntimeError("the bench cluster did not start")
        places = [(row["kind"], row["key"]) for row in stack.owner(
            "select kind, key from space.place where cluster = 'bench' order by kind = 'station' desc, key limit %s", PLACES)]
        stack.accounts("bot", SESSIONS, places)
        self.tick_ms = 1000 / stack.value("select value::int from setting_status where name = 'zone_tick_hz'")
        self.meter = CpuMeter(stack.postmaster_pid())

    def play(self):
        """Gaps in ms of a run, and what the floor was in it."""
        stack = self.stack
        bots = stack.start_bots(f"players{time.monotonic_ns()}", SESSIONS, "--for", "0", "--behaviour", "wander,commute", "--travel-every", str(TRAVEL_EVERY_S),
                                "--rate", "2", "--ramp", "100", "--report", "json", "--log-level", "error")
        try:
            if not wait_until("all to play", lambda: stack.count("session", "state = 'playing'") == SESSIONS, 90, 0.5):
                raise RuntimeError("the players did not come into play")
            time.sleep(3)
            begun_ms = max(event["at_ms"] for event in bots.events())
            floor = Floor(stack)
            floor.start()
            time.sleep(SECONDS)
            floor = floor.stop()
            gaps = [event["gap_ms"] for event in bots.events(event="arrived") if event["at_ms"] > begun_ms]
        finally:
            bots.kill(signal.SIGTERM)
            bots.wait(20)
        wait_until("the sessions' end", lambda: stack.count("session", "state <> 'ended'") == 0, 60, 0.5)
        return [gap - self.tick_ms for gap in gaps], floor


def other(figure, measured, floor="-", spread="-"):
    return {"figure": figure, "measured": measured, "floor": floor, "goal": "-", "spread": spread, "verdict": "-"}


def measure(runs):
    site = Site()
    played = [site.play() for _ in range(runs)]
    site.stack.close()
    gaps, floors = [gaps for gaps, _ in played], [floor for _, floor in played]

    def middle(runs, part):
        values = [quantile(values, part) for values in runs]
        return statistics.median(values), f"{min(values):.1f}..{max(values):.1f}"

    for part, goal in ((0.5, None), (0.99, GOAL_P99_MS)):
        (value, spread), (floor, _) = middle(gaps, part), middle(floors, part)
        yield {"figure": f"{SESSIONS:,} sessions that travel: gap beyond a tick, p{part * 100:.0f}", "measured": f"{value:.1f} ms", "floor": f"{floor:.1f} ms",
               "goal": f"≤ {goal} ms" if goal else "-", "spread": spread, "verdict": "-" if not goal else "met" if value <= goal else "short"}
    yield other("  journeys a second", f"{statistics.median(map(len, gaps)) / SECONDS:.0f}")
