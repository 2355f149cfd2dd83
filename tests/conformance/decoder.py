"""Decodes a capture of docs/protocol.md's packets and reports what breaks the page: by packet here for the handshake (3), Attach
(4) and Link (10), by connection in connection.py for Data (5), control.py (7) and messages.py (7, 8, 10)."""

from collections import Counter, deque

import handshake
import messages
import primitives as c
import wire
from connection import CLIENT, SERVER, Connection, Options

FIRST_RESEND_S, RESEND_MOST_S = 0.250, 2.0
COOKIE_S, COOKIE_RENEWED_S = 10, 8
HALF_OPEN_S = 5
FIRST_ATTACH_RESEND_S = 0.025
JITTER_S = 0.010  # by which a busy machine may have held up the one before
ATTACH_S = 10
INITS_A_SECOND = 200
WAITING_SETS = 4


class Resends:
    """The same packet again: after 250 ms, an Attach after 25 ms, doubling to 2 s."""

    def __init__(self, t, wait=FIRST_RESEND_S):
        self.first_t = self.last_t = t
        self.wait = wait

    def again(self, t):
        """How long it waited when that was too short, else None."""
        since, early = t - self.last_t, t - self.last_t < self.wait * 0.95 - JITTER_S
        self.last_t, self.wait = t, min(2 * self.wait, RESEND_MOST_S)
        return since if early else None


class Decoder:
    def __init__(self, keys, options=None):
        self.keys, self.options = keys, options or Options()
        self.connections = []
        self.by_receiver = {CLIENT: {}, SERVER: {}}  # who sends: {receiver id: [Connection]}
        self.violations = []
        self.counts, self.opened, self.closed = Counter(), Counter(), Counter()
        self.record = None
        self.t = None
        self.hellos, self.hello_debt, self.foreign_hellos = {}, Counter(), Counter()
        self.cookies = {}  # client address: {(time, mac): t}
        self.cookie_owner = {}
        self.inits, self.attaches = {}, {}
        self.replied = {}
        self.reply_times = {}
        self.active, self.waiting = {}, {}  # of (session, server, epoch)
        self.networks = {"private": set(), "public": set()}
        self.link_nonces = {}

    # --- reporting ---

    def violation(self, who, section, text):
        if self.record is not None and self.record["forged"]:
            self.record["notes"].append(f"forged: {text}")
            return
        found = {"t": self.t, "who": who, "section": section, "text": text}
        self.violations.append(found)
        if self.record is not None:
            self.record["violations"].append(found)

    def feed(self, d):
        """A capture.Datagram; its record. What a forged one says changes nothing here."""
        self.t = d.t
        record = self.record = {
            "t": d.t, "from": d.source, "to": d.target, "length": len(d.data), "type": "malformed", "opened": None, "lost": d.lost,
            "forged": d.forged, "who": None, "connection": None, "fields": {}, "payload": None, "messages": [], "notes": [], "violations": [],
        }  # fmt: skip
        if d.wrong:
            self.violation(d.source, "1", d.wrong)
        try:
            packet = wire.parse(d.data)
        except wire.Malformed as wrong:
            self.violation(d.source, wrong.section, wrong.text)
            self.counts["malformed"] += 1
            return record
        record["type"] = packet.kind
        record["fields"] = {name: value for name, value in packet.fields.items() if name != "version" or value != 1}
        if not d.forged:
            self._network(d, packet.kind)
            self._bytes_came(d, packet)
        getattr(self, "_" + packet.kind.lower())(d, packet, record)
        self.counts[packet.kind] += 1
        if record["opened"] is not None:
            (self.opened if record["opened"] else self.closed)[packet.kind] += 1
        self.record = None
        return record

    def finish(self):
        self.record = None
        for connection in self.connections:
            connection.finish(self.t)
        return self.violations

    def _network(self, d, kind):
        private = kind == "Link"
        mine, other = ("private", "public") if private else ("public", "private")
        if d.target in self.networks[other] and d.target not in self.networks[mine]:
            self.violation(d.source, "2", f"{kind} is sent to {d.target}, which is on the {other} network")
        self.networks[mine].add(d.target)

    def _bytes_came(self, d, packet):
        """Any datagram that an address sent to a server counts for what the server may send there."""
        if packet.kind == "Data":
            return  # counted where it opens
        for connection in self.connections[-64:]:
            if connection.server_address == d.target and d.source in connection.addresses.candidates:
                connection.came_from[d.source] = connection.came_from.get(d.source, 0) + len(d.data)

    def _resend(self, table, key, section, text, wait=FIRST_RESEND_S):
        """Times the resends of what `key` names; True for the first."""
        known = table.get(key)
        if known is None:
            table[key] = Resends(self.t, wait)
            return True
        since = known.again(self.t)
        if since is not None and not self.options.impaired:
            self.violation(CLIENT, section, f"{text} is sent again after {1000 * since:.0f} ms")
        return False

    def _caused(self, debt, key, kind):
        debt[key] -= 1
        if debt[key] < 0:
            debt[key] = 0
            if not self.options.impaired:
                self.violation(SERVER, "1", f"{kind} that nothing caused")
                return False
        return True

    # --- login handshake ---

    def _hello(self, d, packet, record):
        record["who"] = CLIENT
        if d.forged:
            return
        pair = (d.source, d.target)
        if packet.fields["version"] != 1:
            self.foreign_hellos[pair] += 1
            return
        self._resend(self.hellos, pair, "3", "Hello")
        self.hello_debt[pair] += 1

    def _cookie(self, d, packet, record):
        record["who"] = SERVER
        if d.forged:
            return
        self._caused(self.hello_debt, (d.target, d.source), "Cookie")
        cookie = packet.fields["time"] + packet.fields["mac"]
        self.cookies.setdefault((d.target, d.source), {})[cookie] = d.t
        self.cookie_owner[cookie] = d.target

    def _version(self, d, packet, record):
        record["who"] = SERVER
        if d.forged:
            return
        pair = (d.target, d.source)
        if not self.foreign_hellos[pair] and self.hello_debt[pair]:
            if packet.fields["lowest"] <= 1 <= packet.fields["highest"]:
                self.violation(SERVER, "2", "Version to a Hello of a version that it names")
            self.hello_debt[pair] -= 1
        else:
            self._caused(self.foreign_hellos, pair, "Version")

    def _init(self, d, packet, record):
        record["who"] = CLIENT
        f = packet.fields
        shake = self._read_init(f, record)
        if d.forged:
            return
        cookie, pair = f["time"] + f["mac"], (d.source, d.target)
        given = self.cookies.get(pair, {}).get(cookie)
        self.hellos.pop(pair, None)
        if given is None:
            whose = self.cookie_owner.get(cookie)
            if whose and whose != d.source:
                self.violation(CLIENT, "3", f"Init with a cookie of {whose}")
            elif not self.options.impaired:
                self.violation(CLIENT, "3", "Init with a cookie that was not given")
        elif d.t - given > COOKIE_RENEWED_S + self.options.slack_s:
            self.violation(CLIENT, "3", f"Init with a cookie that is {d.t - given:.1f} s old")
        key = (d.source, d.target, f["client_id"])
        known = self.inits.setdefault(key, {"debt": 0, "resends": {}, "last": None})
        known |= {"debt": known["debt"] + 1, "shake": shake, "message": f["message"], "t": d.t, "given": given, "whose": self.cookie_owner.get(cookie)}
        if known["last"] != packet.raw:
            known["resends"].clear()  # another key's turn, or another cookie: the waits begin anew
        known["last"] = packet.raw
        self._resend(known["resends"], None, "3", "Init")

    def _read_init(self, f, record):
        secrets = self.keys.secrets
        if not (secrets.static_privates or secrets.static_publics and secrets.ephemerals):
            return None
        shake = handshake.read_message_1(f["message"], secrets, handshake.prologue(self.keys.cluster), f["key_id"])
        record["opened"] = shake is not None
        if shake is None:
            record["notes"].append("message 1 does not open with the keys that are known")
        elif shake.payloads[0]:
            self.violation(CLIENT, "3", "message 1 has a payload")
        return shake

    def _reply(self, d, packet, record):
        record["who"] = SERVER
        f = packet.fields
        init = self.inits.get((d.target, d.source, f["client_id"]))
        if d.forged:
            return
        if init is None:
            if not self.options.impaired:
                self.violation(SERVER, "1", "Reply that no Init caused")
        else:
            self._check_reply(d, packet, init)
        known = next((x for x in self.by_receiver[CLIENT].get(f["server_id"], ()) if x.login and x.reply == packet.raw), None)
        if known:
            record |= {"connection": known, "opened": True}
            return
        shake = init and init["shake"]
        logged = self.keys.logins.get((f["client_id"], f["server_id"]))
        made = []
        if shake:
            done = handshake.read_message_2(shake, f["message"], self.keys.secrets)
            if done:
                made = [(shake.c2s, shake.s2c, shake.hash)]
                if shake.payloads[1:] != [b""]:
                    self.violation(SERVER, "3", "message 2 has a payload")
            elif done is None:
                record["notes"].append("message 2 does not open with the keys that are known")
                record["opened"] = False
        made = made or [keys for keys in logged or () if not self._in_use(f["server_id"], keys)]
        if not made:
            record["opened"] = False
            return
        record["opened"] = True
        for c2s, s2c, whole in made:
            connection = self._connect(f["client_id"], f["server_id"], c2s, s2c, login=True, server_address=d.source)
            connection.hash, connection.reply = whole, packet.raw
            connection.asked = lambda init=init: init and init["t"]
            record["connection"] = connection

    def _in_use(self, server_id, keys):
        return any(x.login and x.sides[CLIENT].key == keys[0] for x in self.by_receiver[CLIENT].get(server_id, ()))

    def _check_reply(self, d, packet, init):
        if init["debt"] < 1 and not self.options.impaired:
            self.violation(SERVER, "1", "more Replies than Inits")
        init["debt"] -= 1
        if init["given"] is not None and d.t - init["given"] > COOKIE_S + self.options.grace_s:
            self.violation(SERVER, "3", f"Reply to a cookie that is {d.t - init['given']:.1f} s old")
        if init["given"] is None and init["whose"]:
            self.violation(SERVER, "3", f"Reply to a cookie of {init['whose']}")
        key = (d.target, d.source, packet.fields["client_id"], init["message"])
        known = self.replied.get(key)
        if known and known[0] != packet.raw and d.t - known[1] < HALF_OPEN_S:
            self.violation(SERVER, "3", "another Reply to the same Init")
        if not known or known[0] != packet.raw:
            times = self.reply_times.setdefault((d.source, d.target.rsplit(":", 1)[0]), deque())
            times.append(d.t)
            while d.t - times[0] > 1:
                times.popleft()
            if len(times) > 2 * INITS_A_SECOND:
                self.violation(SERVER, "3", f"{len(times)} Inits of one address answered in a second")
                times.clear()
        self.replied[key] = (packet.raw, d.t)

    # --- Attach ---

    def _attach(self, d, packet, record):
        record["who"] = CLIENT
        f = packet.fields
        key = self.keys.session_key(f["session"], f["server"], f["epoch"])
        record["opened"] = key is not None and handshake.attach_mac(key, packet.raw) == f["mac"]
        if key is None:
            record["notes"].append("no key of this session")
        elif not record["opened"]:
            self.violation(CLIENT, "4", "Attach whose mac is wrong")
        if d.forged:
            return
        mine = self.attaches.setdefault((d.target, f["client_id"]), {})
        known = mine.setdefault(f["random"], {"debt": 0, "raw": packet.raw, "resends": {}, "from": set(), "key": key, "attached": None})
        known["right"] = record["opened"]
        if known["raw"] != packet.raw:
            self.violation(CLIENT, "4", "Attach with the same client id and random and other contents")
        known["debt"] += 1
        known["from"].add(d.source)
        known["triple"] = (f["session"], f["server"], f["epoch"])
        self._resend(known["resends"], None, "4", "Attach", FIRST_ATTACH_RESEND_S)
        if d.t - known["resends"][None].first_t > ATTACH_S + self.options.slack_s:
            self.violation(CLIENT, "4", "Attach is still sent after 10 s")

    def _attached(self, d, packet, record):
        record["who"] = SERVER
        f = packet.fields
        record["opened"] = False
        client_id = f["client_id"]
        matching = self.attaches.get((d.source, client_id), {})
        for random, attach in reversed(matching.items()):
            if attach["key"] and handshake.attached_mac(attach["key"], random, packet.raw) == f["mac"]:
                record["opened"] = True
                break
        else:
            if d.forged:
                return
            if not matching and not self.options.impaired:
                self.violation(SERVER, "1", "Attached that no Attach caused")
            elif any(attach["key"] for attach in matching.values()):
                self.violation(SERVER, "4", "Attached whose mac is wrong")
            return
        if d.forged:
            return
        if attach["debt"] < 1 and not self.options.impaired:
            self.violation(SERVER, "1", "more Attacheds than Attaches")
        attach["debt"] -= 1
        if d.target not in attach["from"]:
            self.violation(SERVER, "4", f"Attached is sent to {d.target}, from where no Attach came")
        if not attach["right"]:
            self.violation(SERVER, "4", "Attached to an Attach whose mac is wrong")
        if attach["attached"]:
            connection, raw = attach["attached"]
            record["connection"] = connection
            if raw != packet.raw:
                self.violation(SERVER, "4", "another Attached to the same Attach")
            return
        keys = handshake.traffic_keys(attach["key"], random, f["random"])
        connection = self._connect(client_id, f["server_id"], *keys, session=attach["triple"], server_address=d.source)
        attach["attached"] = (connection, packet.raw)
        record["connection"] = connection
        self._wait(connection, f["random"])

    def _wait(self, connection, server_random):
        waiting = self.waiting.setdefault(connection.session, [])
        if any(server_random == random for _, random in waiting):
            self.violation(SERVER, "4", "a server random is used again")
        waiting.append((connection, server_random))
        connection.forgotten = None
        if len(waiting) > WAITING_SETS:
            waiting.pop(0)[0].forgotten = "four newer sets wait"

    def _uses(self, connection):
        """The server seals under a set of an Attach: that is the one in use now, and the others are forgotten."""
        if connection.forgotten:
            connection.violation_once(SERVER, "4", f"the server uses keys that it should have forgotten: {connection.forgotten}", "forgotten")
            return
        before = self.active.get(connection.session)
        if before is connection:
            return
        if before:
            before.forgotten = f"{connection.name} replaced them"
        for other, _ in self.waiting.get(connection.session, ()):
            if other is not connection:
                other.forgotten = f"{connection.name} was opened first"
        self.active[connection.session] = connection
        self.waiting[connection.session] = []

    # --- Data ---

    def _connect(self, client_id, server_id, c2s, s2c, **more):
        connection = Connection(len(self.connections) + 1, self.options, client_id, server_id, c2s, s2c, report=self.violation, **more)
        connection.keys, connection.forgotten, connection.reply, connection.asked = self.keys, None, None, lambda: None
        for other in self.by_receiver[CLIENT].get(server_id, ()):
            live = not any(side.closes for side in other.sides.values()) and not other.forgotten
            if live and other.server_address == connection.server_address and other.sides[CLIENT].last_t and self.t - other.sides[CLIENT].last_t < 1:
                self.violation(SERVER, "2", f"receiver id {server_id:08x} is given twice")
        self.connections.append(connection)
        self.by_receiver[CLIENT].setdefault(server_id, []).append(connection)
        self.by_receiver[SERVER].setdefault(client_id, []).append(connection)
        return connection

    def _data(self, d, packet, record):
        receiver = packet.fields["receiver"]
        for who in (CLIENT, SERVER):
            for connection in reversed(self.by_receiver[who].get(receiver, ())):
                plain = connection.sides[who].open(packet)
                if plain is not None:
                    return self._opened(d, packet, record, connection, who, plain)
        for ids, keys in self.keys.logins.items():
            for who in (CLIENT, SERVER):
                if ids[1 if who == CLIENT else 0] != receiver:
                    continue
                for c2s, s2c, whole in keys:
                    if self._in_use(ids[1], (c2s,)):
                        continue
                    connection = Connection(0, self.options, *ids, c2s, s2c)
                    plain = connection.sides[who].open(packet)
                    if plain is not None:
                        connection = self._connect(*ids, c2s, s2c, login=True)
                        connection.midstream, connection.hash = True, whole
                        return self._opened(d, packet, record, connection, who, plain)
        record["opened"] = False
        known = any(self.by_receiver[who].get(receiver) for who in (CLIENT, SERVER))
        record["notes"].append("does not open: the tag is wrong" if known else "no keys of this receiver id")

    def _opened(self, d, packet, record, connection, who, plain):
        record |= {"opened": True, "who": who, "connection": connection}
        if d.forged:
            record["payload"] = wire.read_payload(plain)
            return
        asked = connection.asked()
        first = connection.sides[CLIENT].first_t
        if who == SERVER and connection.login and asked and first and first - asked > HALF_OPEN_S + self.options.grace_s:
            late = "the server took a first Data of a handshake that was half-open for more than 5 s"
            connection.violation_once(SERVER, "3", late, "half-open")
        if who == SERVER and connection.session:
            self._uses(connection)
        connection.taken(d.t, who, d.source, d.target, packet, plain, d.lost, record)
        for _, name, fields in record["messages"]:
            if name == "redirect":
                for target in fields.get("targets", []):
                    self._target(target, record)

    def _target(self, target, record):
        if target.get("role") not in ("owner", "chat"):
            self.violation(SERVER, "7", f"Redirect to the role {target.get('role')!r}")
        connection = record["connection"]
        session = connection.session[0] if connection.session else connection.rules.session_id
        self.keys.roles[session, target.get("server_id"), target.get("epoch")] = target.get("role")

    # --- Link ---

    def _link(self, d, packet, record):
        record["who"] = SERVER
        f = packet.fields
        at = 41
        record["opened"] = False
        for key in self.keys.link_keys(f["source"], f["source_epoch"]):
            plain = c.xchacha20_poly1305_open(key, f["nonce"], packet.raw[:at], packet.raw[at:])
            if plain is None:
                continue
            record["opened"] = True
            known = self.link_nonces.setdefault((key, f["nonce"]), packet.raw)
            if known != packet.raw:
                self.violation(d.source, "10", "a nonce seals two different messages")
            try:
                record["messages"].append(("link", *messages.read_one("LinkMessage", plain)))
            except messages.Wrong as wrong:
                self.violation(d.source, "10", str(wrong))
            return
        record["notes"].append("no key opens it")
