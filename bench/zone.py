"""Row 2: players a core holds in a zone: 2 km square, 40 visible, 20 inputs of 67 bytes in and 20 snapshots out a second each, sealed,
by the server's CPU time. Floor: the same datagrams through bare recvmmsg and sendmmsg, in the same slices of a tick.

Both play in turn, half a second each, so that both see the same machine, however it changes; a zone that does not play stands still.
A turn in which the machine kept either from its datagrams (others had the processors) says nothing and is played again; too many
such turns are said to be a machine that is too busy.
"""

import json
import math
import statistics

from echo import BUILD, PORT, Program

PLAYERS, HZ, SLICE_MS, SLICES, SNAPSHOT_BYTES = 5_000, 20, 500, 8, 305
FEW = 500
USED = ("packets", "cpu_us", "inputs", "ticks", "late", "bytes")


class Zone:
    """A zone, or a bare server that sends datagrams of so many bytes, and its players."""

    def __init__(self, mode, port, players, under=()):
        self.mode, self.players, self.load = mode, players, None
        self.played = {"sent": 0, "received": 0}
        self.used = dict.fromkeys(USED, 0)
        self.server = Program(*under, BUILD / "bench_zone_server", mode, port, players, SNAPSHOT_BYTES)
        try:
            self.server.line()
            self.ask("begin")
            self.load = Program(BUILD / "bench_echo_load", "inputs" if mode == "zone" else "plain_inputs", port, players, SLICE_MS, players * HZ)
            self.load.line()
            self.ask("pause")
        except BaseException:
            self.stop()
            raise
        # What the first slice sees: who stands around whom is chosen anew, and the buckets of the rate are full.
        for _ in range(2):
            self.play()

    def ask(self, line):
        self.server.ask(line)
        return json.loads(self.server.line())

    def play(self):
        """What was used in half a second; nothing when the machine did not let it be played."""
        before = self.ask("resume")
        self.load.ask()
        self.played = json.loads(self.load.line())
        after = self.ask("pause")
        used = {what: after.get(what, 0) - before.get(what, 0) for what in USED}
        expected = SLICE_MS / 1000 * HZ * self.players
        return used if all(0.97 < used[what] / expected < 1.10 for what in ("packets", "inputs")) else None

    def take(self, used):
        for what in USED:
            self.used[what] += used[what]

    def result(self):
        """CPU microseconds a player and tick, ticks late, bytes a second and player."""
        used = self.used
        us = used["cpu_us"] / used["packets"]
        return {"us": us, "players": 1e6 / HZ / us, "late": used["late"] / max(1, used["ticks"]), "bytes": used["bytes"] / used["packets"]}

    def stop(self):
        for program in (self.load, self.server):
            if program:
                program.stop()


def play_in_turn(zones):
    for turn in range(10 * SLICES):
        used = [zone.play() for zone in zones]
        if None not in used:
            for zone, what in zip(zones, used):
                zone.take(what)
        if zones[0].used["packets"] >= 0.97 * SLICES * SLICE_MS / 1000 * HZ * zones[0].players:
            return turn + 1 - SLICES
    raise SystemExit("the machine is too busy: most turns lost datagrams")


def run(players):
    zones = []
    try:
        for i, mode in enumerate(("bare", "zone")):
            zones.append(Zone(mode, PORT + 20 + i, players))
        again = play_in_turn(zones)
        return {zone.mode: zone.result() for zone in zones} | {"again": again}
    finally:
        for zone in zones:
            zone.stop()


def line(figure, values, floor, goal, unit="", digits=0, at_most=False):
    middle = statistics.median(values)
    met = goal is None or (middle < goal if at_most else middle >= goal)
    return {"figure": figure, "measured": f"{middle:,.{digits}f}{unit}", "floor": floor,
            "goal": "-" if goal is None else f"{'<' if at_most else '≥'} {goal:,.{digits}f}{unit}",
            "spread": f"{min(values):,.{digits}f}..{max(values):,.{digits}f}", "verdict": "-" if goal is None else "met" if met else "short"}


def measure(runs):
    results = [run(PLAYERS) for _ in range(runs)]

    def of(what, mode="zone"):
        return [result[mode][what] for result in results]

    floor = f"{statistics.median(of('players', 'bare')):,.0f} bare"
    yield line(f"zone of {PLAYERS:,} players: players per core", of("players"), floor, 5_000)
    yield line("  CPU a player and tick", of("us"), f"{statistics.median(of('us', 'bare')):.2f} µs", None, " µs", 2)
    yield line("  of bare recvmmsg + sendmmsg", [result["zone"]["players"] / result["bare"]["players"] for result in results], "1", 0.60, " ×", 2)
    yield line("  ticks that began late (a quarter of a tick)", [100 * late for late in of("late")], "-", 0.1, " %", 2, at_most=True)
    yield line("  bandwidth a client, out", [HZ * size / 1000 for size in of("bytes")], "-", None, " kB/s", 2)
    yield line("  turns played again on this machine, of a run's", [result["again"] for result in results], f"{SLICES}", None)
    few = run(FEW)
    exponent = 1 + math.log(statistics.median(of("us")) / few["zone"]["us"]) / math.log(PLAYERS / FEW)
    yield line(f"  growth from {FEW} players: cost as players to the power", [exponent], "1", None, "", 2)
