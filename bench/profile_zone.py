#!/usr/bin/python3
"""Where a player's microseconds of a tick go in row 2: the parts of an input and a snapshot, in CPU time, beside the floor.

perf's samples of the CPU clock while bench/zone.py's players play, as bench/profile_echo.py takes row 1 apart; what that needs.
"""

import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import echo
import zone
from profile_echo import KERNEL, OTHER, PARTS, sampled

MODES = ("bare", "zone")


def main():
    zones, perfs = [], []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for i, mode in enumerate(MODES):
                zones.append(zone.Zone(mode, zone.PORT + 30 + i, zone.PLAYERS))
            for one in zones:
                sample = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "5000", "-g"]
                perfs.append(subprocess.Popen([*sample, "-o", f"{folder}/{one.mode}", "-p", str(one.server.process.pid)]))
            zone.play_in_turn(zones)
            whole = {one.mode: one.result()["us"] for one in zones}
        finally:
            for perf in perfs:
                perf.terminate()
                perf.wait()
            for one in zones:
                one.stop()
        shares = {mode: sampled(f"{folder}/{mode}", str(echo.BUILD / "bench_zone_server")) for mode in MODES}
    print(f"{'of a player and tick, µs':<40} {'zone':>7} {'bare':>7}")
    for part in [part for part, _ in KERNEL + PARTS] + [OTHER]:
        if any(part in shares[mode] for mode in MODES):
            print(f"{part:<40} {whole['zone'] * shares['zone'].get(part, 0):>7.2f} {whole['bare'] * shares['bare'].get(part, 0):>7.2f}")
    print(f"{'whole':<40} {whole['zone']:>7.2f} {whole['bare']:>7.2f}")


if __name__ == "__main__":
    main()
