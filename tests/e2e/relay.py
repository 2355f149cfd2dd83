#!/usr/bin/python3
"""relay.py CONFIGURATION: a bad network between game clients and servers, for UDP over IPv4 and IPv6.

It owns the addresses that servers advertise (fronts): what a client sends to a port there goes on to the server's port of the same
number, from a socket of that client's own, so that the server sees one address a client, as behind a NAT. Clients come in groups, by
their host; each group has a policy of its own, and one generator a direction, from the seed: the fate of a group's nth datagram of a
direction is the same for a seed and a policy, whatever became of those before it.

CONFIGURATION is JSON:
    {"seed": n, "fronts": [{"front": host, "server": host, "ports": [[first, last]…]}],
     "groups": {name: {"hosts": [host…], "outward": [host…], "policy": {…}, "capture": file?}}}
outward: addresses of the servers' side, from which the group's datagrams are sent; a client keeps one until a rebind gives it the next.
A policy, for both directions unless told otherwise; what is not named is as Policy has it:
    loss, double, flip              chances, 0 to 1: not to arrive, to arrive twice (each copy with a delay of its own), with one bit changed
    delay_ms [least, most]          of each datagram by itself: what is spread wide enough is reordered
    rebind_ms [least, most]         of each client of which something was heard lately: from one new address and port to the next

Commands, a JSON object a line on standard input, each answered by a line:
    {"policy": {…}, "group": name}          the whole policy anew
    {"cut_s": seconds, "group": name, "way"?: "to_servers" | "to_clients"}
                                            nothing passes for so long, both ways when none is named
    {"counts": true}                        → {group: {…}, "relay": {…}}, as class Group and Relay.counts have it
It ends with its standard input.

A capture is JSON lines {"t": seconds, "from", "to": "host:port", "bytes": hex, "lost"?: true, "forged"?: true}: each datagram of the
group once, when it reached the relay, under the addresses of the servers' side. One that arrives with a bit changed stands there
as lost, and as it was delivered as forged; copies do not stand there.
"""

import heapq
import json
import random
import resource
import select
import socket
import sys
import time
from dataclasses import dataclass, field

TO_SERVERS, TO_CLIENTS = 0, 1
BATCH = 64  # datagrams read in a row from one socket
STALE_S = 5.0  # an address that a client had is kept for so long: nobody else gets it, and what comes is counted
REBOUND_S = 3.0  # clients not heard of for longer are not rebound
# A stream, for the measure of a rebind's gap: so many datagrams, of at least so many bytes, no rarer than this. Challenges, acks and
# pings are smaller, lines of chat rarer.
STREAM_RUN, STREAM_BYTES, STREAM_S = 8, 80, 0.3
PORTS = 20_000, 60_000  # of the outward sockets


@dataclass
class Policy:
    loss: float = 0.0
    double: float = 0.0
    flip: float = 0.0
    delay_ms: tuple = (0.0, 0.0)
    rebind_ms: tuple = ()


@dataclass
class Fate:
    """What becomes of one datagram: delays in seconds, one a copy; none when it is lost; flipped: which bit, as a part of all bits."""

    delays: list
    flipped: float = None


class Fates:
    """Draws as many numbers for each datagram, whatever the policy: the nth fate depends on the seed, n and the policy alone."""

    def __init__(self, seed):
        self._random = random.Random(seed).random

    def next(self, policy):
        draw = self._random
        lost, double, flip, bit, first, second = draw(), draw(), draw(), draw(), draw(), draw()
        if lost < policy.loss:
            return Fate([])
        least, most = policy.delay_ms
        delays = [(least + (most - least) * first) / 1000]
        if double < policy.double:
            delays.append((least + (most - least) * second) / 1000)
        return Fate(delays, bit if flip < policy.flip else None)


def flipped(data, where):
    """`data` with one bit changed; `where` from 0 to 1."""
    bit = int(where * len(data) * 8)
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def text_of(address):
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def udp_socket(host, port):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO: fragments nothing itself
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


@dataclass
class Counts:
    """Of one direction of a group."""

    arrived: int = 0
    delivered: int = 0  # copies too
    lost: int = 0
    cut: int = 0  # not passed while nothing did
    doubled: int = 0
    flipped: int = 0
    overtaken: int = 0  # delivered after one of the same client and direction that came later
    bytes: int = 0
    bytes_max: int = 0


class Group:
    def __init__(self, name, seed, configuration):
        self.name = name
        self.policy = Policy(**configuration.get("policy", {}))
        self.fates = [Fates(f"{seed} {name} to servers"), Fates(f"{seed} {name} to clients")]
        self.random = random.Random(f"{seed} {name} rebinds")
        self.counts = [Counts(), Counts()]
        self.cut_until = [0.0, 0.0]
        self.outward = {family: [host for host in configuration["outward"] if (":" in host) == (family == 6)] for family in (4, 6)}
        self.rebinds = 0
        self.stale = 0  # datagrams that came to an address that its client had before
        self.gaps_ms = []  # in a server's stream, around each rebind, as its client saw them
        self.clients = 0
        self.capture = open(configuration["capture"], "w", encoding="ascii") if configuration.get("capture") else None

    def to_json(self):
        return {"to_servers": vars(self.counts[TO_SERVERS]), "to_clients": vars(self.counts[TO_CLIENTS]), "clients": self.clients,
                "rebinds": self.rebinds, "stale": self.stale, "gaps_ms": [round(gap, 1) for gap in self.gaps_ms]}


class Flow:
    """One client's address: where it is on the clients' side, and its socket on the servers'."""

    def __init__(self, group, client, outward):
        self.group, self.client, self.outward = group, client, outward
        self.turn = 0  # of the outward addresses
        self.socket = None
        self.heard_at = 0.0
        self.came, self.went = [0, 0], [-1, -1]  # by direction: datagrams so far, the latest of them that was delivered
        self.streams = {}  # server: when its last big datagram was delivered, and how many followed each other closely
        self.broken = {}  # server: the same of those that streamed when the address changed last


@dataclass
class Relay:
    groups: dict
    by_host: dict  # client's host: Group
    poll: object = field(default_factory=select.epoll)
    readable: dict = field(default_factory=dict)  # descriptor: (function, its arguments)
    flows: dict = field(default_factory=dict)  # client address: Flow
    fronts: dict = field(default_factory=dict)  # server address: the socket that clients take for it
    due: list = field(default_factory=list)  # heap of (when, number, function, arguments)
    number: int = 0
    strangers: int = 0  # datagrams of no known client's, or no known server's
    unsent: int = 0

    @classmethod
    def of(cls, configuration):
        groups = {name: Group(name, configuration["seed"], one) for name, one in configuration["groups"].items()}
        by_host = {host: groups[name] for name, one in configuration["groups"].items() for host in one["hosts"]}
        relay = cls(groups, by_host)
        for front in configuration["fronts"]:
            for port in (port for first, last in front["ports"] for port in range(first, last + 1)):
                sock = udp_socket(front["front"], port)
                relay.fronts[front["server"], port] = sock
                relay._watch(sock, relay._from_client, sock, (front["server"], port))
        return relay

    def _watch(self, sock, function, *arguments):
        self.readable[sock.fileno()] = function, arguments
        self.poll.register(sock.fileno(), select.EPOLLIN)

    def _forget(self, sock):
        self.poll.unregister(sock.fileno())
        del self.readable[sock.fileno()]
        sock.close()

    def at(self, when, function, *arguments):
        self.number += 1
        heapq.heappush(self.due, (when, self.number, function, arguments))

    # --- clients' addresses ---

    def _flow(self, client, now):
        flow = self.flows.get(client)
        if flow is None:
            group = self.by_host.get(client[0])
            if group is None:
                return None
            flow = self.flows[client] = Flow(group, client, group.outward[6 if ":" in client[0] else 4])
            group.clients += 1
            self._bind(flow)
            self._plan_rebind(flow, now)
        return flow

    def _bind(self, flow):
        host = flow.outward[flow.turn % len(flow.outward)]
        flow.turn += 1
        while True:
            try:
                flow.socket = udp_socket(host, flow.group.random.randrange(*PORTS))
                break
            except OSError as error:
                if error.errno != 98:  # EADDRINUSE
                    raise
        self._watch(flow.socket, self._from_server, flow.socket, flow)
        flow.address = text_of((host, flow.socket.getsockname()[1]))

    def _plan_rebind(self, flow, now):
        if flow.group.policy.rebind_ms:
            self.at(now + flow.group.random.uniform(*flow.group.policy.rebind_ms) / 1000, self._rebind, flow, flow.group.policy)

    def _rebind(self, now, flow, policy):
        if flow.group.policy is not policy:
            return
        if now - flow.heard_at < REBOUND_S:
            old = flow.socket
            self.readable[old.fileno()] = self._stale, (old, flow.group)
            self.at(now + STALE_S, lambda now, sock: self._forget(sock), old)
            self._bind(flow)
            flow.group.rebinds += 1
            for server, (last, run) in flow.streams.items():
                if run >= STREAM_RUN and now - last < STREAM_S:
                    flow.broken.setdefault(server, last)
        self._plan_rebind(flow, now)

    def _stale(self, now, sock, group):
        for _ in range(BATCH):
            try:
                sock.recv(65536)
            except OSError:
                return
            group.stale += 1

    # --- datagrams ---

    def _from_client(self, now, sock, server):
        for _ in range(BATCH):
            try:
                data, client = sock.recvfrom(65536)
            except OSError:
                return
            flow = self._flow(client[:2], now)
            if flow is None:
                self.strangers += 1
                continue
            flow.heard_at = now
            self._judge(now, flow, TO_SERVERS, server, data)

    def _from_server(self, now, sock, flow):
        for _ in range(BATCH):
            try:
                data, server = sock.recvfrom(65536)
            except OSError:
                return
            if server[:2] not in self.fronts:
                self.strangers += 1
                continue
            self._judge(now, flow, TO_CLIENTS, server[:2], data)

    def _judge(self, now, flow, direction, server, data):
        group = flow.group
        counts = group.counts[direction]
        counts.arrived += 1
        counts.bytes += len(data)
        counts.bytes_max = max(counts.bytes_max, len(data))
        flow.came[direction] += 1
        fate = group.fates[direction].next(group.policy)
        is_cut = now < group.cut_until[direction]
        delivered = data
        if is_cut:
            counts.cut += 1
        elif not fate.delays:
            counts.lost += 1
        else:
            if fate.flipped is not None and data:
                delivered = flipped(data, fate.flipped)
                counts.flipped += 1
            counts.doubled += len(fate.delays) - 1
            for delay in fate.delays:
                if delay > 0:
                    self.at(now + delay, self._deliver, flow, direction, server, delivered, flow.came[direction])
                else:
                    self._deliver(now, flow, direction, server, delivered, flow.came[direction])
        if group.capture:
            sides = (flow.address, text_of(server)) if direction == TO_SERVERS else (text_of(server), flow.address)
            missing = is_cut or not fate.delays or delivered is not data
            self._record(group, now, sides, data, ',"lost":true' if missing else "")
            if delivered is not data:
                self._record(group, now, sides, delivered, ',"forged":true')

    @staticmethod
    def _record(group, now, sides, data, flag):
        group.capture.write(f'{{"t":{now:.6f},"from":"{sides[0]}","to":"{sides[1]}","bytes":"{data.hex()}"{flag}}}\n')

    def _deliver(self, now, flow, direction, server, data, number):
        counts = flow.group.counts[direction]
        counts.delivered += 1
        if number < flow.went[direction]:
            counts.overtaken += 1
        else:
            flow.went[direction] = number
        try:
            if direction == TO_SERVERS:
                flow.socket.sendto(data, server)
            else:
                self.fronts[server].sendto(data, flow.client)
        except OSError:
            self.unsent += 1
        if direction == TO_CLIENTS and len(data) >= STREAM_BYTES:
            last, run = flow.streams.get(server, (0.0, 0))
            flow.streams[server] = now, run + 1 if now - last < STREAM_S else 0
            before = flow.broken.pop(server, None) if flow.broken else None
            if before is not None:
                flow.group.gaps_ms.append((now - before) * 1000)

    # --- commands ---

    def command(self, line):
        said = json.loads(line)
        now = time.monotonic()
        if "counts" in said:
            return self.counts()
        group = self.groups[said["group"]]
        if "policy" in said:
            group.policy = Policy(**said["policy"])
            for flow in self.flows.values():
                if flow.group is group:
                    self._plan_rebind(flow, now)
        if "cut_s" in said:
            for direction, way in enumerate(("to_servers", "to_clients")):
                if said.get("way", way) == way:
                    group.cut_until[direction] = now + said["cut_s"]
        return {}

    def counts(self):
        used = resource.getrusage(resource.RUSAGE_SELF)
        for group in self.groups.values():
            if group.capture:
                group.capture.flush()
        return {**{name: group.to_json() for name, group in self.groups.items()},
                "relay": {"cpu_s": round(used.ru_utime + used.ru_stime, 3), "strangers": self.strangers, "unsent": self.unsent}}

    def run(self):
        unread = b""
        self.poll.register(sys.stdin.fileno(), select.EPOLLIN)
        while True:
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                _, _, function, arguments = heapq.heappop(self.due)
                function(now, *arguments)
            wait = max(self.due[0][0] - time.monotonic(), 0) if self.due else -1
            for fd, _ in self.poll.poll(wait):
                if fd != sys.stdin.fileno():
                    if fd in self.readable:
                        function, arguments = self.readable[fd]
                        function(time.monotonic(), *arguments)
                    continue
                data = sys.stdin.buffer.raw.read(65536)
                if not data:
                    return
                *lines, unread = (unread + data).split(b"\n")
                for line in lines:
                    print(json.dumps(self.command(line)), flush=True)


def main():
    relay = Relay.of(json.loads(sys.argv[1]))
    print(json.dumps({"ready": len(relay.fronts)}), flush=True)
    relay.run()


if __name__ == "__main__":
    main()
