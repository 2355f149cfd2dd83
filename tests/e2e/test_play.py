#!/usr/bin/python3
"""orrery-play as a person and as a script have it: password or device key, the map, chat, a server that falls silent, the end."""

import os
import re
import signal
import subprocess
import time

from harness import Stack, check, finish, unprivileged, wait_until
from terminal import Terminal

stack = Stack()
stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
check("the cluster starts", stack.start_cluster())
place = stack.owner("select kind, key from space.place where cluster = %s and kind = 'grid' order by key limit 1", stack.cluster)[0]
stack.accounts("player", 2, [(place["kind"], place["key"])])
password = (stack.dir / "password.txt").read_text().strip()
connect = stack.value("select connect from cluster_status where cluster = %s", stack.cluster)
program = stack.dir / "bin" / "orrery-play"


def script(name, *keys, lines, connect_by=None, seconds=60):
    """Plays with lines on a pipe; returns the exit status and what was said."""
    command = unprivileged([program, connect_by or connect, name, *keys])
    done = subprocess.run(command, input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, timeout=seconds, cwd="/")
    return done.returncode, done.stdout + done.stderr


status, said = script("player0001", lines=[password, "", "", "", "", "", "", "", "", "d", "/hello there", "", "", "q"])
check("a script logs in, moves, chats and logs out", status == 0 and "logged out, logout" in said, said)
check("it entered the grid and heard itself", f"entered {place['kind']} {place['key']}" in said and "> hello there" in said, said)
positions = [tuple(map(int, found)) for found in re.findall(r"at (-?\d+), (-?\d+) m", said)]
check("it has moved", len(set(positions)) > 1, said)
check("statistics close it", "datagrams" in "".join(said.splitlines()[-4:]), said)
status, said = script("player0001", lines=["wrong"])
check("a wrong password is told with what to do", status == 1 and "credentials" in said and "one-time code" in said, said)
status, said = script("nobody", connect_by="nonsense", lines=[])
check("a connect string that is none is told with how to write it", status == 2 and "cluster@host:port" in said, said)

os.environ["TERM"] = "xterm"
terminal = Terminal(unprivileged([program, connect, "player0002"]), 40, 100)


def screen(text, seconds):
    """Waits for a text on the terminal."""
    def look():
        terminal.read(0.1)
        return text in "\n".join(terminal.screen)
    return wait_until(f"'{text}' on the terminal", look, seconds)


check("the password is asked for", screen("password", 10))
os.write(terminal.fd, password.encode() + b"\n")
check("the map is drawn with oneself on it", screen("@", 60), "\n".join(terminal.screen))
check("the password is not", password not in "\n".join(terminal.screen))
os.write(terminal.fd, b"d")
check("chat is joined", screen("joined chat", 30), "\n".join(terminal.screen))
os.write(terminal.fd, b"/ahoy\n")
check("chat is shown", screen("> ahoy", 10), "\n".join(terminal.screen))
zone = stack.process(place["kind"], place["key"])
zone_pid = zone.pid
os.kill(zone_pid, signal.SIGSTOP)
check("a server that falls silent is told of", screen("nothing heard for", 10), "\n".join(terminal.screen))
time.sleep(1)
os.kill(zone_pid, signal.SIGCONT)
check("and that it is back", screen("back after", 10), "\n".join(terminal.screen))
os.write(terminal.fd, b"q")
check("q logs out", screen("logged out, logout", 10), "\n".join(terminal.screen))
check("the sessions are over", wait_until("no session", lambda: stack.count("session", "state <> 'ended'") == 0, 20))

key_file = stack.dir / "device.key"
status, said = script("player0001", key_file, lines=[password] + [""] * 8 + ["q"])
check("the device is enrolled and its key written for its owner alone",
      status == 0 and "device enrolled" in said and key_file.exists() and key_file.stat().st_mode & 0o77 == 0, said)
status, said = script("player0001", key_file, lines=[""] * 8 + ["q"])
check("the key logs in without a password", status == 0 and "password" not in said and f"entered {place['kind']}" in said, said)

finish()
