"""Packets and what is sealed in them, as docs/protocol.md lays them out: sections 2, 5, 10."""

import struct
from dataclasses import dataclass, field

DATAGRAM_MAX = 1200
DATA_HEADER = 13
TAG = 16
UNRELIABLE_MAX = 1156
PIECE_MAX = 1151
ACK = struct.Struct("<IIH")


class Malformed(Exception):
    def __init__(self, section, text):
        super().__init__(text)
        self.section, self.text = section, text


@dataclass
class Packet:
    kind: str
    raw: bytes
    fields: dict


@dataclass
class Payload:
    """What a Data packet holds. `frames` are (type, fields) in order; `reads` says what is wrong, at most one thing."""

    ack: tuple = None
    frames: list = field(default_factory=list)
    wrong: str = None

    @property
    def asks(self):
        return bool(self.frames)


# type: (name, length or its bounds, whether the second byte is the version, fields as (name, bytes or struct letter))
LAYOUTS = {
    0x01: ("Hello", (1200, 1200), True, [("padding", 1198)]),
    0x02: ("Cookie", (26, 26), True, [("time", 8), ("mac", 16)]),
    0x03: ("Init", (1200, 1200), True,
           [("client_id", "I"), ("time", 8), ("mac", 16), ("key_id", 4), ("message", 48), ("padding", 1118)]),
    0x04: ("Reply", (57, 57), False, [("client_id", "I"), ("server_id", "I"), ("message", 48)]),
    0x05: ("Attach", (78, 78), True,
           [("client_id", "I"), ("session", "Q"), ("server", "Q"), ("epoch", "Q"), ("random", 32), ("mac", 16)]),
    0x06: ("Attached", (57, 57), False, [("client_id", "I"), ("server_id", "I"), ("random", 32), ("mac", 16)]),
    0x07: ("Version", (3, 3), False, [("lowest", "B"), ("highest", "B")]),
    0x10: ("Data", (30, 1200), False, [("receiver", "I"), ("counter", "Q")]),
    0x20: ("Link", (57, 1200), False, [("source", "Q"), ("source_epoch", "Q"), ("nonce", 24)]),
}
FROM_CLIENT = ("Hello", "Init", "Attach")
FROM_SERVER = ("Cookie", "Reply", "Attached", "Version")


def parse(data):
    """A Packet; raises Malformed. Of a Hello, Init or Attach of another version only `version` is read beyond the type."""
    if len(data) > DATAGRAM_MAX:
        raise Malformed("1", f"a datagram of {len(data)} bytes")
    if not data or data[0] not in LAYOUTS:
        raise Malformed("2", f"no known type: {data[:1].hex() or 'empty'}")
    name, (least, most), versioned, layout = LAYOUTS[data[0]]
    fields = {}
    at = 1
    if versioned:
        if len(data) < 2:
            raise Malformed("2", f"{name} of {len(data)} bytes")
        fields["version"] = data[1]
        at = 2
        if data[1] != 1:
            if name == "Hello" and len(data) == 1200 and not any(data[2:]):
                return Packet(name, data, fields)
            raise Malformed("2", f"{name} of version {data[1]}")
    if not least <= len(data) <= most:
        raise Malformed("2", f"{name} of {len(data)} bytes")
    for field_name, what in layout:
        if isinstance(what, int):
            fields[field_name] = data[at : at + what]
            at += what
        else:
            size = struct.calcsize("<" + what)
            fields[field_name] = int.from_bytes(data[at : at + size], "little")
            at += size
    if any(fields.pop("padding", b"")):
        raise Malformed("2", f"{name} whose padding is not zero")
    if name == "Version" and fields["lowest"] > fields["highest"]:
        raise Malformed("2", "Version whose lowest is above its highest")
    for receiver in ("client_id", "server_id", "receiver"):
        if fields.get(receiver) == 0:
            raise Malformed("2", f"{name} with a {receiver.replace('_', ' ')} of 0")
    return Packet(name, data, fields)


def read_payload(plain):
    """A Payload: the frames up to the first thing that is wrong."""
    out = Payload()
    if not plain:
        out.wrong = "an empty payload"
        return out
    at = 1
    if plain[0] & ~1:
        out.wrong = f"unknown flags {plain[0]:#04x}"
        return out
    if plain[0] & 1:
        if len(plain) < 11:
            out.wrong = "an ack that the packet cuts short"
            return out
        out.ack = ACK.unpack_from(plain, 1)
        at = 11
    while at < len(plain) and not out.wrong:
        at = _read_frame(plain, at, out)
    return out


def _read_frame(plain, at, out):
    kind = plain[at]
    left = len(plain) - at
    if kind in (0x01, 0x02):
        head = 4 if kind == 0x01 else 9
        if left < head:
            out.wrong = "a frame that the packet cuts short"
            return at
        channel = plain[at + 1]
        length = int.from_bytes(plain[at + head - 2 : at + head], "little")
        if channel > 2:
            out.wrong = f"unknown channel {channel}"
        elif length > left - head:
            out.wrong = "a length beyond the packet"
        elif kind == 0x02 and plain[at + 6] > 1:
            out.wrong = f"a `more` of {plain[at + 6]}"
        else:
            body = {"channel": channel, "bytes": plain[at + head : at + head + length]}
            if kind == 0x02:
                body |= {"sequence": int.from_bytes(plain[at + 2 : at + 6], "little"), "more": plain[at + 6]}
            out.frames.append(("message" if kind == 0x01 else "piece", body))
        return at + head + length
    size = {0x03: 1, 0x04: 2, 0x05: 9, 0x06: 9}.get(kind)
    if size is None:
        out.wrong = f"unknown frame type {kind:#04x}"
    elif left < size:
        out.wrong = "a frame that the packet cuts short"
    elif kind == 0x03:
        out.frames.append(("ping", {}))
    elif kind == 0x04:
        out.frames.append(("close", {"reason": plain[at + 1]}))
    else:
        out.frames.append(("challenge" if kind == 0x05 else "response", {"bytes": plain[at + 1 : at + 9]}))
    return at + (size or left)


# --- writing, for tests and test vectors ---


def write_packet(kind, **values):
    """The bytes of a packet other than Data and Link; what is not given is zero."""
    number, (name, _, versioned, layout) = next((n, entry) for n, entry in LAYOUTS.items() if entry[0] == kind)
    out = bytes([number]) + (bytes([values.get("version", 1)]) if versioned else b"")
    for field_name, what in layout:
        if isinstance(what, int):
            out += values.get(field_name, bytes(what))
        else:
            out += struct.pack("<" + what, values[field_name])
    return out


def write_payload(ack, frames):
    out = bytes([1]) + ACK.pack(*ack) if ack else b"\0"
    for kind, body in frames:
        if kind == "message":
            out += struct.pack("<BBH", 1, body["channel"], len(body["bytes"])) + body["bytes"]
        elif kind == "piece":
            out += struct.pack("<BBIBH", 2, body["channel"], body["sequence"], body["more"], len(body["bytes"])) + body["bytes"]
        elif kind == "ping":
            out += b"\3"
        elif kind == "close":
            out += bytes([4, body["reason"]])
        else:
            out += bytes([5 if kind == "challenge" else 6]) + body["bytes"]
    return out
