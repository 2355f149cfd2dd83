"""A whole Orrery of real processes in a directory of its own: PostgreSQL, agents, bots. Stopped and removed at exit.

As root everything runs as an unprivileged user (PostgreSQL refuses root), from copies that this user can read.
Environment: ORRERY_BUILD, the build tree (default build/release of this checkout); ORRERY_SQL_DIR, other SQL; ORRERY_KEEP keeps the directory.
"""

import atexit
import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import psycopg2
import psycopg2.extras

from found import processes

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ORRERY_BUILD", ROOT / "build" / "release"))
PG_BIN = pathlib.Path(os.environ.get("ORRERY_PG_BIN", "/usr/lib/postgresql/15/bin"))
USER = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
STARTED = time.monotonic()
CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x44000
REAL_HASHES = 2  # so many of a test's first accounts have a password hash as accounts have it

_checks = {"passed": 0, "failed": 0}
_stacks = []


def check(name, passed, why=""):
    """One line a check: ok or not ok."""
    _checks["passed" if passed else "failed"] += 1
    print(f"{'ok' if passed else 'not ok'} - {name}" + (f"  # {why}" if why and not passed else ""), flush=True)
    return passed


def say(text):
    print(f"# {time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


def finish():
    """Stops every stack, sees that nothing of it is left, and ends the program: status 0 only when something was checked
    and nothing failed."""
    for stack in _stacks:
        left = stack.stop()
        check("no process is left behind", not left, "; ".join(f"{process.pid} {process.line[:120]}" for process in left))
        stack.close()
    print(f"# {_checks['passed']} passed, {_checks['failed']} failed", flush=True)
    sys.exit(0 if _checks["passed"] and not _checks["failed"] else 1)


def wait_until(what, condition, seconds, every=0.1):
    """Polls until `condition()` is true; returns its last value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            if not value:
                say(f"waited {seconds} s in vain for {what}")
            return value
        time.sleep(every)


def own_mounts():
    """A mount namespace of this process, which is root's: what it mounts is gone with it, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a mount namespace")


def unprivileged(command):
    """The command line that runs `command` as USER."""
    if os.getuid() != 0:
        return list(map(str, command))
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--", *map(str, command)]


class Process:
    """A child in a session of its own, its output in a file."""

    def __init__(self, name, command, log, env=None, wrap=None):
        self.name, self.log = name, pathlib.Path(log)
        argv = list(map(str, command))
        argv = wrap(argv) if wrap else unprivileged(argv)
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **(env or {})}
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          env=environment, cwd="/", start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def kill(self, signum=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(signum)

    def stop(self, seconds=10, signum=signal.SIGTERM):
        """SIGTERM, then SIGKILL; returns the exit status."""
        self.kill(signum)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            say(f"{self.name} ignored {signum.name} for {seconds} s")
            self.kill()
            return self.popen.wait()

    def wait(self, seconds):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.popen.wait(seconds)
        return None

    def tail(self, lines=15):
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


class Agent(Process):
    """orrery-agentd, and how it was started, so that the like can be started again."""

    def __init__(self, stack, name, data, command, env=None, wrap=None):
        super().__init__(name, command, stack.dir / f"{data}.log", env=env, wrap=wrap)
        self.stack, self.data, self.command, self.env, self.wrap = stack, stack.dir / data, command, env, wrap
        self.started_at = time.time()

    def stop(self, seconds=20, signum=signal.SIGINT):
        """SIGINT drains whatever --on-stop says, SIGTERM does what --on-stop says; then SIGKILL. Returns the exit status."""
        return super().stop(seconds, signum)

    def again(self, **changes):
        """Another process in its place, as a service manager would start it."""
        agent = Agent(self.stack, self.name, changes.get("data", self.data.name), changes.get("command", self.command),
                      changes.get("env", self.env), changes.get("wrap", self.wrap))
        self.stack.processes.append(agent)
        return agent

    def starts(self):
        """What its run directory says of each start: the shim's state, with `directory`; None for one that cannot be read."""
        found = []
        for state in sorted(self.data.glob("run/*/state")):
            with contextlib.suppress(OSError, ValueError):
                found.append({**json.loads(state.read_text()), "directory": state.parent})
        return found

    def servers(self):
        return [server for server in self.stack.servers() if server.agent == self.data.name]

    def settled(self, seconds=20):
        """Waits until this very process is registered and up, and its inventory was compared."""
        return wait_until(f"{self.name}'s inventory", lambda: self.running() and self.stack.owner(
            "select 1 from orrery.agent a join orrery.agent_heartbeat b using (agent_id) where a.name = %s and a.state = 'up' "
            "and b.digest is not null and b.beat_at > a.registered_at and a.registered_at > to_timestamp(%s)", self.name, self.started_at), seconds)


class Stack:
    """One PostgreSQL with Orrery installed, and what a test starts around it."""

    initdb_options = ()

    def __init__(self, cluster="test", settings=None, fsync=False):
        self.cluster = cluster
        # Processes are killed in tests, never the machine: the system's cache outlives them. A recovery that first syncs every
        # file of the data directory takes as long as whatever else writes to that disk lets it.
        self.fsync = "on" if fsync else "off"
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="oe2e.", dir="/tmp"))
        self.processes = []
        self.postmaster = None
        self.closed = False
        # Loopback addresses of this process alone, so that stacks do not meet.
        self.net = f"127.{64 + os.getpid() % 16000 // 128}.{os.getpid() % 128 * 2}", f"127.{64 + os.getpid() % 16000 // 128}.{os.getpid() % 128 * 2 + 1}"
        self.hosts = {}
        self.at_stop = []  # called when all that was started here has stopped
        self.data = "pg"
        self.agent_password, self.session_password = secrets.token_hex(16), secrets.token_hex(16)
        _stacks.append(self)
        atexit.register(self.close)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, lambda number, _: sys.exit(128 + number))
        shutil.copytree(BUILD / "bin", self.dir / "bin", ignore=shutil.ignore_patterns("test_*", "bench_*"))
        shutil.copytree(os.environ.get("ORRERY_SQL_DIR") or ROOT / "sql", self.dir / "sql")
        shutil.copy(ROOT / "tests" / "e2e" / "stub_server.py", self.dir / "bin")
        (self.dir / "s").mkdir()
        if os.getuid() == 0:
            self.dir.chmod(0o755)
            subprocess.run(["chown", "-R", f"{USER}:", self.dir], check=True)
        self.make_database("pg")
        for name, value in (settings or {}).items():
            self.sql("select setting_set(%s, %s)", name, value)

    # PostgreSQL

    def make_database(self, name):
        """A new PostgreSQL in directory `name`, at the same address as any before it, with Orrery installed, running."""
        self.data = name
        self._init_database()
        self.start_database()
        self._install()
        # pg_cron starts the tick at the next full minute, or when it is started itself.
        self.stop_database()
        self.start_database()

    def _init_database(self):
        data, sockets = self.dir / self.data, self.dir / "s"
        self.run([PG_BIN / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--data-checksums", "--no-sync",
                  "--locale=C.UTF-8", "-E", "UTF8", *self.initdb_options])
        conf = f"""
listen_addresses = ''
unix_socket_directories = '{sockets}'
shared_preload_libraries = 'pg_cron'
cron.database_name = 'orrery'
cron.use_background_workers = off
cron.host = '{sockets}'
max_connections = 100
fsync = {self.fsync}
log_line_prefix = '%m [%p] %u %a '
"""
        hba = """
local all +orrery_agent scram-sha-256
local all +orrery_session scram-sha-256
local all all peer map=orrery
"""
        ident = "".join(f"orrery {user} {role}\n" for user in {USER, "root"} for role in ("postgres", "dba", "orrery_cron"))
        self.write(f"{self.data}/postgresql.auto.conf", conf)
        self.write(f"{self.data}/pg_hba.conf", hba)
        self.write(f"{self.data}/pg_ident.conf", ident)

    def spawn_database(self):
        """Starts PostgreSQL and does not wait for it. What an earlier one left is killed first, as a service manager does: a backend
        that waits for a lock inside of PostgreSQL whose holder was killed -9 waits for ever when the postmaster is gone too."""
        for left in processes():
            if left.cwd == str(self.dir / self.data):
                say(f"left of the earlier PostgreSQL: {left.pid} {left.state} {left.line}")
                left.kill()
        self.postmaster = Process("postgres", [PG_BIN / "postgres", "-D", self.dir / self.data], self.dir / "postgres.log")

    def start_database(self):
        self.spawn_database()
        if not wait_until("PostgreSQL", self.database_up, 30):
            say(self.postmaster.tail())
            raise RuntimeError("PostgreSQL did not start")

    def database_up(self):
        with contextlib.suppress(psycopg2.Error):
            self.connect(dbname="postgres").close()
            return True
        return False

    def kill_database(self, wait=True):
        """kill -9 of the postmaster; waits until its children have ended too, as a machine's crash would have it."""
        os.kill(self.postmaster_pid(), signal.SIGKILL)
        self.postmaster.wait(10)
        if wait:
            wait_until("the backends' end", lambda: not any(process.cwd == str(self.dir / self.data) for process in processes()), 20)

    def postmaster_pid(self):
        return int((self.dir / self.data / "postmaster.pid").read_text().split()[0])

    def stop_database(self):
        if self.postmaster and self.postmaster.running():
            self.postmaster.kill(signal.SIGINT)
            if self.postmaster.wait(20) is None:
                self.postmaster.kill()

    def connect(self, user="postgres", dbname="orrery", **more):
        return psycopg2.connect(host=str(self.dir / "s"), user=user, dbname=dbname, connect_timeout=5, **more)

    def sql(self, statement, *params, user="dba", notices=None):
        """Runs one statement as a DBA in a transaction of its own; returns its rows as dicts."""
        connection = self.connect(user)
        try:
            with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(statement, params or None)
                rows = cursor.fetchall() if cursor.description else []
            if notices is not None:
                notices.extend(connection.notices)
            return rows
        finally:
            connection.close()

    def value(self, statement, *params, user="dba"):
        rows = self.sql(statement, *params, user=user)
        return next(iter(rows[0].values())) if rows else None

    def owner(self, statement, *params):
        """As the superuser: for looking at tables, which nobody else may."""
        return self.sql(statement, *params, user="postgres")

    def count(self, table, where="true"):
        return self.owner(f"select count(*)::int as n from orrery.{table} where {where}")[0]["n"]

    # Orrery

    def _install(self):
        self.run([PG_BIN / "createdb", "-h", self.dir / "s", "-U", "postgres", "orrery"])
        self.orrery("db", "install", "--sql-dir", self.dir / "sql", "--cron-host", self.dir / "s", user="postgres")
        for statement in (
                "create role dba login",
                f"create role test_agent login in role orrery_agent password '{self.agent_password}'",
                f"create role test_session login in role orrery_session password '{self.session_password}'"):
            self.owner(statement)
        self.orrery("db", "grant-dba", "dba", user="postgres")
        self.sql("select cluster_create(%s)", self.cluster)
        self.sql("select cluster_grant('*', 'test_agent')")
        self.sql("select cluster_grant(%s, 'test_session')", self.cluster)
        self.write("agent.cred", self.conninfo("test_agent", self.agent_password), 0o600)
        self.write("session.cred", self.conninfo("test_session", self.session_password), 0o600)

    def conninfo(self, user, password=None):
        return f"host={self.dir / 's'} dbname=orrery user={user}" + (f" password={password}" if password else "")

    def orrery(self, *arguments, user="dba", check_status=True, text=None):
        """Runs the CLI; returns the CompletedProcess."""
        command = unprivileged([self.dir / "bin" / "orrery", "--db", self.conninfo(user), *arguments])
        done = subprocess.run(command, input=text, stdin=None if text is not None else subprocess.DEVNULL,
                              capture_output=True, text=True, cwd="/", timeout=120,
                              env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
        if check_status and done.returncode != 0:
            raise RuntimeError(f"orrery {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def addresses(self, host):
        """Public and private address of a machine, named by its data directory."""
        number = self.hosts.setdefault(host, len(self.hosts) + 1)
        return f"{self.net[0]}.{number}", f"{self.net[1]}.{number}"

    def start_agent(self, name, public=None, private=None, wrap=None, extra=(), data=None, on_stop="drain", binary=None, env=None):
        """An agent; its addresses are those of its data directory's name; on_stop: what SIGTERM does, drain or hand-over."""
        own = self.addresses(data or name)
        agent = Agent(self, name, data or name, [
            binary or self.dir / "bin" / "orrery-agentd", "--name", name, "--data-dir", self.dir / (data or name),
            "--db-file", self.dir / "agent.cred", "--cluster", f"{self.cluster}={self.dir / 'session.cred'}",
            "--public-bind", public or own[0], "--private-bind", private or own[1], "--on-stop", on_stop, *extra], env=env, wrap=wrap)
        self.processes.append(agent)
        return agent

    def agents_up(self, *names):
        return wait_until("agents " + ", ".join(names), lambda: self.value(
            "select count(*)::int from agent_status where name = any(%s) and state = 'up'", list(names)) == len(names), 20)

    def start_cluster(self, seconds=60):
        self.sql("select cluster_start(%s)", self.cluster)
        return wait_until("the cluster", lambda: self.cluster_state() == "running", seconds)

    def cluster_state(self):
        return self.value("select state from cluster_status where cluster = %s", self.cluster)

    def accounts(self, prefix, count, places, first=1):
        """Accounts prefix0001… with one character each, spread over `places`, all with the password of password.txt: the first
        REAL_HASHES under a hash as accounts have it, the others, when there are more than five, under a cheap one."""
        self.write("password.txt", "correct horse battery staple\n", 0o600)
        at = [item for kind, key in places for item in ("--at", f"{kind}:{key}")]
        self.orrery("--cluster", self.cluster, "account", "create", prefix, "--count", str(count),
                    *(["--first", str(first)] if first != 1 else []), "--password-file", self.dir / "password.txt", *at)
        if count > 5:
            names = [f"{prefix}{number:04d}" for number in range(first, first + count)]
            changed = self.owner("update orrery.account set password_hash = %s where cluster = %s and name = any (%s) returning name",
                                 cheap_hash(b"correct horse battery staple"), self.cluster, names[REAL_HASHES:])
            real = self.owner("select name from orrery.account where cluster = %s and name = any (%s) and password_hash like %s",
                              self.cluster, names, "$argon2id$v=19$m=65536,t=2,%")
            check(f"of {count} passwords {REAL_HASHES} are hashed at full cost", len(real) == REAL_HASHES and len(changed) == count - REAL_HASHES,
                  f"{len(real)}, and {len(changed)} cheaply")

    def start_bots(self, name, count, *extra, prefix="bot", first=1, password="password.txt", wrap=None, connect=None):
        """Players; connect: what a client is given, or a file of the caller's that it is in; the cluster's when it is not named."""
        if not isinstance(connect, pathlib.Path):
            connect = self.write(f"{name}.connect", (connect or self.value("select connect from cluster_status where cluster = %s", self.cluster)) + "\n")
        bots = Bots(name, [self.dir / "bin" / "orrery-bots", "--connect-file", connect, "--prefix", prefix,
                           "--first", str(first), "--count", str(count), "--password-file", self.dir / password,
                           "--events", *extra], self.dir / f"{name}.events", wrap=wrap)
        self.processes.append(bots)
        return bots

    def keep_page(self):
        """A file that says where the login servers are, as a game's page would: kept so from now on."""
        page = self.dir / "page"

        def keep():
            shown = None
            while True:
                with contextlib.suppress(psycopg2.Error):
                    connect = self.value("select connect from cluster_status where cluster = %s", self.cluster)
                    if connect and connect != shown:
                        self.write(page.name, connect + "\n")
                        shown = connect
                time.sleep(0.3)

        threading.Thread(target=keep, daemon=True).start()
        wait_until("the page to say where the cluster is", page.exists, 10)
        return page

    def keep_looking(self, look):
        """Looks at the tables each second from now on, whatever is being killed: `look(cursor)` is what is wrong, by name."""
        looks = Looks()

        def keep():
            while True:
                with contextlib.suppress(psycopg2.Error), contextlib.closing(self.connect(options="-c statement_timeout=5s")) as connection:
                    connection.autocommit = True
                    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                        looks.found.update(look(cursor))
                        looks.count += 1
                time.sleep(1)

        threading.Thread(target=keep, daemon=True).start()
        return looks

    # Servers that do as they are told

    def stub_kind(self, kind, *words, **more):
        """A kind of server that does `words` (stub_server.py); `more` are members of its specification."""
        self.sql("select server_kind_set(%s, %s, %s)", kind, json.dumps(
            {"role": "other", "command": "stub_server.py", "args": list(map(str, words)), "cpu_millis": 10, **more}), self.cluster)

    def request(self, kind, key="one"):
        return self.value("select server_request(%s, %s, %s)", kind, key, self.cluster)["server_id"]

    def row(self, kind, key="one"):
        """The newest server of a key, whatever its state: server_id, epoch, state, reason, failures, agent."""
        rows = self.owner("select s.server_id, s.epoch, s.state, s.reason, s.failures, s.pid, a.name as agent from orrery.server s "
                          "left join orrery.agent a using (agent_id) where s.kind = %s and s.key = %s order by s.server_id desc limit 1", kind, key)
        return rows[0] if rows else None

    def ready(self, kind, key="one", seconds=15):
        """Waits until a server is ready; returns its row, or None."""
        def look():
            row = self.row(kind, key)
            return row if row and row["state"] == "ready" else None
        return wait_until(f"{kind} {key} to be ready", look, seconds)

    def process(self, kind, key="one"):
        """The first process of a server, by /proc; None when there is none."""
        found = [server for server in self.servers() if server.key == (self.cluster, kind, key)]
        return min(found, key=lambda server: server.born) if found else None

    def events(self, since=0, what=""):
        """Events after number `since` about what begins with `what`, oldest first."""
        return self.sql("select event_id, recorded_at, what, change, rule, reason from event_log where event_id > %s and what like %s",
                        since, f"{what}%")

    def last_event(self):
        return self.value("select coalesce(max(event_id), 0) from event_log")

    # Files, processes

    def write(self, path, text, mode=0o644):
        """Writes a file at once: who reads it meanwhile reads the old one or the new one."""
        file = self.dir / path
        new = file.with_name(file.name + ".new")
        new.write_text(text)
        new.chmod(mode)
        if os.getuid() == 0:
            shutil.chown(new, USER, USER)
        new.rename(file)
        return file

    def run(self, command):
        done = subprocess.run(unprivileged(command), capture_output=True, text=True, cwd="/", timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def alive(self):
        """Every process that names this directory: by executable, working directory, arguments or environment."""
        return [process for process in processes() if process.pid != os.getpid() and process.names(str(self.dir))]

    def servers(self):
        """Every process that was given the spawn contract by an agent of this stack, shims apart: found by /proc alone."""
        found = []
        for process in processes():
            if "ORRERY_SERVER_ID" in process.env and not process.is_shim and process.env.get(
                    "ORRERY_AGENT_SOCKET", "").startswith(f"{self.dir}/"):
                process.stack_dir = self.dir
                found.append(process)
        return found

    def shims(self):
        return [process for process in self.alive() if process.is_shim]

    def processes_of(self, agent):
        """Pids of the servers an agent runs, through whichever shims."""
        return [server.pid for server in agent.servers()]

    def stop(self):
        """Stops all, players first and agents draining; returns what is left all the same."""
        agents = [process for process in self.processes if isinstance(process, Agent) and process.running()]
        for process in reversed(self.processes):
            if process.running() and process not in agents:
                process.stop()
        for agent in agents:
            agent.kill(signal.SIGINT)
            agent.kill(signal.SIGCONT)
        for agent in agents:
            agent.stop()
        self.stop_database()
        while self.at_stop:
            self.at_stop.pop()()
        wait_until("the last processes' end", lambda: not self.alive(), 5)
        return self.alive()

    def close(self):
        """Stops all, kills what is left by pid; keeps the directory when ORRERY_KEEP is set."""
        if self.closed:
            return
        self.closed = True
        for process in self.stop():
            process.kill()
        if _checks["failed"]:
            for log in sorted(self.dir.glob("*.log")):
                say(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:]))
        if os.environ.get("ORRERY_KEEP"):
            say(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def cheap_hash(password):
    """Argon2id at the least cost there is (libsodium's crypto_pwhash_argon2id_OPSLIMIT_MIN and MEMLIMIT_MIN), for tests that wait for
    many players and not for their passwords: a hash as accounts have it takes 75 ms of a core and 64 MiB to verify."""
    sodium = ctypes.CDLL("libsodium.so.23")
    made = ctypes.create_string_buffer(128)
    if sodium.sodium_init() < 0 or sodium.crypto_pwhash_str(
            made, password, ctypes.c_ulonglong(len(password)), ctypes.c_ulonglong(1), ctypes.c_size_t(8192)) != 0:
        raise RuntimeError("libsodium cannot hash")
    return made.value.decode()


class Looks:
    """How often somebody has looked, and what was wrong, by name."""

    def __init__(self):
        self.count, self.found = 0, {}


class Bots(Process):
    """orrery-bots with its events, a JSON object a line."""

    def events(self, **match):
        """Events so far whose members equal `match`."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if not line.startswith("{"):
                continue
            with contextlib.suppress(json.JSONDecodeError):
                event = json.loads(line)
                if all(event.get(key) == value for key, value in match.items()):
                    found.append(event)
        return found

    def bots_with(self, **match):
        """Names of the bots that have such an event."""
        return {event["bot"] for event in self.events(**match) if "bot" in event}
