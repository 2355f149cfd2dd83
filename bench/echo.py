"""Row 1: authenticated, encrypted echo through the session loop: 97-byte datagrams, 10,000 sessions, 50,000 datagrams a second
evenly, packets per CPU-second of the server. Floors: the same datagrams through bare recvmmsg and sendmmsg, and with one open and
one seal each. The peer: ENet, unencrypted, 4,000 peers.

The three play in turn, a quarter of a second each, so that all see the same machine, however it changes; ENet, whose idle peers
would ping meanwhile, plays after them.
"""

import json
import os
import pathlib
import statistics
import subprocess

BUILD = pathlib.Path(os.environ.get("ORRERY_BUILD", pathlib.Path(__file__).resolve().parents[1] / "build" / "release")) / "bin"
SESSIONS, ENET_PEERS, PER_SECOND, SLICE_MS, SLICES = 10_000, 4_000, 50_000, 250, 16
PORT = 29_600


class Program:
    def __init__(self, *command):
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self):
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args[0]} ended: {self.process.wait()}")
        return answer.strip()

    def ask(self, text="go"):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def counters(self):
        self.ask()
        return json.loads(self.line())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)


class Pair:
    """One server and its load, ready to play."""

    def __init__(self, port, server_program, server_mode, load_program, load_mode, sessions, per_second=PER_SECOND, under=()):
        self.name, self.mode, self.sessions, self.load = f"{server_program} {server_mode}", server_mode, sessions, None
        self.packets = self.cpu_us = 0
        self.played = {"sent": 0, "received": 0}
        self.server = Program(*under, BUILD / server_program, server_mode, port, sessions)
        try:
            self.server.line()
            self.empty_kib = self.server.counters()["rss_kib"]
            self.load = Program(BUILD / load_program, load_mode, port, sessions, SLICE_MS, per_second)
            self.load.line()
        except BaseException:
            self.stop()
            raise

    def play(self):
        before = self.server.counters()
        self.load.ask()
        self.played = json.loads(self.load.line())
        after = self.server.counters()
        self.packets += after["packets"] - before["packets"]
        self.cpu_us += after["cpu_us"] - before["cpu_us"]
        self.kib = (after["rss_kib"] - self.empty_kib) / self.sessions

    def result(self):
        """CPU microseconds a packet, packets per CPU-second, KiB a session."""
        sent = self.played["sent"]
        if self.played["received"] < 0.99 * sent or self.packets < 0.99 * sent:
            raise SystemExit(f"{self.name}: {sent} sent, {self.packets} taken, {self.played['received']} echoed: the figure means nothing")
        us = self.cpu_us / self.packets
        return {"us": us, "per_s": 1e6 / us, "kib": self.kib}

    def stop(self):
        for program in (self.load, self.server):
            if program:
                program.stop()


def echo(*setups):
    """The results of pairs that play in turn."""
    pairs = []
    try:
        for i, setup in enumerate(setups):
            pairs.append(Pair(PORT + i, *setup))
        for _ in range(SLICES):
            for pair in pairs:
                pair.play()
        return [pair.result() for pair in pairs]
    finally:
        for pair in pairs:
            pair.stop()


def run():
    loads = {"bare": "plain", "aead": "plain", "session": "session"}
    result = dict(zip(loads, echo(*(("bench_echo_server", mode, "bench_echo_load", load, SESSIONS) for mode, load in loads.items()))))
    if (BUILD / "bench_echo_enet").exists():
        result["enet"], = echo(("bench_echo_enet", "server", "bench_echo_enet", "load", ENET_PEERS))
    return result


def line(figure, values, floor, goal, unit, digits=0):
    middle = statistics.median(values)
    met = middle >= goal if goal is not None else None
    return {"figure": figure, "measured": f"{middle:,.{digits}f}{unit}", "floor": floor, "goal": "-" if goal is None else f"≥ {goal:,.2f}{unit}",
            "spread": f"{min(values):,.{digits}f}..{max(values):,.{digits}f}", "verdict": "-" if met is None else "met" if met else "short"}


def measure(runs):
    results = [run() for _ in range(runs)]

    def median(mode, what):
        return statistics.median(r[mode][what] for r in results)

    def ratios(mode):
        return [r["session"]["per_s"] / r[mode]["per_s"] for r in results]

    yield line("echo through the session loop, packets a CPU-second", [r["session"]["per_s"] for r in results],
               f"{median('bare', 'per_s'):,.0f} bare", None, "")
    yield line("  CPU a packet", [r["session"]["us"] for r in results],
               f"{median('bare', 'us'):.2f}; {median('aead', 'us'):.2f} µs", None, " µs", 2)
    yield line("  of bare recvmmsg + sendmmsg", ratios("bare"), "1", 0.70, " ×", 2)
    yield line("  of that with two AEAD calls", ratios("aead"), "1", 0.90, " ×", 2)
    if "enet" in results[0]:
        yield line("  of ENet, 4,000 peers", ratios("enet"), f"{median('enet', 'us'):.2f} µs", 1.30, " ×", 2)
