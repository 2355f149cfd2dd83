"""Row 3: memory of a session: what the resident set of a session server has grown by, with 10,000 sessions that have played, by 10,000."""

import statistics

from echo import SESSIONS, echo


def measure(runs):
    values = [echo(("bench_echo_server", "session", "bench_echo_load", "session", SESSIONS))[0]["kib"] for _ in range(runs)]
    middle = statistics.median(values)
    yield {"figure": "memory a session, after play", "measured": f"{middle:.2f} KiB", "floor": "-", "goal": "≤ 4 KiB",
           "spread": f"{min(values):.2f}..{max(values):.2f}", "verdict": "met" if middle <= 4 else "short"}
