#!/usr/bin/python3
"""The agent as a unit of systemd: it comes up at boot with nobody logged in, and again after a reboot and a power cut; its
restart, its kill and its hang leave the servers running. Needs root.

A machine is systemd as process 1 in namespaces of its own (processes, mounts, network, host name, cgroups) over a root that holds
this machine's /usr, read-only, and else only what the installation in docs/operations.md puts there. PostgreSQL is outside.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

from harness import ROOT, Stack, check, finish, own_mounts, say, wait_until

SYSTEMD = pathlib.Path("/lib/systemd/systemd")
UNIT = "orrery-agentd.service"

# Runs as process 1 of the new namespaces: root directory, cgroup directory, directory of PostgreSQL's socket. What belongs to the
# kernel that all share (/proc/sys, /sys) is read-only, and the boot id is new, as at every boot.
INIT = r"""
set -eu
root=$1 cgroup=$2 sockets=$3
echo 0 >"$cgroup/cgroup.procs"
exec unshare --cgroup bash -euc '
  root=$1 sockets=$2
  mount --bind "$root" "$root"
  mount --bind /usr "$root/usr"
  mount -o remount,bind,ro "$root/usr"
  mount --bind "$root/local" "$root/usr/local"
  mount --bind "$sockets" "$root/srv/pg"
  mount -t proc proc "$root/proc"
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  cat /proc/sys/kernel/random/uuid >"$root/run/boot_id"
  mount --bind "$root/run/boot_id" "$root/proc/sys/kernel/random/boot_id"
  ip link set lo up
  hostname machine
  cd "$root"
  mkdir -p .outside
  pivot_root . .outside
  umount -l .outside
  exec env -i container=orrery-test PATH=/usr/local/bin:/usr/sbin:/usr/bin /lib/systemd/systemd
' _ "$root" "$sockets"
"""


class Machine:
    """A machine that can be booted, rebooted and cut off from power."""

    def __init__(self, stack, name):
        self.stack, self.name, self.init, self.group = stack, name, None, None
        self.root = stack.dir / f"{name}.root"
        for path in ("etc", "var", "run", "tmp", "proc", "sys", "dev", "root", "srv/pg", "usr", "local/bin"):
            (self.root / path).mkdir(parents=True)
        for path in ("bin", "sbin", "lib", "lib64"):
            (self.root / path).symlink_to(f"usr/{path}")
        (self.root / "tmp").chmod(0o1777)
        (self.root / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")
        self.cgroups = stack.dir / f"{name}.cgroups"
        self.cgroups.mkdir()
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", self.cgroups], check=True)

    def install(self, values):
        """What docs/operations.md says under "A machine", with --root where a person would be on the machine; the example's
        configuration with these values."""
        deploy, etc = ROOT / "deploy", self.root / "etc"
        self.install_programs()
        for source, target in (("orrery-agentd.service", "systemd/system"), ("sysusers.d/orrery.conf", "sysusers.d"),
                               ("tmpfiles.d/orrery.conf", "tmpfiles.d")):
            (etc / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(deploy / source, etc / target)
        for command in (["systemd-sysusers"], ["systemd-tmpfiles", "--create", "orrery.conf"],
                        ["systemctl", "enable", UNIT]):
            subprocess.run([command[0], f"--root={self.root}", *command[1:]], check=True, capture_output=True)
        config = (deploy / "orrery-agentd.conf.example").read_text()
        for name, value in values.items():
            config, count = re.subn(f"(?m)^{name}=.*$", f"{name}={value}", config)
            if count != 1:
                raise RuntimeError(f"the example sets {name} {count} times")
        (etc / "orrery/agentd.conf").write_text(config)
        override = etc / "systemd/system" / f"{UNIT}.d" / "test.conf"
        override.parent.mkdir()
        # The /proc that the unit gets anew shows the boot id of the kernel that all share.
        override.write_text("[Service]\nWatchdogSec=2s\nRestartSec=500ms\n"
                            "BindReadOnlyPaths=/run/boot_id:/proc/sys/kernel/random/boot_id\n")
        user = next(line for line in (etc / "passwd").read_text().splitlines() if line.startswith("orrery:")).split(":")
        for name, login, password in (("agent", "test_agent", self.stack.agent_password),
                                      ("test", "test_session", self.stack.session_password)):
            path = etc / "orrery/cred" / name
            path.write_text(f"host=/srv/pg dbname=orrery user={login} password={password}\n")
            path.chmod(0o600)
            os.chown(path, int(user[2]), int(user[3]))

    def install_programs(self):
        """New files in the place of old ones, which whoever runs them keeps."""
        for program in ("orrery-agentd", "orrery-shim", "orrery-sessiond"):
            new = self.root / "local/bin" / f".{program}.new"
            shutil.copy(self.stack.dir / "bin" / program, new)
            new.rename(new.with_name(program))

    def boot(self):
        self.group = self.cgroups / f"orrery-boot.{os.getpid()}.{self.name}"
        self.group.mkdir(exist_ok=True)
        # Its parent ends it, and is ended with this test; and it may change nothing of the kernel that all share.
        self.init = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--bounding-set", "-sys_module,-sys_rawio,-sys_time,-syslog,-sys_nice",
             "unshare", "--pid", "--mount", "--net", "--uts", "--ipc",
             "bash", "-c", 'setpriv --pdeathsig KILL bash -c "$@" & exec 2>/dev/null; wait $!', "_", INIT, "_", self.root, self.group,
             self.stack.dir / "s"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=sys.stderr, start_new_session=True)

    def pid1(self):
        """Its process 1, as seen from outside."""
        with open(f"/proc/{self.init.pid}/task/{self.init.pid}/children") as children:
            return int(children.read().split()[0])

    def run(self, *command):
        """A command on the machine, as root."""
        return subprocess.run(["nsenter", "--target", str(self.pid1()), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                               "--root", "--wd=/", "--", *command], capture_output=True, text=True, timeout=60)

    def unit(self, what):
        """A property of the unit."""
        return self.run("systemctl", "show", "--value", "--property", what, UNIT).stdout.strip()

    def processes(self):
        """Pid → executable of every process of the unit, as seen from outside."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for pid in (self.group / "system.slice" / UNIT / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    found[int(pid)] = os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
        return found

    def pids(self, program):
        return {pid for pid, name in self.processes().items() if name == program}

    def end(self, how):
        """systemctl reboot or poweroff; returns the signal by which process 1 ended: SIGHUP is a reboot, SIGINT a power off."""
        self.run("systemctl", how)
        return self.init.wait(60) - 128

    def power_cut(self):
        os.kill(self.pid1(), signal.SIGKILL)
        self.init.wait(10)

    def log(self):
        """What the unit said since it was booted."""
        return self.run("journalctl", "--no-pager", "--output=short-monotonic", "--lines=80", "--unit", UNIT).stdout

    def close(self):
        if self.init and self.init.poll() is None:
            say(self.log())
            self.init.kill()
            self.init.wait()
        for directory, _, _ in os.walk(self.cgroups, topdown=False):
            if pathlib.Path(directory) != self.cgroups:
                wait_until(f"{directory} to be empty", lambda at=directory: remove(at), 5)
        subprocess.run(["umount", self.cgroups], check=False)


def remove(directory):
    try:
        os.rmdir(directory)
    except OSError:
        return False
    return True


if os.getuid() != 0 or not SYSTEMD.exists():
    print(f"ok - boot under systemd  # SKIP {'there is no ' + str(SYSTEMD) if os.getuid() == 0 else 'needs root'}")
    sys.exit(0)

own_mounts()
stack = Stack(settings={"lease_ms": 5000, "lease_margin_ms": 1000})
machine = Machine(stack, "m1")


def servers():
    """What the database says runs on the machine: (server, epoch) → state."""
    return {(row["server_id"], row["epoch"]): row["state"] for row in stack.owner(
        "select server_id, epoch, state::text from orrery.server where state <> 'stopped' order by server_id")}


def ready(count=2):
    states = servers()
    return len(states) == count and set(states.values()) == {"ready"} and states


def settled():
    """Both servers are ready, and run; their pids."""
    return wait_until("two servers ready", lambda: ready() and len(machine.pids("orrery-sessiond")) == 2
                      and machine.pids("orrery-sessiond"), 30)


def unit_is_up(but):
    """The unit is active under another main pid than `but`."""
    return wait_until("the unit", lambda: machine.unit("ActiveState") == "active" and machine.unit("MainPID") != but, 20)


def same(what, pids, before):
    """After `what` the same processes are the same servers, for some heartbeats on end."""
    check(f"{what}: the agent heartbeats", stack.agents_up("m1"))
    time.sleep(3)
    check(f"{what}: the servers' processes are the same", machine.pids("orrery-sessiond") == pids,
          f"{pids} → {machine.processes()}")
    check(f"{what}: and the same servers under the same epochs, ready", servers() == before, f"{before} → {servers()}")


def status_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)


# What a server may do and what it may not, whatever the files' modes say: those under anyone/ are everybody's.
MAY_WRITE = ("probe", "/tmp/probe", "/var/tmp/probe")
READ_ONLY = ("/etc/anyone/probe", "/usr/local/anyone/probe", "/var/anyone/probe", "/srv/anyone/probe", "/usr/probe", "/etc/orrery/probe")
HOMES = ("/home", "/home/anyone", "/home/anyone/letter", "/root", "/root/anyone/letter")


def prepare_probe():
    """Files that anybody may write and read, were it not for the unit."""
    for name in ("etc", "local", "var", "srv", "home", "root"):
        anyone = machine.root / name / "anyone"
        anyone.mkdir(parents=True)
        anyone.chmod(0o777)
        (anyone / "letter").write_text("for whoever reads it\n")
    for name in ("home", "root"):
        (machine.root / name).chmod(0o755)
    shutil.copy(stack.dir / "bin" / "stub_server.py", machine.root / "local/bin")


def probe():
    """A server tries what the unit's hardening is there to refuse."""
    words = [word for paths, verb in ((MAY_WRITE + READ_ONLY, "try-write"), (HOMES, "try-read")) for path in paths for word in (verb, path)]
    stack.stub_kind("probe", *words, "ready")
    number = stack.request("probe")
    check("a server that tries what it may not is ready", bool(stack.ready("probe")), str(stack.row("probe")))
    said = dict(line.rsplit(": ", 1) for path in (machine.root / "var/lib/orrery/log").rglob("*probe*") if path.is_file()
                for line in path.read_text().splitlines() if ": " in line)
    login = ["setpriv", "--reuid=orrery", "--regid=orrery", "--clear-groups", "--"]
    for path in MAY_WRITE:
        check(f"it may write {path}", said.get(f"write {path}") == "done", str(said))
    for path in READ_ONLY:
        check(f"to it {path} is on a read-only file system", said.get(f"write {path}") == "EROFS", str(said))
    for path in HOMES:
        check(f"it may not read {path}", said.get(f"read {path}") in ("EACCES", "ENOENT"), str(said))
    outside = [machine.run(*login, *command).returncode for command in (
        *(["touch", path] for path in READ_ONLY if "anyone" in path), *(["grep", "-qr", "whoever", path] for path in HOMES))]
    check("outside of the unit its user may do all of that", outside == [0] * len(outside), str(outside))
    stack.sql("select server_stop(%s)", number)
    check("it stops", wait_until("its end", lambda: stack.row("probe")["state"] == "stopped", 15), str(stack.row("probe")))


def tests():
    machine.install({"name": "m1", "cluster": "test=/etc/orrery/cred/test", "public-bind": "127.74.0.1", "private-bind": "127.74.1.1"})
    prepare_probe()
    say("the machine boots for the first time")
    machine.boot()
    check("the agent registers and is up", stack.agents_up("m1"))
    check("nobody is logged in", machine.run("systemctl", "list-units", "--plain", "--no-legend", "session-*.scope",
                                             "user@*.service", "getty@*.service").stdout == "")
    check("the unit is active, since the agent said so", machine.unit("ActiveState") == "active")
    check("the cluster starts", stack.start_cluster())
    pids = settled()
    check("its servers run in the unit", bool(pids), str(machine.processes()))
    for pid in pids:
        status = status_of(pid)
        check("a server has no capability, gains none, and is filtered", all(
            status[name].strip() == value for name, value in
            (("CapBnd", "0" * 16), ("CapEff", "0" * 16), ("NoNewPrivs", "1"), ("Seccomp", "2"))), str(status))
        check("and is not root", "0" not in status["Uid"].split(), status["Uid"])

    probe()

    say("the programs are replaced; systemctl restart")
    before, agent = servers(), machine.unit("MainPID")
    machine.install_programs()
    check("the unit restarts", machine.run("systemctl", "restart", UNIT).returncode == 0 and unit_is_up(agent))
    same("restarted", pids, before)

    say("the agent is killed")
    agent = machine.unit("MainPID")
    machine.run("kill", "-KILL", agent)
    check("systemd starts it again", unit_is_up(agent))
    same("killed", pids, before)

    say("the agent hangs")
    agent = machine.unit("MainPID")
    machine.run("kill", "-STOP", agent)
    check("systemd notices, and starts it again", unit_is_up(agent))
    same("hung", pids, before)

    say("systemctl stop, then start")
    machine.run("systemctl", "stop", UNIT)
    check("the agent is gone", machine.unit("ActiveState") == "inactive" and not machine.pids("orrery-agentd"))
    check("its servers are not", machine.pids("orrery-sessiond") == pids)
    machine.run("systemctl", "start", UNIT)
    same("stopped and started", pids, before)

    say("the machine is rebooted")
    last = max(epoch for _, epoch in before)
    check("it goes down to be rebooted", machine.end("reboot") == signal.SIGHUP, str(machine.init.returncode))
    check("its servers were stopped before, and the agent said so", stack.value(
        "select state from agent_status where name = 'm1'") == "stopped" and "ready" not in servers().values(), str(servers()))
    check("nothing of it runs any more", not machine.processes(), str(machine.processes()))
    machine.boot()
    check("servers are started again without anybody's doing", wait_until("new servers", lambda: ready() and min(
        epoch for _, epoch in servers()) > last, 40), f"{before} → {servers()}")
    pids = settled()
    check("and run in the unit", bool(pids), str(machine.processes()))

    say("its power is cut, and comes back")
    before = servers()
    last = max(epoch for _, epoch in before)
    machine.power_cut()
    check("nothing of it runs any more", wait_until("its end", lambda: not machine.processes(), 5), str(machine.processes()))
    machine.boot()
    check("servers are started again", wait_until("new servers", lambda: ready() and min(
        epoch for _, epoch in servers()) > last, 40), f"{before} → {servers()}")
    check("and run in the unit", bool(settled()), str(machine.processes()))
    check("those before are known to have ended with the machine", stack.value(
        "select count(*)::int from event_log where reason like '%the machine was rebooted%'") == 2, str(stack.sql(
            "select what, change, rule, reason from event_log order by event_id desc limit 20")))
    say("systemctl poweroff")
    check("the machine goes down", machine.end("poweroff") == signal.SIGINT, str(machine.init.returncode))
    check("nothing of it runs any more", not machine.processes(), str(machine.processes()))


try:
    tests()
except Exception:
    check("the test ends", False, traceback.format_exc())
finally:
    machine.close()
finish()
