#!/usr/bin/python3
"""Servers that misbehave: do not start, exit at once, ignore SIGTERM, fork away, print gigabytes, fill the disk, fall silent."""

import contextlib
import os
import pathlib
import time

from harness import USER, Stack, check, finish, say, unprivileged, wait_until

stack = Stack(settings={"start_backoff_ms": 300, "start_slack_ms": 1000})
a1 = stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
check("the cluster starts", stack.start_cluster())


def fails(kind, says, seconds=20):
    """Asks for a server of the kind; it is given up, and says why."""
    stack.request(kind)
    row = wait_until(f"{kind} to fail", lambda: (row := stack.row(kind)) and row["state"] == "failed" and row, seconds)
    check(f"{kind} is given up, and says why", bool(row) and all(part in row["reason"] for part in says), str(row or stack.row(kind)))
    check(f"{kind} leaves no process", not stack.process(kind))
    return row


say("executables that cannot be executed")
stack.sql("select server_kind_set('missing', '{\"role\":\"other\",\"command\":\"no-such-program\",\"start_attempts_max\":2}')")
fails("missing", ["gave up", "no-such-program"])
stack.write("bin/plain.txt", "not a program\n")
stack.sql("select server_kind_set('plain', '{\"role\":\"other\",\"command\":\"plain.txt\",\"start_attempts_max\":2}')")
fails("plain", ["gave up", "plain.txt"])
stack.write("bin/garbage", "\x7fELF no program either\n", 0o755)
stack.sql("select server_kind_set('garbage', '{\"role\":\"other\",\"command\":\"garbage\",\"start_attempts_max\":2}')")
fails("garbage", ["gave up", "garbage"])

say("one that exits at once")
stack.stub_kind("hasty", "status", "no map here", "exit", 3, start_attempts_max=4)
row = fails("hasty", ["gave up after 4 failures", "exit status 3", "no map here"])
exits = [event for event in stack.events(0, f"server {row['server_id']}") if event["change"] in ("starting -> requested", "starting -> failed")]
starts = [event for event in stack.events(0, f"server {row['server_id']}") if event["change"] == "requested -> starting"]
check("it was tried four times", len(exits) == len(starts) == 4, f"{len(starts)} starts, {len(exits)} ends")
waits = [(start["recorded_at"] - end["recorded_at"]).total_seconds() for end, start in zip(exits, starts[1:])]
# an end is recorded somewhat after the moment from which the wait counts
check("after 0.3 s, doubling", len(waits) == 3 and all(0.3 * 2 ** n - 0.1 <= wait < 0.3 * 2 ** n + 0.6 for n, wait in enumerate(waits)), str(waits))
say("waits between its starts: " + ", ".join(f"{wait:.2f}" for wait in waits) + " s")
check("asked for again it is tried again", stack.request("hasty") == row["server_id"] and stack.row("hasty")["state"] != "failed")

say("one that counts who is on it")
full_at = stack.dir / "full"
stack.stub_kind("counting", "count", "players", 3, 16, "count", "rooms", 1, 2, "ready", "wait-for", full_at, "count", "players", 16, 16)
stack.request("counting")
check("counting is ready", bool(stack.ready("counting")))
counters = lambda: stack.owner("select counters from orrery.server where kind = 'counting'")[0]["counters"]
told = {"players": {"count": 3, "capacity": 16}, "rooms": {"count": 1, "capacity": 2}}
check("the database hears of it", wait_until("the counters", lambda: counters() == told, 5), str(counters()))
full_at.touch()
told["players"]["count"] = 16
check("and when it changes", wait_until("the counters", lambda: counters() == told, 5), str(counters()))
stack.sql("select server_stop(%s)", stack.row("counting")["server_id"])

say("one that ignores SIGTERM")
heard_at = stack.dir / "deaf.heard"
stack.stub_kind("deaf", "deaf", heard_at, "ready", stop_grace_ms=1500)
stack.request("deaf")
check("deaf is ready", bool(stack.ready("deaf")))
process, began = stack.process("deaf"), time.time()
stack.sql("select server_stop(%s)", stack.row("deaf")["server_id"])
wait_until("its end", lambda: not process.alive(), 10, every=0.02)
ended = time.time()
check("it heard SIGTERM", heard_at.exists() and began < heard_at.stat().st_mtime < ended)
# Its grace begins when its agent is told, which is after the verb and before the signal.
took, deaf_for = ended - began, ended - heard_at.stat().st_mtime if heard_at.exists() else -1
check("is killed at the end of its grace, not before", took >= 1.5 and 0 < deaf_for < 3, f"{took:.2f} s after the verb, {deaf_for:.2f} s after SIGTERM")
check("and is stopped, with the signal in its reason", wait_until("stopped", lambda: stack.row("deaf")["state"] == "stopped", 5)
      and "killed by signal 9 (Killed)" in stack.row("deaf")["reason"], str(stack.row("deaf")))

say("those that fork away")
stack.stub_kind("daemon", "fork-away", "wait", 2, "ready", start_attempts_max=1, ready_deadline_ms=5000)
fails("daemon", ["exit status 0"])
stack.stub_kind("deserter", "ready", "wait-for", stack.dir / "deserter.go", "fork-away")
stack.request("deserter")
check("deserter is ready", bool(stack.ready("deserter")))
stack.write("deserter.go", "")
check("one that forks away later has ended too", wait_until("its end", lambda: stack.row("deserter")["state"] == "stopped", 10)
      and "exit status 0" in stack.row("deserter")["reason"], str(stack.row("deserter")))
check("deserter leaves no process", not stack.process("deserter"))
litter_go = stack.dir / "litter.go"
stack.stub_kind("litter", "leave-bare", "leave-behind", "ready", "wait-for", litter_go, "exit", 5)
stack.request("litter")
check("litter is ready", bool(stack.ready("litter")))
left = lambda: [process for process in stack.alive() if process.line == "/bin/sleep 1000"]
check("it has children in sessions of their own, one with an empty environment", len(left()) == 2, str([process.line for process in stack.alive()]))
stack.write("litter.go", "")
check("which are killed when their server has ended", wait_until("its end", lambda: not left(), 10))
check("and the exit status is the server's", wait_until("the report", lambda: "exit status 5" in (stack.row("litter")["reason"] or ""), 10), str(stack.row("litter")))
stack.stub_kind("litter", "leave-behind", "ready")
stack.request("litter")
check("litter is ready again", bool(stack.ready("litter")))
server = stack.process("litter")
next(shim for shim in stack.shims() if shim.pid == server.ppid).kill()
check("with its shim killed, the server is too, and what it left behind", wait_until("the end", lambda: not server.alive() and not left(), 10))
check("which is not the server's failure", wait_until("the report", lambda: stack.row("litter")["state"] != "ready", 10)
      and stack.row("litter")["failures"] == 0, str(stack.row("litter")))

say("one that prints gigabytes")
PRINTED_MIN, LOG_BYTES_MAX, LOG_FILES = 2_000_000_000, 1 << 20, 3
AGENT_MIB_MAX, SHIM_MIB_MAX = 32, 16  # at their highest (VmHWM): more than twice what they take when nothing is printed
stack.stub_kind("flood", "ready", "wait-for", stack.dir / "flood.go", "flood", log_bytes_max=LOG_BYTES_MAX, log_files=LOG_FILES)
stack.stub_kind("quiet", "ready")
stack.request("flood")
check("flood is ready", bool(stack.ready("flood")))
flood = stack.process("flood")
shim = next(shim for shim in stack.shims() if shim.pid == flood.ppid)


def files_below(directory, name="*"):
    """Sizes of the files there: those that are renamed or removed meanwhile do not count."""
    found = {}
    for path in directory.rglob(name):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                found[path.name] = path.stat()
    return found


def written(pid):
    return int(next(line for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines() if line.startswith("wchar")).split()[1])


def highest_mib(pid):
    return int(next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


before = {"agent": highest_mib(a1.pid), "shim": highest_mib(shim.pid)}
logs_max, disk_max, slowest, silent_max, beats = 0, 0, 0, 0, set()
stack.write("flood.go", "")
began = time.monotonic()
while (printed := written(flood.pid)) < PRINTED_MIN and time.monotonic() < began + 120:
    logs_max = max(logs_max, sum(stat.st_size for stat in files_below(stack.dir / "a1" / "log", "*flood*").values()))
    disk_max = max(disk_max, sum(stat.st_blocks * 512 for stat in files_below(stack.dir / "a1").values()))
    asked = time.monotonic()
    heard = stack.value("select heard_ago_s from agent_status where name = 'a1'")
    slowest = max(slowest, time.monotonic() - asked)
    silent_max = max(silent_max, heard)
    beats.add(stack.owner("select b.beat_at from orrery.agent_heartbeat b join orrery.agent a using (agent_id) where a.name = 'a1'")[0]["beat_at"])
    time.sleep(0.05)
took = time.monotonic() - began
highest = {"agent": highest_mib(a1.pid), "shim": highest_mib(shim.pid)}
say(f"it printed {printed / 1e9:.2f} GB in {took:.1f} s; its logs held {logs_max / 1e6:.2f} MB at most, the disk {disk_max / 1e6:.1f} MB; "
    f"agent {highest['agent']:.1f} MiB (before {before['agent']:.1f}), shim {highest['shim']:.1f} MiB ({before['shim']:.1f}); "
    f"{len(beats)} heartbeats, never {silent_max:.1f} s without; slowest answer {slowest * 1000:.0f} ms")
check("it printed gigabytes", printed >= PRINTED_MIN, f"{printed} bytes in {took:.0f} s")
check("its logs held no more than they may", 0 < logs_max <= LOG_BYTES_MAX * LOG_FILES, str(logs_max))
check("nor the disk", disk_max < LOG_BYTES_MAX * LOG_FILES + (3 << 20), str(disk_max))
check("the shim does not grow", highest["shim"] < SHIM_MIB_MAX, str(highest))
check("nor the agent", highest["agent"] < AGENT_MIB_MAX, str(highest))
check("the machine answers", slowest < 2, f"{slowest:.2f} s")
check("the agent's heartbeats go on", silent_max < 3 and len(beats) > took / 3, f"{silent_max:.1f} s without, {len(beats)} in {took:.1f} s")
began = time.monotonic()
stack.request("quiet")
check("another server starts beside it", bool(stack.ready("quiet", seconds=5)), f"{time.monotonic() - began:.1f} s")
stack.sql("select server_stop(%s)", stack.row("flood")["server_id"])
check("it stops", wait_until("the stop", lambda: stack.row("flood")["state"] == "stopped" and not stack.process("flood"), 10))
logs = {name: stat.st_size for name, stat in files_below(stack.dir / "a1" / "log", "*flood*").items()}
check("its log was renamed twice, and none is larger than it may be",
      len(logs) == LOG_FILES and all(size <= LOG_BYTES_MAX for size in logs.values()), str(logs))

say("limits")
stack.stub_kind("limited", "fill", "big", "ready", limits={"nofile": 77, "file_size_bytes": 123456, "core_bytes": 0, "nproc": 4000,
                                                          "address_space_bytes": 1 << 32, "cpu_s": 500})
stack.request("limited")
check("limited is ready", bool(stack.ready("limited")), str(stack.row("limited")))
limits = {line[:26].strip(): line[26:].split()[:2] for line in pathlib.Path(f"/proc/{stack.process('limited').pid}/limits").read_text().splitlines()[1:]}
for name, value in (("Max open files", "77"), ("Max file size", "123456"), ("Max core file size", "0"), ("Max processes", "4000"),
                    ("Max address space", str(1 << 32)), ("Max cpu time", "500")):
    check(f"{name} is {value}", limits[name] == [value, value], str(limits[name]))
said = "".join(path.read_text(errors="replace") for path in (stack.dir / "a1" / "log").rglob("*limited*") if path.is_file())
check("and is enforced", "File too large, 123456 bytes" in said, said)
other = {line[:26].strip(): line[26:].split()[:2] for line in pathlib.Path(f"/proc/{stack.process('quiet').pid}/limits").read_text().splitlines()[1:]}
check("of nobody else", other["Max open files"] != ["77", "77"] and other["Max file size"][0] == "unlimited", str(other))

say("the watchdog")
stack.stub_kind("faithful", "ready", "watchdog", 1000, watchdog_ms=1000)
stack.stub_kind("silent", "ready", "watchdog-until", stack.dir / "silent.go", watchdog_ms=1000, start_attempts_max=1)
stack.request("faithful"), stack.request("silent")
check("both are ready", bool(stack.ready("faithful") and stack.ready("silent")))
silent = stack.process("silent")
time.sleep(2)
check("who keeps the watchdog fed is not ended", silent.alive())
began = time.monotonic()
stack.write("silent.go", "")
wait_until("its end", lambda: not silent.alive(), 10, every=0.02)
took = time.monotonic() - began
check("who falls silent is ended a watchdog's time later", 1 <= took < 3, f"{took:.2f} s")
check("which is reported", wait_until("the report", lambda: "watchdog" in (stack.row("silent")["reason"] or "").lower(), 5), str(stack.row("silent")))
check("who is not silent goes on", stack.row("faithful")["state"] == "ready" and bool(stack.process("faithful")))

if os.getuid() == 0:
    say("a full disk")
    small = stack.dir / "small"
    small.mkdir()
    full = stack.start_agent("full", data="small", wrap=lambda argv: [
        "unshare", "--mount", "--propagation", "private", "sh", "-c",
        f'mount -t tmpfs -o size=8m,mode=700,uid=$(id -u {USER}),gid=$(id -g {USER}) none "$0" && exec "$@"', small, *unprivileged(argv)])
    check("an agent on a disk of 8 MiB is up", stack.agents_up("full"))
    stack.sql("select agent_drain('a1')")
    go = stack.dir / "full.go"
    stack.stub_kind("survivor", "ready", "wait-for", go, "print", "after all", "status", "it was full", "exit", 9, log_bytes_max=64 << 20)
    stack.stub_kind("hog", "ready", "flood", log_bytes_max=64 << 20)
    stack.stub_kind("absent", "ready", "wait-for", stack.dir / "absent.go", "status", "nobody listened", "exit", 11, log_bytes_max=64 << 20)
    stack.request("survivor"), stack.request("absent")
    check("survivor and absent are ready", bool(stack.ready("survivor") and stack.ready("absent")))
    survivor = stack.process("survivor")
    stack.request("hog")
    check("hog is ready", bool(stack.ready("hog")))
    inside = pathlib.Path(f"/proc/{full.pid}/root{small}")

    def free_bytes():
        at = os.statvfs(inside)
        return at.f_bavail * at.f_frsize
    check("the disk is full", wait_until("a full disk", lambda: free_bytes() == 0, 15), f"{free_bytes()} bytes are free")
    time.sleep(2)
    check("agent and servers go on", full.running() and survivor.alive() and bool(stack.process("hog")))
    check("and are heard of", stack.value("select heard_ago_s from agent_status where name = 'full'") < 3)
    stack.stub_kind("late", "ready", start_attempts_max=1)
    late = stack.request("late")
    check("a server that cannot be started there says why, or starts", wait_until("a verdict", lambda: stack.row("late")["state"] in ("failed", "ready"), 20)
          and (stack.row("late")["state"] == "ready" or "space" in stack.row("late")["reason"].lower()), str(stack.row("late")))
    stack.write("full.go", "")
    check("the exit status is not lost", wait_until("the report", lambda: "exit status 9" in (stack.row("survivor")["reason"] or ""), 10)
          and "it was full" in stack.row("survivor")["reason"], str(stack.row("survivor")))

    say("the agent is killed and started again while its disk is full, and a server exits meanwhile")
    hog, absent = stack.process("hog"), stack.process("absent")
    full.kill()
    full.wait(5)
    stack.write("absent.go", "")
    check("absent exits", wait_until("its end", lambda: not absent.alive() and not any(shim.pid == absent.ppid for shim in stack.shims()), 10))
    kept = {server.ref: server.pid for server in full.servers()}
    # The shims' mount namespace is where the disk is.
    inside = pathlib.Path(f"/proc/{hog.ppid}/root{small}")
    check("the disk is full still", wait_until("a full disk", lambda: free_bytes() == 0, 10), f"{free_bytes()} bytes are free")
    full = full.again(wrap=lambda argv: ["nsenter", "--target", str(hog.ppid), "--mount", *unprivileged(argv)])
    check("the next agent is up", bool(full.settled()), full.tail())
    check("it finds its servers again, under their epochs", bool(kept) and hog.ref in kept and {server.ref: server.pid for server in full.servers()} == kept
          and (stack.row("hog")["state"], stack.row("hog")["epoch"]) == ("ready", hog.ref[1]), f"{kept}, then {[(s.ref, s.pid) for s in full.servers()]}")
    check("the exit status of who exited meanwhile is not lost", wait_until("the report", lambda: stack.row("absent")["state"] != "ready", 10)
          and "exit status 11: nobody listened" in stack.row("absent")["reason"], str(stack.row("absent")))
    # The run directory of who exited is removed when that was reported: the hog takes its room.
    check("its disk is full again soon", wait_until("a full disk", lambda: free_bytes() == 0, 10), f"{free_bytes()} bytes are free")
    stack.sql("select server_stop(%s)", stack.row("hog")["server_id"])
    check("the hog can be stopped", wait_until("its end", lambda: stack.row("hog")["state"] == "stopped" and not stack.process("hog"), 10))
    check("the agent drains with its disk full", full.stop() == 0, full.tail())
else:
    print("ok - a full disk  # SKIP only root can mount a small one", flush=True)

say("the end")
stack.sql("select cluster_shutdown(0, %s)", stack.cluster)
check("nothing is left of any of them", wait_until("the end", lambda: stack.cluster_state() == "stopped" and not a1.servers(), 30),
      str(stack.sql("select kind, state, reason from server_status")))
finish()
