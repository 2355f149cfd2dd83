#!/usr/bin/python3
"""Where a packet's microseconds go in row 1: the parts of one echoed packet, in CPU time and in instructions.

Microseconds are perf's samples of the CPU clock (no hardware counter needed) while bench/echo.py's load plays, beside both
floors in the same run; instructions are callgrind's, of user space alone, at a rate that a server under valgrind keeps up with.
They repeat on a busy machine, microseconds only as ratios.
Needs linux-perf and valgrind, and root or kernel.perf_event_paranoid <= 1 for the kernel's half.
"""

import collections
import json
import os.path
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import echo

# What a function belongs to: the first that matches "object|file|function", files as they lie in this repository.
PARTS = [
    ("AEAD: open and seal", r"^libsodium|/wire/crypto\."),
    ("game handler", r"EchoRole::"),
    ("zone: who sees whom", r"/sessiond/visibility\."),
    ("zone: snapshots", r"/sessiond/snapshot\."),
    ("zone: inputs, commands, slices", r"/sessiond/zone_core"),
    ("zone: the world's steps", r"/space/|^libm\."),
    ("event loop", r"^libevent|programs/(echo_server\.cpp|zone_server\.cpp|session_loop\.h)|\[vdso\]|clock_gettime|base/clock"),
    ("socket batches", r"sessiond/udp_socket|base/address"),
    ("timers and deadlines", r"deadline|loop_timer"),
    ("look-ups", r"receiver_table|Endpoint::Impl::(find|prefetch)|_Hashtable|unordered_map"),
    ("replay, acks, round trips, congestion", r"/wire/(replay_window|acks|congestion)\."),
    ("frames, channels, queues", r"/wire/(connection|packet|reliable|unreliable_queue|effect_queue|ring|types)\.|base/bytes"),
    ("endpoint and session host", r"/wire/endpoint|/sessiond/"),
    ("C library: copies, memory", r"^libc\."),
]
KERNEL = [
    ("kernel: recvmmsg", r"sys_recvmmsg"),
    ("kernel: sendmmsg", r"sys_sendmmsg"),
    ("kernel: waiting, waking, interrupts", r"."),
]
OTHER = "other"
# For callgrind: fewer sessions, each as often as in the measurement, 5 times a second.
SLOW_SESSIONS, SLOW_PER_SECOND, SLOW_SLICES = 400, 2_000, 32
MODES = ("bare", "aead", "session")
SERVER, LOAD = "bench_echo_server", "bench_echo_load"


def part_of(binary, file, function, parts=PARTS):
    found = re.search(r"/(src|bench)/(.*)", file)
    what = f"{os.path.basename(binary)}|{'/' + found[2] if found else ''}|{function}"
    return next((part for part, pattern in parts if re.search(pattern, what)), OTHER)


def inline_frames(binary, addresses):
    """For each address of the program the function and the file that it is in, by the innermost one of this repository."""
    text = subprocess.run(["addr2line", "-a", "-i", "-f", "-C", "-e", binary], input="\n".join(map(hex, addresses)), capture_output=True,
                          text=True, check=True)
    frames, address, function = {}, None, None
    for line in text.stdout.splitlines():
        if line.startswith("0x"):
            address, function = int(line, 16), None
        elif function is None:
            function = line
        else:
            if address not in frames or (not frames[address][2] and "/usr/include/" not in line):
                frames[address] = (line, function, "/usr/include/" not in line)
            function = None
    return {address: (file, name) for address, (file, name, _) in frames.items()}


def sampled(data, binary):
    """The share of each part in what perf recorded of one server."""
    script = subprocess.run(["perf", "script", "-F", "ip,sym,dso", "-i", data], capture_output=True, text=True, check=True).stdout
    own, parts = collections.Counter(), collections.Counter()
    for sample in script.split("\n\n"):
        frames = [frame.groups() for frame in (re.match(r"\s*([0-9a-f]+) (.*) \((.*)\)$", line) for line in sample.splitlines()) if frame]
        if not frames:
            continue
        address, symbol, module = frames[0]
        if module.startswith(("[kernel", "[guest", "bpf", "[bpf")) or module.endswith(".ko]"):
            parts[part_of("", "", " ".join(symbol for _, symbol, _ in frames), KERNEL)] += 1
        elif module == binary:
            own[int(address, 16)] += 1
        else:
            parts[part_of(module, "", symbol)] += 1
    places = inline_frames(binary, own)
    for address, count in own.items():
        parts[part_of(binary, *places.get(address, ("", "")))] += count
    return {part: count / sum(parts.values()) for part, count in parts.items()}


def microseconds(folder):
    """By mode: µs a packet, and of each part, as perf samples them while the three play in turn as in the measurement."""
    pairs, perfs = [], []
    try:
        for i, mode in enumerate(MODES):
            pairs.append(echo.Pair(echo.PORT + i, SERVER, mode, LOAD, "session" if mode == "session" else "plain", echo.SESSIONS))
        for pair in pairs:
            sample = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "5000", "-g"]
            perfs.append(subprocess.Popen([*sample, "-o", f"{folder}/{pair.mode}", "-p", str(pair.server.process.pid)]))
        for _ in range(2 * echo.SLICES):
            for pair in pairs:
                pair.play()
        results = {pair.mode: pair.result()["us"] for pair in pairs}
    finally:
        for perf in perfs:
            perf.terminate()
            perf.wait()
        for pair in pairs:
            pair.stop()
    shares = {mode: sampled(f"{folder}/{mode}", str(echo.BUILD / SERVER)) for mode in MODES}
    return {mode: (us, {part: us * share for part, share in shares[mode].items()}) for mode, us in results.items()}


def instructions(folder):
    """Instructions a packet of each part in user space, and inclusively of open() and of seal()."""
    out = f"{folder}/callgrind.out"
    valgrind = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
    pair = echo.Pair(echo.PORT, SERVER, "session", LOAD, "session", SLOW_SESSIONS, SLOW_PER_SECOND, valgrind)
    try:
        def control(state):
            subprocess.run(["callgrind_control", "-i", state, str(pair.server.process.pid)], capture_output=True, check=True)
        control("on")
        for _ in range(SLOW_SLICES):
            pair.play()
        control("off")
        pair.result()
    finally:
        pair.stop()
    parts, calls, names = collections.Counter(), collections.Counter(), {}

    def name(kind, text):
        number, _, given = text.partition(" ")
        if given:
            names[kind, number] = given
        return names[kind, number]

    # The format is valgrind's "Callgrind Format Specification"; a line after calls= is what the call cost with all it calls.
    binary = file = line_file = function = callee = ""
    of_call = False
    for line in open(out, encoding="utf-8"):
        key, _, value = line.rstrip("\n").partition("=")
        if key == "ob":
            binary = name("ob", value)
        elif key == "fl":
            file = line_file = name("fl", value)
        elif key in ("fi", "fe"):
            line_file = name("fl", value)
        elif key == "fn":
            function, line_file = name("fn", value), file
        elif key == "cfn":
            callee = name("fn", value)
        elif key == "cob":
            name("ob", value)
        elif key in ("cfi", "cfl"):
            name("fl", value)
        elif key == "calls":
            of_call = True
        elif line[0] in "0123456789+-*":
            cost = int(line.split()[1]) / pair.packets
            if of_call:
                calls.update({call: cost for call in ("open", "seal") if callee.startswith(f"orrery::wire::{call}(")})
            else:
                parts[part_of(binary, line_file if re.search("/(src|bench)/", line_file) else file, function)] += cost
            of_call = False
    return parts, calls


def main():
    with tempfile.TemporaryDirectory() as folder:
        counted, calls = instructions(folder)
        measured = microseconds(folder)
    print(f"{'of one echoed packet':<40} {'instructions':>12} {'µs':>7} {'AEAD floor':>11} {'bare':>7}")
    for part in [part for part, _ in KERNEL + PARTS] + [OTHER]:
        bare, aead, session = (measured[mode][1].get(part, 0) for mode in MODES)
        print(f"{part:<40} {counted[part]:>12,.0f} {session:>7.2f} {aead:>11.2f} {bare:>7.2f}")
        for call, cost in sorted(calls.items()) if part.startswith("AEAD") else []:
            print(f"{f'  {call}, with all it calls':<40} {cost:>12,.0f}")
    bare, aead, session = (measured[mode][0] for mode in MODES)
    print(f"{'whole':<40} {sum(counted.values()):>12,.0f} {session:>7.2f} {aead:>11.2f} {bare:>7.2f}")
    print("\nthe session host alone, without kernel, socket and event loop, ns a packet (of them an open and a seal):")
    for order in ("in_order", "at_random"):
        alone = subprocess.run([echo.BUILD / "bench_echo_host", str(echo.SESSIONS), "2", "20", order], capture_output=True, text=True, check=True)
        figures = json.loads(alone.stdout)
        print(f"  {echo.SESSIONS:,} sessions {order.replace('_', ' '):<9} {figures['ns']:>7,.0f} ({figures['aead_ns']:,.0f})")


if __name__ == "__main__":
    main()
