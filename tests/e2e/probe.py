#!/usr/bin/python3
"""Sends a handful of datagrams to each host:port named, prints one JSON object: how many answers each gave.

Run inside a network namespace by test_interfaces.py, and by test_bad_input.py.
"""

import json
import os
import random
import select
import socket
import sys
import time

seed = int(os.environ.get("PROBE_SEED", "1"))
rng = random.Random(seed)
HELLO = bytes([1, 1]) + bytes(1198)


def packets():
    """A valid Hello first; then what no server should answer."""
    yield HELLO
    yield bytes([0x05, 1]) + rng.randbytes(76)                     # Attach of nobody
    yield bytes([0x20]) + rng.randbytes(200)                       # Link under no key
    yield bytes([0x10]) + rng.randbytes(60)                        # Data for nobody
    yield bytes([0x03, 1]) + rng.randbytes(1198)                   # Init with a made-up cookie
    yield HELLO[:-1]
    yield HELLO[:600]
    yield b""
    for _ in range(60):
        yield rng.randbytes(rng.randrange(1, 1400))
    for packet_type in range(256):
        yield bytes([packet_type]) + rng.randbytes(rng.choice([0, 1, 12, 25, 28, 56, 77, 200]))


answers = {}
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    counts = {"hello": 0, "other": 0}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        for index, packet in enumerate(packets()):
            try:
                udp.sendto(packet, (host, int(port)))
            except OSError:
                pass
            until = time.monotonic() + (0.3 if index == 0 else 0.002)
            while (left := until - time.monotonic()) > 0 and select.select([udp], [], [], left)[0]:
                try:
                    udp.recv(65535)
                    counts["hello" if index == 0 else "other"] += 1
                except OSError:
                    pass
        until = time.monotonic() + 0.5
        while (left := until - time.monotonic()) > 0 and select.select([udp], [], [], left)[0]:
            try:
                udp.recv(65535)
                counts["other"] += 1
            except OSError:
                pass
    answers[target] = counts
print(json.dumps(answers))
