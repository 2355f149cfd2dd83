"""Captures made up for tests: a client and a server on virtual time, written by the same page as the decoder. A Scenario keeps to
the page; a test lets it do one thing that does not."""

import hashlib
import struct

import handshake
import make_vectors
import messages
import primitives as c
import wire
from capture import Datagram

CLIENT_AT, SERVER_AT, ELSEWHERE = "192.0.2.7:40000", "198.51.100.1:7000", "203.0.113.9:41000"


class Peer:
    """One set of traffic keys."""

    def __init__(self, scenario, client_id, server_id, c2s, s2c, client_at, server_at):
        self.scenario, self.client_at, self.server_at = scenario, client_at, server_at
        self.keys = {"client": (c2s, server_id), "server": (s2c, client_id)}
        self.next = {"client": 0, "server": 0}
        self.sequence = {}
        self.heard = {}  # who heard: (counter, when) of the newest

    def send(self, who, *frames, ack=None, counter=None, at=None, **flags):
        """One packet; `ack` may be "newest"."""
        key, receiver = self.keys[who]
        if counter is None:
            counter = self.next[who]
            self.next[who] += 1
        if ack == "newest":
            newest, when = self.heard[who]
            ack = (newest & 0xFFFFFFFF, (1 << min(newest, 32)) - 1, min(int(1000 * (self.scenario.t - when)), 65534))
        self.heard["server" if who == "client" else "client"] = (counter, self.scenario.t)
        packet = make_vectors.seal(key, receiver, counter, wire.write_payload(ack, frames))
        client_at = at or self.client_at
        ends = (client_at, self.server_at) if who == "client" else (self.server_at, client_at)
        return self.scenario.add(*ends, packet, **flags)

    def pieces(self, who, channel, data):
        """The frames of a reliable message."""
        out = []
        parts = [data[i : i + wire.PIECE_MAX] for i in range(0, len(data), wire.PIECE_MAX)] or [b""]
        for i, part in enumerate(parts):
            sequence = self.sequence.get((who, channel), 0)
            self.sequence[who, channel] = sequence + 1
            out.append(("piece", {"channel": channel, "sequence": sequence, "more": int(i + 1 < len(parts)), "bytes": part}))
        return out

    def say(self, who, message, ack=None, channel=0, **flags):
        """A control or chat message, acknowledged at once."""
        name = {0: "Control", 2: "Chat"}[channel]
        data = messages.SCHEMA.write(("Client" if who == "client" else "Server") + name, message)
        for frame in self.pieces(who, channel, data):
            self.send(who, frame, ack=ack, **flags)
            self.scenario.wait(0.002)
            self.send("server" if who == "client" else "client", ack="newest")

    def close(self, who, reason, times=3):
        for _ in range(times):
            self.send(who, ("close", {"reason": reason}))
            self.scenario.wait(0.05)

    def keep_alive(self, seconds):
        """Pings of both sides, and their acks."""
        for _ in range(int(seconds / 0.5)):
            self.send("client", ("ping", {}))
            self.scenario.wait(0.002)
            self.send("server", ("ping", {}), ack="newest")
            self.scenario.wait(0.002)
            self.send("client", ack="newest")
            self.scenario.wait(0.496)


class Scenario:
    def __init__(self, seed="scenario"):
        self.seed, self.drawn = seed, 0
        self.t = 100.0
        self.datagrams, self.keylog = [], []
        self.static = self.draw()
        self.root, self.session, self.server, self.epoch = self.draw(), 2**53 + 17, 3, 2**40 + 5
        self.keylog.append(f"ROOT {self.session} {self.root.hex()}  # the token")

    def draw(self, size=32):
        self.drawn += 1
        return hashlib.shake_256(f"{self.seed} {self.drawn}".encode()).digest(size)

    def id(self):
        return int.from_bytes(self.draw(4), "little") | 1

    def wait(self, seconds):
        self.t = round(self.t + seconds, 6)

    def add(self, source, target, data, **flags):
        self.datagrams.append(Datagram(self.t, source, target, data, **flags))
        return data

    def cookie(self, at=CLIENT_AT):
        self.add(at, SERVER_AT, wire.write_packet("Hello"))
        self.wait(0.01)
        cookie = {"time": int(1000 * self.t).to_bytes(8, "little"), "mac": self.draw(16)}
        self.add(SERVER_AT, at, wire.write_packet("Cookie", **cookie))
        self.wait(0.01)
        return cookie

    def login(self, log="LOGIN", at=CLIENT_AT, cookie=None, server_id=None):
        """A handshake, up to the Reply; a Peer."""
        cookie = cookie or self.cookie(at)
        e1, e2 = self.draw(), self.draw()
        written = handshake.write_handshake(handshake.prologue("test"), self.static, e1, e2)
        client_id, server_id = self.id(), server_id or self.id()
        public = c.x25519_public(self.static)
        self.init = wire.write_packet("Init", client_id=client_id, key_id=handshake.key_id(public), message=written[0], **cookie)
        self.reply = wire.write_packet("Reply", client_id=client_id, server_id=server_id, message=written[1])
        self.add(at, SERVER_AT, self.init)
        self.wait(0.01)
        self.add(SERVER_AT, at, self.reply)
        self.wait(0.01)
        self.hash = written[2]
        self.keylog += {
            "LOGIN": [f"LOGIN {client_id:08x} {server_id:08x} {written[3].hex()} {written[4].hex()} {written[2].hex()}"],
            "server": ["CLUSTER test", f"STATIC {self.static.hex()}", f"EPHEMERAL {e2.hex()}"],
            "client": ["CLUSTER test", f"PUBLIC {public.hex()}", f"EPHEMERAL {e1.hex()}"],
        }[log]
        return Peer(self, client_id, server_id, *written[3:], at, SERVER_AT)

    def attach(self, at=CLIENT_AT, random=None):
        """An Attach and its Attached; a Peer."""
        key = handshake.session_key(self.root, self.session, self.server, self.epoch)
        mine = {"client_id": self.id(), "session": self.session, "server": self.server, "epoch": self.epoch, "random": self.draw()}
        self.attach_packet = wire.write_packet("Attach", **mine, mac=handshake.attach_mac(key, wire.write_packet("Attach", **mine)))
        self.add(at, SERVER_AT, self.attach_packet)
        self.wait(0.01)
        server_id, random = self.id(), random or self.draw()
        theirs = {"client_id": mine["client_id"], "server_id": server_id, "random": random}
        mac = handshake.attached_mac(key, mine["random"], wire.write_packet("Attached", **theirs))
        self.attached_packet = wire.write_packet("Attached", **theirs, mac=mac)
        self.add(SERVER_AT, at, self.attached_packet)
        self.wait(0.01)
        return Peer(self, mine["client_id"], server_id, *handshake.traffic_keys(key, mine["random"], random), at, SERVER_AT)

    def opened(self, peer):
        """The first packets of both sides."""
        peer.send("client", ("ping", {}))
        self.wait(0.01)
        peer.send("server", ("ping", {}), ack="newest")
        self.wait(0.005)
        peer.send("client", ack="newest")
        return peer

    def log_in(self, peer):
        """Credentials to close (moved), as a session begins."""
        peer.say("client", {"credentials": {"name": "ann", "password": "hunter2"}})
        result = {"session_id": self.session, "root_secret": self.root, "characters": [{"character_id": 5, "name": "Ann"}], "token_expires_in_ms": 1000}
        peer.say("server", {"login_result": result})
        peer.say("client", {"select_character": {"character_id": 5}})
        target = {"server_id": self.server, "epoch": self.epoch, "host": "198.51.100.1", "port": 7000, "role": "owner"}
        peer.say("server", {"redirect": {"targets": [target]}})
        peer.close("client", 4)

    def play(self, peer, rounds=20):
        """Inputs and Snapshots, 20 a second."""
        for tick in range(1, rounds + 1):
            numbers = range(tick, max(0, tick - 3), -1)
            data = bytes([1, len(numbers)]) + b"".join(struct.pack("<IbbB", n, n % 100, -1, 0) for n in numbers)
            peer.send("client", ("message", {"channel": 1, "bytes": data}), ack="newest" if tick > 1 else None)
            self.wait(0.01)
            peer.send("server", ("message", {"channel": 1, "bytes": snapshot(tick)}), ack="newest")
            self.wait(0.04)
        peer.send("client", ack="newest")


def snapshot(tick, count=3):
    entities = b"".join(struct.pack("<IHHbbBB", 2 + n, 65535 - n, 7, -1, 1, 2, 100) for n in range(count))
    own = struct.pack("<IiihhBB", 1, 1000, 2000, -5, 5, 1, 100)
    return struct.pack("<BIIHH", 2, tick, tick, 12, 4) + own + bytes([count, 1]) + entities + struct.pack("<I", 99)
