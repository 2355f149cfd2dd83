"""Simulated agents: each a connection of its own that makes the calls of a real agent, by the same statements; and a meter of the
CPU that PostgreSQL spends. One thread drives all of them.
"""

import contextlib
import ctypes
import ctypes.util
import hashlib
import heapq
import json
import os
import select
import time

from harness import Stack, wait_until

REGISTER = b"select orrery.agent_register($1::text, $2::text, $3::jsonb)"
HEARTBEAT = b"select orrery.agent_heartbeat($1::bigint, $2::text, $3::jsonb, $4::text, $5::jsonb)"
REPORT = b"select orrery.agent_report($1::bigint, $2::text, $3::jsonb)"
EMPTY = b"select orrery.bench_empty($1::bigint, $2::text, $3::jsonb, $4::text, $5::jsonb)"

# What a call costs that does nothing: the same arguments, the same language, the same rights.
EMPTY_FUNCTION = """
create function orrery.bench_empty(bigint, text, jsonb, text, jsonb) returns jsonb language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$ begin return null; end $$;
grant execute on function orrery.bench_empty(bigint, text, jsonb, text, jsonb) to orrery_agent
"""

pq = ctypes.CDLL("libpq.so.5")
for name, result in (("PQconnectdb", ctypes.c_void_p), ("PQgetResult", ctypes.c_void_p), ("PQgetvalue", ctypes.c_char_p),
                     ("PQerrorMessage", ctypes.c_char_p), ("PQresultErrorMessage", ctypes.c_char_p), ("PQfreemem", None),
                     ("PQresultErrorField", ctypes.c_char_p),
                     ("PQnotifies", ctypes.c_void_p), ("PQclear", None), ("PQfinish", None)):
    getattr(pq, name).restype = result
for name in ("PQstatus", "PQsocket", "PQconsumeInput", "PQisBusy", "PQgetResult", "PQresultStatus", "PQresultErrorMessage", "PQntuples",
             "PQclear", "PQfinish", "PQerrorMessage", "PQnotifies", "PQfreemem"):
    getattr(pq, name).argtypes = [ctypes.c_void_p]
pq.PQresultErrorField.argtypes = [ctypes.c_void_p, ctypes.c_int]
pq.PQgetvalue.argtypes = pq.PQgetisnull.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
pq.PQsendQueryParams.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
                                 ctypes.c_void_p, ctypes.c_int]


class Notification(ctypes.Structure):
    _fields_ = [("channel", ctypes.c_char_p), ("pid", ctypes.c_int), ("payload", ctypes.c_char_p)]


class Connection:
    """A connection of libpq: one statement under way at a time. One that waited for a lock in vain is sent again, as agents do."""

    again = 0  # how often, of all

    def __init__(self, conninfo):
        self.pq = pq.PQconnectdb(conninfo.encode())
        if pq.PQstatus(self.pq) != 0:
            raise RuntimeError(pq.PQerrorMessage(self.pq).decode())
        self.fd = pq.PQsocket(self.pq)
        self.busy = False

    def send(self, sql, *params):
        self.sent = (sql, *params)
        values = (ctypes.c_char_p * len(params))(*[p if p is None or isinstance(p, bytes) else str(p).encode() for p in params])
        if not pq.PQsendQueryParams(self.pq, sql, len(params), None, values, None, None, 0):
            raise RuntimeError(pq.PQerrorMessage(self.pq).decode())
        self.busy = True

    def receive(self):
        """True and the answer's only value, when it has come; False otherwise. To be called when the socket is readable."""
        if not pq.PQconsumeInput(self.pq):
            raise RuntimeError(pq.PQerrorMessage(self.pq).decode())
        if not self.busy or pq.PQisBusy(self.pq):
            return False, None
        value, in_vain = None, False
        while result := pq.PQgetResult(self.pq):
            if pq.PQresultStatus(result) not in (1, 2):
                in_vain = pq.PQresultErrorField(result, ord("C")) == b"55P03"
                if not in_vain:
                    raise RuntimeError(pq.PQresultErrorMessage(result).decode())
            if pq.PQntuples(result) and not pq.PQgetisnull(result, 0, 0):
                value = pq.PQgetvalue(result, 0, 0)
            pq.PQclear(result)
        self.busy = False
        if in_vain:
            Connection.again += 1
            self.send(*self.sent)
            return False, None
        return True, value

    def notifications(self):
        payloads = []
        while found := pq.PQnotifies(self.pq):
            payloads.append(Notification.from_address(found).payload.decode())
            pq.PQfreemem(found)
        return payloads

    def call(self, sql, *params):
        """Sends and waits; the only value, or None."""
        self.send(sql, *params)
        while True:
            select.select([self.fd], [], [])
            done, value = self.receive()
            if done:
                return value

    def close(self):
        pq.PQfinish(self.pq)


class SimulatedAgent:
    """Registers, heartbeats, carries out at once what it is told, and reports it."""

    def __init__(self, conninfo, index, cluster):
        self.index, self.cluster = index, cluster
        self.connection = Connection(conninfo)
        self.servers, self.stopping, self.reports, self.relays = {}, set(), [], []
        self.want_inventory, self.asked_again, self.under_way = True, False, None
        # Told (agent, command) when a server starts or is to stop; on_stop returns true when it calls exited() later.
        self.on_start = self.on_stop = None
        self.received, self.received_at = 0, None  # commands, and when the last came
        self.connection.call(b"listen orrery_doorbell")
        machine = {"host": f"m{index}", "boot_id": "1", "version": "0", "cpus": 64, "memory_bytes": 1 << 36,
                   "public_address": f"127.80.{index // 250}.{index % 250 + 1}", "private_address": f"127.81.{index // 250}.{index % 250 + 1}",
                   "private_port": 7000, "port_min": 20000, "port_max": 24999, "clusters": [cluster], "incarnation": None, "lineage": None}
        answer = json.loads(self.connection.call(REGISTER, f"a{index}", hashlib.sha256(str(index).encode()).hexdigest(), json.dumps(machine)))
        self.agent_id, self.token = answer["agent_id"], answer["token"]
        self.listens = answer["listen"]
        if not self.listens:
            self.connection.call(b"unlisten orrery_doorbell")

    def inventory(self):
        return json.dumps([{"server_id": server, "epoch": epoch, "state": state} for (server, epoch), state in sorted(self.servers.items())])

    def heartbeat(self, now):
        if self.connection.busy:
            self.asked_again = True
            return
        inventory = self.inventory()
        digest = hashlib.sha256(inventory.encode()).hexdigest()[:16]
        load = json.dumps({"cpu": round(0.2 + (self.index + now) % 10 / 100, 3), "memory_used_bytes": 1 << 30})
        self.under_way = ("heartbeat", now)
        self.connection.send(HEARTBEAT, self.agent_id, self.token, load, digest, inventory if self.want_inventory else None)

    def empty(self, now):
        if not self.connection.busy:
            self.under_way = ("empty", now)
            self.connection.send(EMPTY, self.agent_id, self.token, b'{"cpu":0.2,"memory_used_bytes":1}', b"0123456789abcdef", None)

    def readable(self):
        """What came: [(what, when it was sent)], and the doorbells."""
        done, value = self.connection.receive()
        bells = self.connection.notifications()
        if not done:
            return None, bells
        what = self.under_way
        self.under_way = None
        if what[0] == "heartbeat":
            self.obey(json.loads(value))
        return what, bells

    def obey(self, answer):
        self.want_inventory = answer.get("want_inventory", False)
        if "relays" in answer:
            self.relays = [relay["agent_id"] for relay in answer["relays"]]
        for command in answer.get("commands", ()):
            self.received, self.received_at = self.received + 1, time.perf_counter()
            ref = (command["server_id"], command["epoch"])
            if command["verb"] == "start" and ref not in self.servers:
                self.servers[ref] = "ready"
                if self.on_start:
                    self.on_start(self, command)
                self.reports += [{"command_id": command["command_id"], "ok": True},
                                 {"server_id": ref[0], "epoch": ref[1], "state": "ready", "pid": 1}]
            elif command["verb"] == "stop":
                if ref not in self.stopping and not (self.on_stop and self.on_stop(self, command)):
                    self.exited(command)
                self.stopping.add(ref)
            else:
                self.reports.append({"command_id": command["command_id"], "ok": True})
        for unknown in answer.get("unknown", ()):
            self.servers.pop((unknown["server_id"], unknown["epoch"]), None)

    def exited(self, command):
        """A server that was told to stop has."""
        ref = (command["server_id"], command["epoch"])
        self.servers.pop(ref, None)
        self.reports += [{"command_id": command["command_id"], "ok": True},
                         {"server_id": ref[0], "epoch": ref[1], "state": "exited", "exit_code": 0, "signal": None,
                          "reason": "exit status 0", "by_agent": False}]

    def report(self, now):
        self.under_way = ("report", now)
        self.connection.send(REPORT, self.agent_id, self.token, json.dumps(self.reports))
        self.reports = []


class Fleet:
    """Agents on one loop. Doorbells reach those that do not listen through those that do, as datagrams between agents would."""

    def __init__(self, agents):
        self.agents = agents
        self.by_id = {agent.agent_id: agent for agent in agents}
        self.by_fd = {agent.connection.fd: agent for agent in agents}
        self.watched = {}
        self.poll = select.epoll()
        for fd in self.by_fd:
            self.poll.register(fd, select.EPOLLIN)

    def watch(self, connection, done):
        """Calls done() when the statement that is under way there is answered."""
        self.watched[connection.fd] = (connection, done)
        self.poll.register(connection.fd, select.EPOLLIN)

    def unwatch(self, connection):
        del self.watched[connection.fd]
        self.poll.unregister(connection.fd)

    def turn(self, wait, times):
        """Waits for at most so long, then handles what came."""
        for fd, _ in self.poll.poll(max(0.0, wait), 256):
            if fd not in self.watched:
                self.handle(self.by_fd[fd], times)
            elif self.watched[fd][0].receive()[0]:
                self.watched[fd][1]()
        now = time.monotonic()
        for agent in self.agents:
            if agent.reports and not agent.connection.busy:
                agent.report(now)

    def run(self, seconds, active=None, call="heartbeat", every_s=1.0, alongside=None):
        """Drives the first `active` agents, a call every `every_s` each, evenly spread. `alongside(now)`: called each turn; returns when
        it wants the next, and ends the run early with None. Returns {what: [seconds from sent to answered]}."""
        active = self.agents[:active]
        begun = time.monotonic()
        due = [(begun + every_s * n / len(active), n) for n in range(len(active))]
        heapq.heapify(due)
        times = {"heartbeat": [], "report": [], "empty": []}
        until, wanted = begun + seconds, begun
        while True:
            now = time.monotonic()
            if now >= until:
                break
            if alongside and now >= wanted:
                wanted = alongside(now)
                if wanted is None:
                    break
            while due[0][0] <= now:
                at, n = heapq.heappop(due)
                heapq.heappush(due, (at + every_s, n))
                agent = active[n]
                if not agent.connection.busy:
                    (agent.heartbeat if call == "heartbeat" else agent.empty)(now)
            wait = min(due[0][0], until, wanted if alongside else until) - time.monotonic()
            self.turn(wait, times)
        while any(agent.connection.busy for agent in self.agents):
            self.turn(1, times)
        return times

    def handle(self, agent, times):
        what, bells = agent.readable()
        now = time.monotonic()
        if what:
            times[what[0]].append(now - what[1])
            if agent.reports and what[0] != "empty":
                agent.report(now)
            elif agent.asked_again:
                agent.asked_again = False
                agent.heartbeat(now)
        for bell in bells:
            named = None if bell == "*" else {int(word) for word in bell.split(",")}
            if named is None or agent.agent_id in named:
                agent.heartbeat(now)
            for relay in agent.relays:
                if (named is None or relay in named) and relay in self.by_id:
                    self.by_id[relay].heartbeat(now)

    def close(self):
        self.poll.close()
        for agent in self.agents:
            agent.connection.close()


class CpuMeter:
    """CPU seconds of PostgreSQL's processes, by what they are: agents, tick, other. Processes that come and go between two samples
    count with what they had used at the last one."""

    def __init__(self, postmaster_pid):
        self.postmaster, self.used, self.kind = postmaster_pid, {}, {}
        self.sample()

    def sample(self):
        with open(f"/proc/{self.postmaster}/task/{self.postmaster}/children") as children:
            pids = [self.postmaster, *map(int, children.read().split())]
        for pid in pids:
            with contextlib.suppress(OSError, ValueError):
                with open(f"/proc/{pid}/schedstat") as stat:
                    self.used[pid] = int(stat.read().split()[0]) / 1e9
                if pid not in self.kind:
                    with open(f"/proc/{pid}/cmdline") as title:
                        words = title.read()
                    self.kind[pid] = "agents" if " test_agent " in words else "tick" if " orrery_cron " in words else "other"
        return self

    def since(self, before):
        """Seconds by kind since `before`, a copy of `used`."""
        total = {"agents": 0.0, "tick": 0.0, "other": 0.0}
        self.sample()
        for pid, used in self.used.items():
            total[self.kind.get(pid, "other")] += used - before.get(pid, 0.0)
        return total


def big_stack(connections, **settings):
    """A Stack for so many connections, with the running cluster "bench" and the empty function; agents are judged late, so that those
    that are silent for a while in a measurement stay up."""
    stack = Stack(cluster="bench", settings={"lease_ms": 600000, **settings}, fsync=True)
    stack.stop_database()
    with open(stack.dir / stack.data / "postgresql.auto.conf", "a") as conf:
        conf.write(f"max_connections = {connections + 50}\nshared_buffers = 256MB\nmax_wal_size = 4GB\n")
    stack.start_database()
    stack.owner(EMPTY_FUNCTION)
    return stack


def make_fleet(stack, count, servers_each):
    """`count` agents that are up, with so many ready servers each. The servers are written as placing and starting them would leave
    them: one after another through server_request they would take an hour."""
    conninfo = stack.conninfo("test_agent", stack.agent_password)
    fleet = Fleet([SimulatedAgent(conninfo, index, stack.cluster) for index in range(count)])
    fleet.run(1.2)
    stack.sql("select cluster_start(%s)", stack.cluster)
    fleet.run(10, alongside=lambda now: now + 0.1 if stack.cluster_state() != "running" else None)
    stack.sql("select server_kind_set('room', %s)", json.dumps(
        {"role": "other", "command": "true", "cpu_millis": 1, "memory_bytes": 1 << 20, "on_isolation": "hold"}))
    stack.owner("""
        with wanted as (
          select a.agent_id, n, orrery.epoch_next() as epoch from orrery.agent a, generate_series(1, %s) n order by a.agent_id, n
        ), made as (
          insert into orrery.server (cluster, kind, key, agent_id, epoch, state, rule, reason, state_at, requested_at, token_hash, on_isolation,
            public_host, public_port, private_host, private_port, cpu_millis, memory_bytes)
          select %s, 'room', w.agent_id || '.' || w.n, w.agent_id, w.epoch, 'requested', 'bench', 'bench', now(), now(), '\\x00', 'stop',
            '127.80.0.1', 20000 + 2 * w.n, '127.81.0.1', 20001 + 2 * w.n, 1, 1 << 20
          from wanted w
          returning *
        ), ports as (
          insert into orrery.port (agent_id, protocol, port, cluster, server_id, name, taken_at)
          select m.agent_id, 'udp', p.port, m.cluster, m.server_id, p.name, now()
          from made m, lateral (values (m.public_port, 'public'), (m.private_port, 'private')) p(port, name)
          on conflict do nothing
        )
        insert into orrery.placement (cluster, kind, key, server_id, epoch) select cluster, kind, key, server_id, epoch from made
        returning server_id""", servers_each, stack.cluster)
    for state in ("starting", "ready"):
        stack.owner("update orrery.server set state = %s, rule = 'bench' where kind = 'room' returning server_id", state)
    for row in stack.owner("select server_id, epoch, agent_id from orrery.server where kind = 'room'"):
        fleet.by_id[row["agent_id"]].servers[(row["server_id"], row["epoch"])] = "ready"
    connection = stack.connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    connection.close()
    # A backend plans a statement anew five times before it keeps a plan.
    fleet.run(8.5)
    fleet.run(60, alongside=lambda now: now + 0.5 if any(agent.want_inventory for agent in fleet.agents) else None)
    ready = stack.owner("select count(*)::int as n from orrery.server where state = 'ready'")[0]["n"]
    if ready < count * servers_each or any(agent.want_inventory for agent in fleet.agents):
        raise RuntimeError(f"{ready} servers are ready, and not every agent's inventory is known")
    return fleet


class CommandFlow:
    """So many commands a second to random servers of the fleet, each committed by itself."""

    @staticmethod
    def warm(stack, fleet, each=6, per_s=400):
        """Sends each agent so many commands: a backend plans each statement anew five times before it keeps a plan, so an agent's
        first commands cost ten times as much as all later ones."""
        servers = [next(iter(agent.servers))[0] for agent in fleet.agents] * each
        flow = CommandFlow(stack, per_s, None)
        flow.target = iter(servers).__next__
        fleet.run(2 * len(servers) / per_s + 10, alongside=lambda now: flow(now) if flow.sent < len(servers) else None)
        fleet.run(2)
        flow.close()

    def __init__(self, stack, per_s, rng):
        self.connection = Connection(f"host={stack.dir / 's'} dbname=orrery user=postgres options='-c client_min_messages=error'")
        self.servers = [row["server_id"] for row in stack.owner("select server_id from orrery.server where kind = 'room'")]
        self.every_s, self.rng, self.next, self.sent = 1 / per_s, rng, time.monotonic(), 0

    def __call__(self, now):
        if self.connection.busy:
            self.connection.receive()
        if not self.connection.busy and now >= self.next:
            self.connection.send(b"select orrery.command_add($1::bigint, 'tell', '{\"tell\":\"sync\"}', 'bench')", self.target())
            self.sent += 1
            self.next = max(self.next + self.every_s, now)
        return max(self.next, now + 0.001)

    def target(self):
        return self.rng.choice(self.servers)

    def close(self):
        wait_until("the last command", lambda: not self.connection.busy or self.connection.receive()[0], 5)
        self.connection.close()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")
