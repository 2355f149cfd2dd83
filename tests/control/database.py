"""A PostgreSQL of a test's own with Orrery installed and nothing that ticks by itself; clusters and logins made in it.

Stopped and removed at exit. Environment: ORRERY_BUILD, the build tree; ORRERY_SQL_DIR, the SQL (default: this checkout's);
ORRERY_KEEP keeps the directory.
"""

import atexit
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import psycopg2
import psycopg2.extras

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import BUILD, PG_BIN, ROOT, USER, Process, check, finish, say, unprivileged, wait_until  # noqa: E402,F401

CONF = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0777
shared_preload_libraries = 'pg_cron'
cron.database_name = 'orrery'
cron.use_background_workers = off
cron.host = '{sockets}'
max_connections = 150
fsync = off
full_page_writes = off
deadlock_timeout = '100ms'
log_line_prefix = '%m [%p] %u %a '
"""


class Database:
    """`login` makes a real login, so that what it may and sees is what that of a daemon or a DBA may and sees."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="octl.", dir="/tmp"))
        self.log = self.dir / "postgres.log"
        self.postmaster = None
        self.owner_pid = os.getpid()
        atexit.register(self.close)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, lambda number, _: sys.exit(128 + number))
        (self.dir / "s").mkdir()
        (self.dir / "bin").mkdir()
        shutil.copy(BUILD / "bin" / "orrery", self.dir / "bin")
        shutil.copytree(os.environ.get("ORRERY_SQL_DIR") or ROOT / "sql", self.dir / "sql")
        if os.getuid() == 0:
            self.dir.chmod(0o755)
            subprocess.run(["chown", "-R", f"{USER}:", self.dir], check=True)
        self._run([PG_BIN / "initdb", "-D", self.dir / "pg", "-U", "postgres", "--auth=trust", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync"])
        (self.dir / "pg" / "postgresql.auto.conf").write_text(CONF.format(sockets=self.dir / "s"))
        self.postmaster = Process("postgres", [PG_BIN / "postgres", "-D", self.dir / "pg"], self.log)
        if not wait_until("PostgreSQL", self._up, 30):
            raise RuntimeError(f"PostgreSQL did not start: {self.postmaster.tail()}")
        self._run([PG_BIN / "createdb", "-h", self.dir / "s", "-U", "postgres", "orrery"])
        self._run([self.dir / "bin" / "orrery", "--db", f"host={self.dir / 's'} dbname=orrery user=postgres", "db", "install",
                   "--sql-dir", self.dir / "sql"])
        self.sql("update cron.job set active = false")
        wait_until("pg_cron's end", self._no_job, 10, every=0.2)
        self.login("dba", "orrery_admin", "*")

    def _run(self, command):
        done = subprocess.run(unprivileged(command), capture_output=True, text=True, cwd="/", timeout=120,
                              env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")

    def _no_job(self):
        """Ends pg_cron's jobs; true when there was none for a moment, since one may just be starting."""
        ended = self.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'orrery_cron'")
        time.sleep(0.2)
        return not ended and not self.sql("select 1 from pg_stat_activity where usename = 'orrery_cron'")

    def _up(self):
        with contextlib.suppress(psycopg2.Error):
            self.connect(dbname="postgres").close()
            return True
        return False

    def connect(self, user="postgres", dbname="orrery", **more):
        """A connection, to be committed or rolled back; jsonb comes as Python values."""
        return psycopg2.connect(host=str(self.dir / "s"), user=user, dbname=dbname, connect_timeout=10, **more)

    def login(self, name, role=None, cluster=None):
        """A login in `role` that sees `cluster` (* all, None: none)."""
        self.sql(f'create role "{name}" login' + (f" in role {role}" if role else ""))
        if cluster:
            self.sql("select orrery.cluster_grant(%s, %s)", cluster, name)
        return name

    def sql(self, statement, *params, user="postgres"):
        """One statement in a transaction of its own; its rows as dicts."""
        with contextlib.closing(self.connect(user)) as connection:
            with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(statement, params or None)
                return cursor.fetchall() if cursor.description else []

    def value(self, statement, *params, user="postgres"):
        rows = self.sql(statement, *params, user=user)
        return next(iter(rows[0].values())) if rows else None

    def cli(self, *arguments, user="postgres"):
        """`orrery` as that login."""
        return subprocess.run([BUILD / "bin" / "orrery", "--db", f"host={self.dir / 's'} dbname=orrery user={user}", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)

    def has(self, routine):
        """Is there a function or procedure orrery.<routine>?"""
        return self.value("select exists (select from pg_proc where proname = %s and pronamespace = 'orrery'::regnamespace)", routine)

    def close(self):
        if os.getpid() != self.owner_pid:
            return
        if self.postmaster and self.postmaster.running():
            self.postmaster.kill(signal.SIGINT)
            if self.postmaster.wait(20) is None:
                self.postmaster.kill()
        if os.environ.get("ORRERY_KEEP"):
            say(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def machine(clusters, **more):
    """What an agent says of its machine when it registers."""
    return {"host": "machine", "boot_id": "boot-1", "version": "0", "cpus": 8, "memory_bytes": 1 << 35,
            "public_address": "192.0.2.1", "private_address": "10.0.0.1", "private_port": 7000, "port_min": 21000,
            "port_max": 21099, "clusters": clusters, "incarnation": None, "lineage": None, **more}
