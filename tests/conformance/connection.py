"""One set of traffic keys in both directions: what docs/protocol.md, section 5, asks of the packets of Data."""

from collections import deque
from dataclasses import dataclass, field

import control
import handshake
import messages
import primitives as c
import wire
from channel import Channel

CLIENT, SERVER = "client", "server"
REASONS = {1: "logout", 2: "lapse", 3: "shutdown", 4: "moved", 5: "refused", 6: "protocol", 7: "superseded", 8: "kicked"}
SAVED_MAX = 16 * 1024
ACK_WITHIN_MS = 25
UNKNOWN_DELAY = 65535
CLOSES, CLOSE_EVERY_S = 3, 0.050
CHALLENGE_EVERY_S = 0.100
SNAPSHOTS_A_SECOND = 20
COUNTER_WINDOW = 1024
REMEMBERED = 8192  # packets of a side


@dataclass
class Options:
    """Settings of the cluster that the capture is of, and how exact its clock is."""

    client_rate: int = 8000
    server_rate: int = 8000
    client_keepalive_s: float = 1.0
    server_keepalive_s: float = 2.5
    lapse_s: float = 10.0
    slack_s: float = 0.1  # what a busy machine may add to any delay
    grace_s: float = 1.0  # what may be under way still, sent before its sender knew better
    impaired: bool = False  # the capture was taken behind a network that loses, repeats and reorders
    game: str = "sample"


@dataclass
class Sent:
    t: float
    raw: bytes
    asks: bool
    pieces: list
    lost: bool
    acked: bool = False


class Side:
    """What one side has sent under these keys."""

    def __init__(self, name, key, receiver, connection):
        self.name, self.key, self.receiver, self.connection = name, key, receiver, connection
        self.sent, self.gaps, self.highest = {}, set(), -1
        self.lowest_kept = 0
        self.last_t = self.first_t = None
        self.early = []
        to_login = connection.login and name == CLIENT
        self.channels = [Channel(n, to_login, self.blame, self.early) for n in range(3)]
        self.saved, self.saved_t = SAVED_MAX, None
        self.ack_counter = self.ack_largest = -1
        self.closes = []  # (t, reason)
        self.peer_closed_t = None

    def blame(self, section, text):
        self.connection.violation(self.name, section, text)

    def open(self, packet):
        ad, sealed = packet.raw[: wire.DATA_HEADER], packet.raw[wire.DATA_HEADER :]
        return c.chacha20_poly1305_open(self.key, handshake.data_nonce(packet.fields["counter"]), ad, sealed)


@dataclass
class Addresses:
    """Where the server may send (section 5, Migration). The server may not have got what the capture shows: an address that it
    should have left stays allowed until it is seen to use the next one."""

    client: tuple = None
    before: tuple = None
    candidates: dict = field(default_factory=dict)  # address: bytes sent to it
    challenges: dict = field(default_factory=dict)  # bytes: (address, t)
    challenged_t: dict = field(default_factory=dict)


class Connection:
    def __init__(self, number, options, client_id, server_id, c2s, s2c, login=False, session=None, report=None, server_address=None):
        self.number, self.options, self.login = number, options, login
        self.session = session  # (session, server, epoch), of Attach
        self.server_address = server_address
        self.report = report
        self.midstream = False  # its handshake is not in the capture
        self.hash = None
        self.sides = {CLIENT: Side(CLIENT, c2s, server_id, self), SERVER: Side(SERVER, s2c, client_id, self)}
        self.addresses = Addresses()
        self.came_from = {}  # address: bytes
        self.rules = control.Login(self) if login else control.Play(self)
        self.inputs, self.last_input, self.last_tick = {}, None, None
        self.chat_numbers = {}  # the last of each channel
        self.snapshots = deque()
        self.once = set()

    @property
    def name(self):
        if self.login:
            return f"login#{self.number}"
        session, server, epoch = self.session
        return f"attach#{self.number}(session {session}, server {server}, epoch {epoch})"

    def violation(self, who, section, text):
        self.report(who, section, f"{self.name}: {text}")

    def violation_once(self, who, section, text, what):
        if (who, what) not in self.once:
            self.once.add((who, what))
            self.violation(who, section, text)

    # --- a packet that opened ---

    def taken(self, t, who, source, target, packet, plain, lost, record):
        side, peer = self.sides[who], self.sides[SERVER if who == CLIENT else CLIENT]
        counter = packet.fields["counter"]
        payload = wire.read_payload(plain)
        record["payload"] = payload
        if who == CLIENT:
            self.came_from[source] = self.came_from.get(source, 0) + len(packet.raw)
        fresh, highest = self._count(side, t, packet, counter, payload, lost, record)
        if not fresh:
            record["notes"].append("not taken again")
            return
        self._when(t, side, peer, payload)
        if payload.wrong:
            side.blame("5", payload.wrong)
        if not payload.frames and not payload.ack and not payload.wrong:
            record["notes"].append("holds nothing")
        if payload.ack:
            self._acknowledge(t, side, peer, counter, payload.ack)
        self._address(t, side, source, target, packet, payload, highest and not lost)
        for kind, body in payload.frames:
            self._frame(t, side, peer, kind, body, highest, record)
        self._pay(t, side, payload)
        self._early(t, side, False)

    def _count(self, side, t, packet, counter, payload, lost, record):
        known = side.sent.get(counter)
        if known:
            if known.raw != packet.raw:
                side.blame("5", f"counter {counter} seals two different packets")
            elif not self.options.impaired:
                side.blame("5", f"counter {counter} is sent twice")
            return False, False
        if counter == 2**64 - 1:
            side.blame("5", "counter 2^64-1 is used")
        if side.highest - counter >= COUNTER_WINDOW:
            record["notes"].append("below the receiver's window")
        if counter < side.lowest_kept:
            if not self.options.impaired:
                side.blame("5", f"counter {counter} comes far behind {side.highest}")
            return False, False
        highest = counter > side.highest
        if not highest:
            side.gaps.discard(counter)
            if not self.options.impaired and not (self.midstream and counter < side.lowest_kept):
                side.blame("5", f"counter {counter} goes backwards, after {side.highest}")
        else:
            first = side.highest + 1
            if side.highest < 0 and self.midstream:
                first = side.lowest_kept = counter
            if counter > first and not self.options.impaired:
                side.blame("5", f"counter {counter} follows {side.highest}: not by one")
            side.gaps.update(range(max(first, counter - REMEMBERED), counter))
            side.highest = counter
        pieces = [(b["channel"], self.sides[side.name].channels[b["channel"]].unwrap(b["sequence"])) for k, b in payload.frames if k == "piece"]
        side.sent[counter] = Sent(t, packet.raw, payload.asks, pieces, lost)
        if len(side.sent) > 2 * REMEMBERED:
            side.lowest_kept = side.highest - REMEMBERED
            side.sent = {n: s for n, s in side.sent.items() if n >= side.lowest_kept}
            side.gaps = {n for n in side.gaps if n >= side.lowest_kept}
        return True, highest

    def _when(self, t, side, peer, payload):
        closing = any(kind == "close" for kind, _ in payload.frames)
        opt = self.options
        if side.name == SERVER and peer.first_t is None and not self.midstream:
            self.violation_once(SERVER, "3" if self.login else "4", "the server sends Data before the client's first", "first")
        if side.last_t is not None and not opt.impaired:
            allowed = opt.client_keepalive_s if side.name == CLIENT else opt.server_keepalive_s
            if t - side.last_t > allowed + max(opt.slack_s, allowed / 4):
                side.blame("5 Keep-alive", f"nothing was sent for {t - side.last_t:.2f} s")
        if side.name == SERVER and peer.last_t is not None and t - peer.last_t > opt.lapse_s + opt.grace_s and not closing:
            self.violation_once(SERVER, "5 Keep-alive", f"the server goes on {t - peer.last_t:.1f} s after it heard its client last", "lapse")
        if side.peer_closed_t is not None and t - side.peer_closed_t > opt.grace_s:
            self.violation_once(side.name, "5 Close", f"the {side.name} sends {t - side.peer_closed_t:.1f} s after it was sent close", "closed")
        if side.closes and not closing:
            self.violation_once(side.name, "5 Close", f"the {side.name} sends something else after its first close", "after close")
        for channel in peer.channels:
            if channel.overdue(t - opt.grace_s) and not closing:
                text = f"a message of channel {channel.number} is not whole after 30 s, and the connection goes on"
                self.violation_once(side.name, "5 Channels", text, ("overdue", channel.number, channel.oldest))
        side.last_t = t
        if side.first_t is None:
            side.first_t = t

    # --- acknowledgements ---

    def _acknowledge(self, t, side, peer, counter, ack):
        largest, bitmap, delay_ms = ack
        if self.options.impaired and 0 < (largest - peer.highest) % 2**32 < COUNTER_WINDOW:
            return  # of a packet that the capture has not
        value = (peer.highest & ~0xFFFFFFFF) | largest
        if value > peer.highest:
            value -= 2**32
        if value < 0:
            if peer.highest >= 0 or not self.midstream:
                side.blame("5 Acknowledgements", f"an ack of counter {largest}, which was not sent (the highest is {peer.highest})")
            return
        newest = peer.sent.get(value)
        known = delay_ms != UNKNOWN_DELAY
        if known and newest and delay_ms > 1000 * (t - newest.t + self.options.slack_s):
            side.blame("5 Acknowledgements", f"delay_ms {delay_ms}, and counter {value} was sent {1000 * (t - newest.t):.0f} ms ago")
        elif known and newest and newest.asks and not newest.acked and not self.options.impaired:
            if delay_ms > ACK_WITHIN_MS + 1000 * self.options.slack_s:
                side.blame("5 Acknowledgements", f"counter {value} waited {delay_ms} ms for its ack")
        if known and counter > side.ack_counter:
            if value < side.ack_largest:
                side.blame("5 Acknowledgements", f"largest goes back from {side.ack_largest} to {value}, with a known delay")
            side.ack_counter, side.ack_largest = counter, value
        for acked in [value] + [value - 1 - i for i in range(32) if bitmap >> i & 1]:
            sent = peer.sent.get(acked)
            if not sent:
                unseen = self.options.impaired and acked >= 0 or self.midstream or 0 <= acked < peer.lowest_kept
                if not unseen:
                    side.blame("5 Acknowledgements", f"an ack of counter {acked}, which was not sent")
                continue
            if sent.lost:
                side.blame("5 Acknowledgements", f"an ack of counter {acked}, which was lost")
            if not sent.acked:
                sent.acked = True
                for channel, sequence in sent.pieces:
                    peer.channels[channel].acknowledged(t, sequence)

    # --- addresses ---

    def _address(self, t, side, source, target, packet, payload, highest):
        a = self.addresses
        if side.name == CLIENT:
            if a.client is None:
                a.client = source
            if source != a.client and source != a.before and highest:
                a.candidates.setdefault(source, 0)
            for kind, body in payload.frames:
                if kind != "response":
                    continue
                challenged = a.challenges.get(body["bytes"])
                if challenged is None:
                    if not self.midstream:
                        side.blame("5 Migration", "a response to no challenge")
                elif challenged == source != a.client:
                    a.client, a.before = source, a.client
            return
        if self.server_address and source != self.server_address:
            side.blame("5 Migration", f"the server sends from {source}, not from {self.server_address}")
        frames = [kind for kind, _ in payload.frames]
        for kind, body in payload.frames:
            if kind == "challenge":
                a.challenges[body["bytes"]] = target
                if t - a.challenged_t.get(target, -1e9) < CHALLENGE_EVERY_S - 0.01:
                    side.blame("5 Migration", f"challenges to {target} {1000 * (t - a.challenged_t[target]):.0f} ms apart")
                a.challenged_t[target] = t
        if target in a.candidates and target != a.client:
            a.candidates[target] += len(packet.raw)
            if payload.ack or frames != ["challenge"]:
                side.blame("5 Migration", f"more than a challenge is sent to {target}, which is not validated")
            if a.candidates[target] > self.came_from.get(target, 0):
                text = f"{a.candidates[target]} bytes to {target}, which is not validated, and {self.came_from.get(target, 0)} from it"
                side.blame("5 Migration", text)
        elif target == a.client:
            if frames != ["challenge"]:
                a.before = None
        elif target == a.before:
            pass
        elif a.client is not None:
            self.violation_once(SERVER, "5 Migration", f"Data is sent to {target}; the connection's address is {a.client}", ("to", target))

    # --- frames ---

    def _frame(self, t, side, peer, kind, body, highest, record):
        if kind == "message":
            if len(body["bytes"]) > wire.UNRELIABLE_MAX:
                side.blame("5 Channels", f"an unreliable message of {len(body['bytes'])} bytes")
            if body["channel"] != 1:
                side.blame("7", f"an unreliable message on channel {body['channel']}")
            self._message(t, side, body["channel"], body["bytes"], highest, record)
        elif kind == "piece":
            channel = side.channels[body["channel"]]
            for data in channel.sent(t, body["sequence"], body["more"], body["bytes"]):
                self._message(t, side, body["channel"], data, True, record)
        elif kind == "close":
            self._close(t, side, peer, body["reason"])
        elif kind == "challenge" and side.name == CLIENT:
            side.blame("5 Migration", "a challenge from a client")

    def _close(self, t, side, peer, reason):
        if side.closes:
            since = t - side.closes[-1][0]
            if reason != side.closes[0][1]:
                side.blame("5 Close", f"close says {REASONS.get(reason, reason)} after {REASONS.get(side.closes[0][1], side.closes[0][1])}")
            if not self.options.impaired and not CLOSE_EVERY_S - 0.01 <= since <= CLOSE_EVERY_S + 2 * self.options.slack_s:
                side.blame("5 Close", f"close is repeated after {1000 * since:.0f} ms")
        elif reason not in REASONS:
            side.blame("5 Close", f"close with reason {reason}")
        side.closes.append((t, reason))
        if len(side.closes) == CLOSES + 1:
            side.blame("5 Close", "close is sent more than three times")
        if peer.peer_closed_t is None:
            peer.peer_closed_t = t
        self._early(t, side, True)
        if len(side.closes) == 1:
            self.rules.closed(t, side.name, reason)

    def _early(self, t, side, forget):
        """A resend that is too early is one unless a close follows: before that all is sent once more."""
        if forget:
            side.early.clear()
        while side.early and t - side.early[0][0] > self.options.grace_s:
            side.blame("5 Channels", side.early.pop(0)[1])

    def _pay(self, t, side, payload):
        rate = self.options.client_rate if side.name == CLIENT else self.options.server_rate
        if side.saved_t is not None:
            side.saved = min(SAVED_MAX, side.saved + (t - side.saved_t) * rate)
        side.saved_t = t
        side.saved -= sum(len(body["bytes"]) for kind, body in payload.frames if kind in ("message", "piece"))
        if side.saved < -wire.DATAGRAM_MAX - rate * self.options.slack_s:
            side.blame("5 Congestion", f"more than {rate} bytes a second and {SAVED_MAX} saved up")
            side.saved = SAVED_MAX

    # --- messages ---

    def _message(self, t, side, channel, data, newest, record):
        from_client = side.name == CLIENT
        section = {0: "7", 1: "8", 2: "7 Chat"}[channel]
        try:
            if channel == 0:
                name, fields = messages.read_one("ClientControl" if from_client else "ServerControl", data)
            elif channel == 2:
                name, fields = messages.read_one("ClientChat" if from_client else "ServerChat", data)
            elif self.options.game == "sample":
                name, fields = messages.read_game(data, from_client)
            else:
                name, fields = "game", {"bytes": data}
        except messages.Wrong as wrong:
            side.blame(section, str(wrong))
            record["messages"].append((channel, "undecodable", {"bytes": data}))
            return
        record["messages"].append((channel, name, fields))
        if channel == 0:
            self.rules.message(t, side.name, name, fields)
        elif channel == 2:
            self._chat(side, name, fields)
        elif name == "input":
            self._input(side, fields["inputs"])
        elif name == "snapshot":
            self._snapshot(t, side, fields, newest)
        if self.login and channel:
            record["notes"].append(f"channel {channel} on a login connection")

    def _chat(self, side, name, fields):
        text = fields.get("text", "") if name in ("say", "message_shown") else ""
        if len(text.encode()) > 500:
            side.blame("7 Chat", f"a text of {len(text.encode())} bytes")
        if any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in text):
            side.blame("7 Chat", "a text with control characters")
        channel = fields.get("channel", 0)
        if name == "skipped":
            self.chat_numbers[channel] = fields.get("to", 0)
        elif name == "message_shown":
            number, last = fields.get("number", 0), self.chat_numbers.get(channel)
            if last is not None and number != last + 1:
                side.blame("7 Chat", f"message {number} of channel {channel} after {last}")
            self.chat_numbers[channel] = number

    def _input(self, side, inputs):
        numbers = [item["sequence"] for item in inputs]
        if any((a - b) % 2**32 != 1 for a, b in zip(numbers, numbers[1:])):
            side.blame("8", f"an Input's sequences are {numbers}, not the last ones, newest first")
        for item in inputs:
            known = self.inputs.setdefault(item["sequence"], item)
            if known != item:
                side.blame("8", f"input {item['sequence']} is repeated with other contents")
            if self.last_input is None or 0 < (item["sequence"] - self.last_input) % 2**32 < 2**31:
                self.last_input = item["sequence"]
        for old in list(self.inputs)[: max(0, len(self.inputs) - 64)]:
            del self.inputs[old]

    def _snapshot(self, t, side, snapshot, newest):
        if newest:
            if self.last_tick is not None and not 0 < (snapshot["tick"] - self.last_tick) % 2**32 < 2**31:
                side.blame("8", f"tick {snapshot['tick']} after {self.last_tick}")
            self.last_tick = snapshot["tick"]
        self.snapshots.append(t)
        while t - self.snapshots[0] > 5:
            self.snapshots.popleft()
        if len(self.snapshots) > 5 * SNAPSHOTS_A_SECOND * 1.1:
            side.blame("5 Congestion", f"{len(self.snapshots)} snapshots in 5 s")
            self.snapshots.clear()

    def finish(self, t):
        for side in self.sides.values():
            peer = self.sides[SERVER if side.name == CLIENT else CLIENT]
            self._early(float("inf"), side, False)
            if side.closes and not peer.closes and t - side.closes[0][0] > self.options.grace_s and not self.options.impaired:
                if len(side.closes) < CLOSES:
                    side.blame("5 Close", f"close was sent {len(side.closes)} times, not three")
        self.rules.finish(t)
