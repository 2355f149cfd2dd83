#!/usr/bin/python3
"""Agents that crash, hand over, are upgraded, are doubled, or have a wrong clock: servers go on, and are found again."""

import collections
import os
import shutil
import signal
import subprocess
import time

from harness import USER, Stack, check, finish, say, unprivileged, wait_until

stack = Stack(settings={"start_backoff_ms": 200})


def running():
    """(server, epoch) → pid of every server process, by /proc."""
    return {server.ref: server.pid for server in stack.servers()}


def known():
    """(server, epoch) of every server that the database takes for running."""
    return {(row["server_id"], row["epoch"]) for row in
            stack.owner("select server_id, epoch from orrery.server where state in ('starting', 'ready', 'stopping')")}


def same_as(before, what, since):
    """Nothing happened to the servers: the same processes, the same epochs, no event."""
    now = running()
    check(f"{what}: the same processes under the same epochs", now == before, f"{before} then {now}")
    check(f"{what}: the database knows just these", known() == set(before), f"{known()}")
    told = stack.events(since, "server ")
    check(f"{what}: no server had an event", not told, str(told))


def killed_agent(agent):
    agent.kill()
    agent.wait(5)


say("an agent with servers and players")
a1 = stack.start_agent("a1")
check("the agent is up", stack.agents_up("a1"))
check("the cluster starts", stack.start_cluster())
places = [("grid", row["key"]) for row in stack.owner("select key from space.place where cluster = 'test' and kind = 'grid' order by key limit 2")]
stack.accounts("bot", 4, places)
bots = stack.start_bots("bots", 4, "--for", "0")
playing = lambda: stack.value("select count(*)::int from session_status where state = 'playing'")
check("four players play", wait_until("four to play", lambda: playing() == 4, 40))
stack.stub_kind("holder", "ready", on_isolation="hold")
stack.stub_kind("stopper", "ready", on_isolation="stop")
stack.request("holder"), stack.request("stopper")
check("stubs are ready", bool(stack.ready("holder") and stack.ready("stopper")))
check("every server has a shim of its own", len(stack.shims()) == len(running()) == len({server.ppid for server in stack.servers()}),
      f"{len(stack.shims())} shims, {len(running())} servers")
check("and that shim is no child of another server's", all(server.ppid in {shim.pid for shim in stack.shims()} for server in stack.servers()))


def players_undisturbed(what):
    seen = len(bots.events(event="sees"))
    check(f"{what}: players go on seeing", wait_until("snapshots", lambda: len(bots.events(event="sees")) > seen + 4, 10))
    check(f"{what}: nobody was logged out", bots.running() and not bots.events(event="logged_out") and playing() == 4)


say("kill -9 of the agent")
before, since = running(), stack.last_event()
killed_agent(a1)
time.sleep(2)
check("servers go on without an agent", running() == before)
players_undisturbed("no agent")
odd = stack.dir / "a1" / "run" / "999999.1"
(odd / "plan").mkdir(parents=True)
if os.getuid() == 0:
    shutil.chown(odd, USER, USER)
a1 = a1.again()
check("the next agent is up, though a run directory cannot be read", bool(a1.settled()), a1.tail())
check("which it names and leaves", any(str(odd) in line and "cannot be read" in line and "remove it" in line for line in a1.tail(60).splitlines())
      and odd.exists(), a1.tail(60))
shutil.rmtree(odd)
same_as(before, "after a crash", since)
players_undisturbed("after a crash")

say("kill -9, and again before it has found all")
for _ in range(3):
    killed_agent(a1)
    a1 = a1.again()
    time.sleep(0.05)
check("the last one is up", bool(a1.settled()))
same_as(before, "after crashes in a row", since)

say("SIGTERM with --on-stop hand-over, and another copy of the programs: an upgrade")
killed_agent(a1)
shutil.copytree(stack.dir / "bin", stack.dir / "bin2")
a1 = stack.start_agent("a1", on_stop="hand-over")
check("an agent that hands over is up", bool(a1.settled()))
began = time.monotonic()
check("it ends with status 0", a1.stop(signum=signal.SIGTERM) == 0, a1.tail())
check("at once", time.monotonic() - began < 3, f"{time.monotonic() - began:.1f} s")
check("servers go on", running() == before)
check("the database does not take it for drained", stack.value("select state from agent_status where name = 'a1'") == "up",
      str(stack.sql("select * from agent_status")))
a1 = stack.start_agent("a1", on_stop="hand-over", binary=stack.dir / "bin2" / "orrery-agentd")
check("the upgraded agent is up", bool(a1.settled()))
same_as(before, "after an upgrade", since)
players_undisturbed("after an upgrade")
stack.request("stopper", "of the new shim")
new = stack.ready("stopper", "of the new shim")
shim = next((shim for shim in stack.shims() if shim.pid == getattr(stack.process("stopper", "of the new shim"), "ppid", 0)), None)
check("a new server runs under the new shim", bool(new and shim) and shim.exe == str(stack.dir / "bin2" / "orrery-shim"), str(shim and shim.exe))

say("a server that exits while no agent runs")
go = stack.dir / "go"
stack.stub_kind("leaver", "ready", "wait-for", go, "print", "my last words", "status", "so it ends", "exit", 7)
stack.request("leaver")
leaver = stack.ready("leaver")
process = stack.process("leaver")
killed_agent(a1)
stack.write("go", "")
check("it exits", wait_until("its end", lambda: not process.alive(), 10))
check("and so does its shim", wait_until("the shim's end", lambda: not any(shim.pid == process.ppid for shim in stack.shims()), 5))
check("nobody has told the database", stack.row("leaver")["state"] == "ready")
a1 = stack.start_agent("a1")
check("the next agent reports it", bool(a1.settled()) and wait_until("the report", lambda: stack.row("leaver")["state"] != "ready", 10))
told = stack.events(since, f"server {leaver['server_id']}")[-1]
check("with its exit status and its last words", "exit status 7" in told["reason"] and "so it ends" in told["reason"], str(told))
logs = [log for log in (stack.dir / "a1" / "log").rglob("*") if log.is_file() and "my last words" in log.read_text(errors="replace")]
check("its log is there", len(logs) == 1, str(logs))
check("its run directory is removed", wait_until("the removal", lambda: not any(
    start["directory"].name.startswith(f"{leaver['server_id']}.") for start in a1.starts()), 5))

say("a second agent of the same name, and one on the same data directory")
before, since = running(), stack.last_event()
other = stack.start_agent("a1", data="a1-other")
check("another identity under its name is refused", other.wait(10) == 3, other.tail())
check("and the message says so", "a1" in other.tail() and "held by another" in other.tail(), other.tail())
twin = stack.start_agent("a1")
check("a second process on its data directory is refused", twin.wait(10) not in (None, 0), twin.tail())
same_as(before, "after both", since)
check("the first goes on", a1.running() and bool(a1.settled()))

say("its identity, copied to a machine that is up: a clone")
if os.getuid() == 0:
    clone_dir = stack.dir / "clone"
    clone_dir.mkdir(mode=0o700)
    for name in os.listdir(stack.dir / "a1"):
        if (stack.dir / "a1" / name).is_file():
            shutil.copy2(stack.dir / "a1" / name, clone_dir / name)
    for path in (clone_dir, *clone_dir.iterdir()):
        shutil.chown(path, "postgres", "postgres")
    stack.write("boot_id", "00000000-0000-4000-8000-000000000001\n")
    clone = stack.start_agent("a1", data="clone", wrap=lambda argv: [
        "unshare", "--mount", "--propagation", "private", "sh", "-c",
        'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', stack.dir / "boot_id", *unprivileged(argv)])
    check("the clone is refused", clone.wait(15) == 3, clone.tail())
    check("and the message says that it is up elsewhere", "up elsewhere" in clone.tail(), clone.tail())
    same_as(before, "after the clone", since)
    check("the first goes on", a1.running() and bool(a1.settled()))
else:
    print("ok - a clone  # SKIP only root can give a process another boot_id", flush=True)

say("an agent with a wrong clock")
if shutil.which("cc"):
    source = stack.write("wrong_clock.c", r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) { long s = 0; FILE *f = fopen(SHIFT_FILE, "r"); if (f) { if (fscanf(f, "%ld", &s) != 1) s = 0; fclose(f); } return s; }
int clock_gettime(clockid_t id, struct timespec *t) {
  int r = (int)syscall(SYS_clock_gettime, id, t);
  if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += shift();
  return r;
}
int gettimeofday(struct timeval *t, void *z) {
  struct timespec s; (void)z; clock_gettime(CLOCK_REALTIME, &s); t->tv_sec = s.tv_sec; t->tv_usec = s.tv_nsec / 1000; return 0;
}
time_t time(time_t *t) { struct timespec s; clock_gettime(CLOCK_REALTIME, &s); if (t) *t = s.tv_sec; return s.tv_sec; }
""")
    library = stack.dir / "wrong_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", f'-DSHIFT_FILE="{stack.dir}/shift"', "-o", library, source], check=True)
    before, since = running(), stack.last_event()
    stack.write("shift", "86400\n")
    killed_agent(a1)
    a1 = stack.start_agent("a1", env={"LD_PRELOAD": str(library)})
    check("a day ahead it is up", bool(a1.settled()))
    check("its clock is wrong indeed", time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400)) in a1.tail(40), a1.tail(3))
    for shift in (-86400, 0, 3600):
        stack.write("shift", f"{shift}\n")
        time.sleep(1.5)
    same_as(before, "a day ahead, a day behind, stepping", since)
    stack.request("stopper", "by the wrong clock")
    check("it starts servers", bool(stack.ready("stopper", "by the wrong clock")))
    stack.write("shift", "-40000\n")
    stack.sql("select server_stop(%s)", stack.row("stopper", "by the wrong clock")["server_id"])
    check("and stops them", wait_until("the stop", lambda: stack.row("stopper", "by the wrong clock")["state"] == "stopped", 10))
    players_undisturbed("a wrong clock")
    killed_agent(a1)
    a1 = stack.start_agent("a1")
    a1.settled()
else:
    print("ok - a wrong clock  # SKIP there is no C compiler to make one with", flush=True)

def superseded(old, name, *copied):
    """Copies these parts of the agent's data directory and runs a second agent on the copy, in the same boot: it takes over, and
    the older one is refused by its token. Returns the second."""
    twin_dir = stack.dir / name
    twin_dir.mkdir(mode=0o700)
    for part in copied:
        subprocess.run(["cp", "-a", old.data / part, twin_dir], check=True)
    if os.getuid() == 0:
        shutil.chown(twin_dir, USER, USER)
    wanted = {server.key for server in old.servers() if server.key[1] in ("login", "chat")}
    since, began = stack.last_event(), time.monotonic()
    twin = stack.start_agent("a1", data=name)
    doubled, ended_after = set(), None
    # The younger is up, the older has ended, and what is always on runs once: by then nothing may have run twice.
    def settled():
        nonlocal ended_after
        served = stack.servers()
        doubled.update(ref for ref, count in collections.Counter(server.ref for server in served).items() if count > 1)
        if ended_after is None and not old.running():
            ended_after = time.monotonic() - began
        return ended_after is not None and {server.key for server in twin.servers()} >= wanted and known() == set(running()) and stack.value(
            "select count(*)::int from server_status where kind in ('login', 'chat') and state = 'ready'") == len(wanted)
    check(f"{name}: the older agent ends, and what is always on is ready under the younger", wait_until("the younger", settled, 60, every=0.02),
          f"{old.tail(3)}\n{twin.tail(3)}\n{stack.sql('select kind, key, agent, state, reason from server_status')}")
    say(f"the older ended after {ended_after or 0:.1f} s, the younger had all after {time.monotonic() - began:.1f} s")
    check(f"{name}: the older was refused, and says what is wrong", old.wait(5) == 4 and "another process runs as agent 'a1'" in old.tail(30)
          and "wrong token" in old.tail(30), f"status {old.popen.returncode}: {old.tail(30)}")
    check(f"{name}: exactly one obeys", twin.running() and bool(twin.settled()) and stack.agents_up("a1"))
    check(f"{name}: no server ran twice under one epoch", not doubled, str(doubled))
    served = stack.servers()
    check(f"{name}: each key is served once, by the younger", len({server.key for server in served}) == len(served)
          and {server.agent for server in served} == {name}, str([(server.key, server.ref, server.agent) for server in served]))
    check(f"{name}: no shim of the older is left", not [shim.line for shim in stack.shims() if f"/{old.data.name}/run/" in shim.line])
    given = stack.owner("select server_id, epoch from orrery.command where verb = 'start' group by 1, 2 having count(*) > 1")
    check(f"{name}: no epoch was given twice", not given and stack.last_event() > since, str(given))
    return twin


say("a copy of its identity in the same boot")
bots.stop()
a1 = superseded(a1, "a1-identity", *(path.name for path in (stack.dir / "a1").iterdir() if path.is_file() and path.name != "lock"))

say("a copy of its whole data directory in the same boot, of the servers' run directories too")
a1 = superseded(a1, "a1-whole", *(path.name for path in (stack.dir / "a1-identity").iterdir() if path.name != "lock" and not path.is_socket()))

say("the agent drains")
check("it stops with status 0", a1.stop() == 0, a1.tail())
check("nothing of it is left", not running() and not stack.shims(), str(running()))
check("agent_status says stopped", stack.value("select state from agent_status where name = 'a1'") == "stopped", str(stack.sql("select * from agent_status")))
finish()
