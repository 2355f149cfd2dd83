#!/usr/bin/python3
"""A server that does as it is told, right or wrong. Its arguments are done in order; then it sleeps until a signal ends it.

    ready              READY=1                         status TEXT        STATUS=TEXT
    count NAME COUNT CAPACITY   tells so many of so many
    bind HOST:PORT     a UDP socket there
    print TEXT         a line to its log               flood              prints as fast as it can, without end
    wait SECONDS       sleeps                          wait-for FILE      until FILE exists
    exit STATUS        ends                            deaf FILE          goes on at SIGTERM, having made FILE
    fork-away          goes on in a child in a session of its own, as a daemon does; its first process ends with status 0
    leave-behind       a child in a session of its own, which lasts when the server ends
    leave-bare         such a child with an empty environment
    watchdog SECONDS   WATCHDOG=1 ten times a second for so long
    watchdog-until FILE   the same until FILE exists, and once more then
    fill FILE          writes to FILE until the disk or a limit says no; prints what it said
    try-write FILE     makes FILE                      try-read PATH      reads a file, lists a directory; both print what came of it
"""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time


def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])


def fork_away():
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)


def fill(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with open(path, "wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
    except OSError as error:
        print(f"fill: {error.strerror}, {os.path.getsize(path)} bytes", flush=True)


def attempt(what, path, action):
    try:
        action()
        said = "done"
    except OSError as error:
        said = errno.errorcode[error.errno]
    print(f"{what} {path}: {said}", flush=True)


words = iter(sys.argv[1:])
for word in words:
    if word == "ready":
        notify("READY=1")
    elif word == "status":
        notify(f"STATUS={next(words)}")
    elif word == "count":
        name, count, capacity = next(words), int(next(words)), int(next(words))
        notify("X_ORRERY_COUNTERS=" + json.dumps({name: {"count": count, "capacity": capacity}}))
    elif word == "bind":
        host, _, port = next(words).rpartition(":")
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((host, int(port)))
    elif word == "print":
        print(next(words), flush=True)
    elif word == "flood":
        line = b"x" * 4095 + b"\n"
        while True:
            os.write(1, line * 16)
    elif word == "wait":
        time.sleep(float(next(words)))
    elif word == "wait-for":
        path = next(words)
        while not os.path.exists(path):
            time.sleep(0.02)
    elif word == "exit":
        sys.exit(int(next(words)))
    elif word == "deaf":
        signal.signal(signal.SIGTERM, lambda *_, path=next(words): open(path, "wb").close())
    elif word == "fork-away":
        fork_away()
    elif word in ("leave-behind", "leave-bare"):
        subprocess.Popen(["/bin/sleep", "1000"], env={} if word == "leave-bare" else None, start_new_session=True, stdin=subprocess.DEVNULL)
    elif word == "watchdog":
        until = time.monotonic() + float(next(words))
        while time.monotonic() < until:
            notify("WATCHDOG=1")
            time.sleep(0.1)
    elif word == "watchdog-until":
        path = next(words)
        while not os.path.exists(path):
            notify("WATCHDOG=1")
            time.sleep(0.1)
        notify("WATCHDOG=1")
    elif word == "fill":
        fill(next(words))
    elif word == "try-write":
        path = next(words)
        attempt("write", path, lambda: open(path, "wb").close())
    elif word == "try-read":
        path = next(words)
        attempt("read", path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").close())
    else:
        sys.exit(f"no such word: {word}")
while True:
    time.sleep(3600)
