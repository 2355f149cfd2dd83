"""Row 4: full logins through a real login server: handshake, credentials, LoginResult, a character selected, the hand-off committed
(fsync on) and known to zone and chat, until the client has its Redirect. Each login comes from an address of its own and, while
sessions live, of an account of its own.

With a password (Argon2id, interactive limits): logins a second over the floor, bare crypto_pwhash_str_verify on as many threads as the
login server hashes on (hash_threads), measured before and after. With a device key: logins per CPU-second of the login server and all of
PostgreSQL's processes, the tick, the agent's and the other servers' calls included. Its floor: the public-key operations that
the login server cannot do without. The client goes when it has its Redirect: its session lapses at its zone after what is counted.
"""

import ctypes
import hashlib
import json
import os
import statistics
import subprocess
import threading
import time

import psycopg2.extras

from echo import BUILD
from fleet_heartbeat import exponent
from harness import Stack, wait_until
from simulated import CpuMeter

ACCOUNTS, ZONES, ZONE_SESSIONS = 20_000, 10, 4_000
DEVICE_CONCURRENT, DEVICE_SECONDS = 1000, 8     # less than lapse_ms, so that no session ends in it
PASSWORD_CONCURRENT, PASSWORD_SECONDS = 16, 9   # more than threads, fewer than hash_queue_max
CURVE, CURVE_SECONDS = (1, 10, 100), 4
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

MAKE_ACCOUNTS = """
with made as (
  insert into orrery.account (cluster, name, password_hash, created_at)
  select 'bench', 'bench' || n, %s, now() from generate_series(0, %s) n returning account_id, name
), played as (
  insert into orrery."character" (cluster, account_id, name, kind, key, created_at)
  select 'bench', m.account_id, m.name, 'yard', (m.account_id %% %s)::text, now() from made m)
select account_id, substr(name, 6)::int as number from made"""

sodium = ctypes.CDLL("libsodium.so.23")
sodium.sodium_init()


def password_hash():
    made = ctypes.create_string_buffer(128)
    # crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE
    if sodium.crypto_pwhash_str(made, b"password", ctypes.c_ulonglong(8), ctypes.c_ulonglong(2), ctypes.c_size_t(64 << 20)) != 0:
        raise RuntimeError("libsodium cannot hash")
    return made.value


def device_key(number):
    """Public key of the pair that bench_login_load makes from key_of(number)."""
    seed = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=32).digest()
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    sodium.crypto_sign_seed_keypair(public, secret, seed)
    return public.raw


def verify_floor(stored, threads, seconds):
    """Bare verifications a second on so many threads."""
    done, begun = [0] * threads, time.monotonic()

    def verify(index):
        while time.monotonic() - begun < seconds:
            if sodium.crypto_pwhash_str_verify(stored, b"password", ctypes.c_ulonglong(8)) != 0:
                raise RuntimeError("the hash is not the password's")
            done[index] += 1
    workers = [threading.Thread(target=verify, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / (time.monotonic() - begun)


def key_floor_us(rounds=2000):
    """CPU microseconds of what a device login asks of the login server at least: an ephemeral key, two Diffie-Hellmans, a signature verified."""
    public, secret, shared = ctypes.create_string_buffer(32), os.urandom(32), ctypes.create_string_buffer(32)
    sign_public, sign_secret, signature = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
    sodium.crypto_sign_seed_keypair(sign_public, sign_secret, secret)
    message = os.urandom(79)
    sodium.crypto_sign_detached(signature, None, message, ctypes.c_ulonglong(len(message)), sign_secret)
    begun = time.thread_time()
    for _ in range(rounds):
        sodium.crypto_scalarmult_curve25519_base(public, secret)
        sodium.crypto_scalarmult_curve25519(shared, secret, public)
        sodium.crypto_scalarmult_curve25519(shared, secret, public)
        sodium.crypto_sign_verify_detached(signature, message, ctypes.c_ulonglong(len(message)), sign_public)
    return (time.thread_time() - begun) / rounds * 1e6


class Site:
    """A cluster with a login server, zones and accounts, and what is asked of it."""

    def __init__(self, **settings):
        self.stack = Stack(cluster="bench", fsync=True, settings=settings)
        stack = self.stack
        stack.start_agent("a1", "127.73.0.1", "127.73.1.1")
        stack.sql("select server_kind_set('yard', %s, %s)", json.dumps(
            {"role": "zone", "command": "orrery-sessiond", "args": ["--role", "zone"], "cpu_millis": 1, "memory_bytes": 1 << 20,
             "sessions_max": ZONE_SESSIONS}), stack.cluster)
        self.stored = password_hash()
        if not stack.agents_up("a1") or not stack.start_cluster():
            raise RuntimeError("the bench cluster did not start")
        for key in range(ZONES):
            stack.sql("select server_request('yard', %s)", str(key))
        self._accounts()
        if not wait_until("the zones", lambda: stack.count("server", "kind = 'yard' and state = 'ready'") == ZONES, 60):
            raise RuntimeError("the zones did not start")
        at, key = stack.value("select connect from cluster_status where cluster = 'bench'").split("@")[1].split("#")
        host, port = at.split(",")[0].rsplit(":", 1)
        self.target = ("bench", host, port, key.split(",")[0])
        self.login = next(server for server in stack.servers() if server.key == ("bench", "login", "main"))
        self.meter = CpuMeter(stack.postmaster_pid())

    def _accounts(self):
        connection = self.stack.connect()
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(MAKE_ACCOUNTS, (self.stored.decode(), ACCOUNTS - 1, ZONES))
            psycopg2.extras.execute_values(
                cursor, "insert into orrery.device (cluster, account_id, public_key, name, enrolled_at) values %s",
                [(account, device_key(number)) for account, number in cursor.fetchall()], "('bench', %s, %s, 'bench', now())", page_size=1000)
            # not the tables of sessions, which a plan must not take for empty for good
            cursor.execute("vacuum analyze orrery.account, orrery.\"character\", orrery.device")
        connection.close()

    def login_s(self):
        """CPU seconds that the login server has used, of all its threads."""
        with open(f"/proc/{self.login.pid}/stat") as stat:
            words = stat.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) * TICK_S

    def play(self, credentials, until, concurrent, seconds):
        """Logs in again and again; the load's words, and CPU microseconds a login of login server and database."""
        stack = self.stack
        if not wait_until("earlier sessions' end", lambda: stack.count("session", "state <> 'ended'") == 0, 60, 0.5):
            raise RuntimeError("sessions of an earlier run do not end")
        before, login_before = dict(self.meter.sample().used), self.login_s()
        load = subprocess.Popen([BUILD / "bench_login_load", *map(str, (*self.target, credentials, until, ACCOUNTS, 0, concurrent, seconds))],
                                stdout=subprocess.PIPE, text=True)
        while load.poll() is None:
            time.sleep(0.25)
            self.meter.sample()
        database, login = sum(self.meter.since(before).values()), self.login_s() - login_before
        played = json.loads(load.stdout.read())
        if played["failed"] or not played["done"]:
            raise SystemExit(f"{played['failed']} of {played['done'] + played['failed']} logins failed ({played['why']}): the figure means nothing")
        if played["done"] > ACCOUNTS:
            raise SystemExit(f"{played['done']} logins of {ACCOUNTS} accounts: some waited for another's end")
        played.update(database_us=database / played["done"] * 1e6, login_us=login / played["done"] * 1e6,
                      per_s=played["done"] / played["seconds"], per_cpu_s=played["done"] / (database + login))
        return played


def other(figure, measured, floor="-", spread="-"):
    return {"figure": figure, "measured": measured, "floor": floor, "goal": "-", "spread": spread, "verdict": "-"}


def measure_devices(runs):
    site = Site()
    site.play("device", "redirect", DEVICE_CONCURRENT, CURVE_SECONDS)  # a backend plans each statement anew five times
    full, floors = [], []
    for _ in range(runs):
        floors.append(key_floor_us())
        full.append(site.play("device", "redirect", DEVICE_CONCURRENT, DEVICE_SECONDS))
    short = site.play("device", "login", DEVICE_CONCURRENT, CURVE_SECONDS)
    curve = [(concurrent, site.play("device", "redirect", concurrent, CURVE_SECONDS)) for concurrent in CURVE]
    site.stack.close()

    def middle(what):
        return statistics.median(played[what] for played in full)
    value, each = middle("per_cpu_s"), [played["per_cpu_s"] for played in full]
    yield {"figure": f"device key → Redirect, {DEVICE_CONCURRENT} at once, logins a CPU-second", "measured": f"{value:,.0f}", "floor": "-",
           "goal": "≥ 1,500", "spread": f"{min(each):,.0f}..{max(each):,.0f}", "verdict": "met" if value >= 1500 else "short"}
    yield other("  CPU a login: login server + database", f"{middle('login_us'):.0f} + {middle('database_us'):.0f} µs",
                f"{statistics.median(floors):.0f} µs of keys")
    yield other("  of the clock: a second; p50 / p99", f"{middle('per_s'):,.0f}; {middle('p50_ms'):.0f} / {middle('p99_ms'):.0f} ms")
    yield other("  until LoginResult, then a logout, CPU a login", f"{short['login_us']:.0f} + {short['database_us']:.0f} µs")
    curve.append((DEVICE_CONCURRENT, {what: middle(what) for what in ("login_us", "database_us")}))
    for concurrent, played in curve:
        yield other(f"  {concurrent} at once: CPU a login", f"{played['login_us']:.0f} + {played['database_us']:.0f} µs")
    points = [(concurrent, concurrent * (played["login_us"] + played["database_us"])) for concurrent, played in curve]
    yield other("  exponent of the cost of so many, 1 to 1,000 at once", f"{exponent(points):.2f}")


def measure_passwords(runs, threads):
    site = Site(hash_threads=threads)
    site.play("password", "redirect", PASSWORD_CONCURRENT, 2)
    ratios, played, floors = [], [], []
    for _ in range(runs):
        before = verify_floor(site.stored, threads, PASSWORD_SECONDS / 2)
        played.append(site.play("password", "redirect", PASSWORD_CONCURRENT, PASSWORD_SECONDS))
        floors.append((before + verify_floor(site.stored, threads, PASSWORD_SECONDS / 2)) / 2)
        ratios.append(played[-1]["per_s"] / floors[-1])
    site.stack.close()
    value = statistics.median(ratios)
    yield {"figure": f"password → Redirect, hash_threads {threads}, of the floor", "measured": f"{value:.2f} ×",
           "floor": f"{statistics.median(floors):.1f}/s", "goal": "≥ 0.90 ×", "spread": f"{min(ratios):.2f}..{max(ratios):.2f}",
           "verdict": "met" if value >= 0.9 else "short"}
    yield other("  logins a second; CPU a login", f"{statistics.median(p['per_s'] for p in played):.1f}; "
                f"{statistics.median(p['login_us'] + p['database_us'] for p in played) / 1000:.1f} ms")


def measure(runs):
    yield from measure_devices(runs)
    for threads in sorted({1, os.cpu_count()}):
        yield from measure_passwords(runs, threads)
