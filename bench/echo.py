"""Row 1: authenticated, encrypted echo through the session loop: 97-byte datagrams, 10,000 sessions, 50,000 datagrams a second
evenly, packets per CPU-second of the server. Floors: the same datagrams through bare recvmmsg and sendmmsg, and with one open and
one seal each. The peer: ENet, unencrypted, 4,000 peers.

Each run starts every server anew, one after the other, so that all see the same machine.
"""

import json
import os
import pathlib
import statistics
import subprocess

BUILD = pathlib.Path(os.environ.get("ORRERY_BUILD", pathlib.Path(__file__).resolve().parents[1] / "build" / "release")) / "bin"
SESSIONS, ENET_PEERS, SECONDS, PER_SECOND = 10_000, 4_000, 4, 50_000
PORT = 29_600


class Program:
    def __init__(self, name, *arguments):
        self.process = subprocess.Popen([BUILD / name, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

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


def echo(server_program, server_mode, load_program, load_mode, sessions):
    """CPU microseconds a packet, packets per CPU-second, KiB a session."""
    server = Program(server_program, server_mode, PORT, sessions)
    load = None
    try:
        server.line()
        empty = server.counters()["rss_kib"]
        load = Program(load_program, load_mode, PORT, sessions, SECONDS, PER_SECOND)
        load.line()
        before = server.counters()
        load.ask()
        played = json.loads(load.line())
        after = server.counters()
    finally:
        if load:
            load.stop()
        server.stop()
    count = after["packets"] - before["packets"]
    if played["received"] < 0.99 * played["sent"] or count < 0.99 * played["sent"]:
        raise SystemExit(f"{server_mode}: {played['sent']} sent, {count} taken, {played['received']} echoed: the figure means nothing")
    us = (after["cpu_us"] - before["cpu_us"]) / count
    return {"us": us, "per_s": 1e6 / us, "kib": (after["rss_kib"] - empty) / sessions}


def run():
    result = {mode: echo("bench_echo_server", mode, "bench_echo_load", "session" if mode == "session" else "plain", SESSIONS)
              for mode in ("bare", "aead", "session")}
    if (BUILD / "bench_echo_enet").exists():
        result["enet"] = echo("bench_echo_enet", "server", "bench_echo_enet", "load", ENET_PEERS)
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
