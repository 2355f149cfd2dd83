"""Captures as datagrams in order: JSON lines, or classic pcap (Ethernet, loopback, raw IP, Linux cooked)."""

import ipaddress
import json
import struct
from dataclasses import dataclass

MAGICS = {b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\xa1\xb2\xc3\xd4": (">", 1e-6), b"\x4d\x3c\xb2\xa1": ("<", 1e-9), b"\xa1\xb2\x3c\x4d": (">", 1e-9)}
IPV4, IPV6 = 0x0800, 0x86DD
VLAN = (0x8100, 0x88A8)
UDP = 17
OUTGOING, LOOPBACK = 4, 772  # of Linux cooked captures


class CaptureError(Exception):
    pass


@dataclass
class Datagram:
    t: float  # seconds
    source: str  # host:port
    target: str
    data: bytes
    lost: bool = False  # known not to have arrived
    forged: bool = False  # not sent by the peer that it seems to come from
    wrong: str = None  # what is wrong with it below UDP's payload (section 1)


def read(path):
    """Yields Datagrams; raises CaptureError."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] in MAGICS:
        yield from _pcap(data)
    elif data[:4] == b"\x0a\x0d\x0d\x0a":
        raise CaptureError("pcapng is not read: save the capture as pcap")
    else:
        yield from _lines(data)


def _lines(data):
    for number, line in enumerate(data.decode().splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            yield Datagram(float(entry["t"]), entry["from"], entry["to"], bytes.fromhex(entry["bytes"]),
                           bool(entry.get("lost")), bool(entry.get("forged")))  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise CaptureError(f"line {number}: {error!r}") from None


def _pcap(data):
    order, unit = MAGICS[data[:4]]
    link = struct.unpack_from(order + "I", data, 20)[0] & 0x0FFFFFFF
    at = 24
    while at + 16 <= len(data):
        seconds, parts, kept, whole = struct.unpack_from(order + "4I", data, at)
        frame = data[at + 16 : at + 16 + kept]
        at += 16 + kept
        try:
            found = _network(link, frame)
            datagram = found and _udp(found, seconds + parts * unit)
        except (struct.error, IndexError):
            datagram = None
        if datagram:
            if kept < whole:
                raise CaptureError("packets are cut short: capture them whole (snaplen)")
            yield datagram


def _network(link, frame):
    """The IP packet, or None."""
    if link == 1:
        kind, at = struct.unpack_from(">H", frame, 12)[0], 14
        while kind in VLAN:
            kind, at = struct.unpack_from(">H", frame, at + 2)[0], at + 4
        return frame[at:] if kind in (IPV4, IPV6) else None
    if link in (0, 108):
        return frame[4:]
    if link in (12, 14, 101, 228, 229):
        return frame
    if link in (113, 276):  # where what goes over the loopback is seen twice
        kind, device = struct.unpack_from(">HH", frame) if link == 113 else (frame[10], struct.unpack_from(">H", frame, 8)[0])
        if kind == OUTGOING and device == LOOPBACK:
            return None
    if link == 113:
        return frame[16:] if struct.unpack_from(">H", frame, 14)[0] in (IPV4, IPV6) else None
    if link == 276:
        return frame[20:] if struct.unpack_from(">H", frame, 0)[0] in (IPV4, IPV6) else None
    raise CaptureError(f"link type {link} is not known")


def _udp(packet, t):
    wrong = None
    if packet[0] >> 4 == 4:
        at, whole = 4 * (packet[0] & 15), struct.unpack_from(">H", packet, 2)[0]
        fragment = struct.unpack_from(">H", packet, 6)[0]
        if packet[9] != UDP:
            return None
        if fragment & 0x3FFF:
            wrong = "a fragment"
        elif not fragment & 0x4000:
            wrong = "DF is not set"
        source, target = packet[12:16], packet[16:20]
        packet = packet[:whole]
    elif packet[0] >> 4 == 6:
        kind, at = packet[6], 40
        while kind in (0, 43, 60, 44):
            if kind == 44:
                wrong = "a fragment"
            kind, at = packet[at], at + (8 if kind == 44 else 8 + 8 * packet[at + 1])
        if kind != UDP:
            return None
        source, target = packet[8:24], packet[24:40]
    else:
        return None
    source_port, target_port, length = struct.unpack_from(">3H", packet, at)
    return Datagram(t, _address(source, source_port), _address(target, target_port), packet[at + 8 : at + length], wrong=wrong)


def _address(host, port):
    host = ipaddress.ip_address(host)
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
