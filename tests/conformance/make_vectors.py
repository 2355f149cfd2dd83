#!/usr/bin/python3
"""make_vectors [FILE]: a file of VECTORS.md's shape from this implementation, always the same."""

import hashlib
import json
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import handshake  # noqa: E402
import messages  # noqa: E402
import primitives as c  # noqa: E402
import wire  # noqa: E402


def some(name, size=32):
    """Bytes that look random and are always the same."""
    return hashlib.shake_256(b"orrery vectors " + name.encode()).digest(size)


def number(name, size):
    return int.from_bytes(some(name, size), "little") | 1


def text_of(value):
    """As JSON has it: bytes in hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: text_of(item) for name, item in value.items()}
    return [text_of(item) for item in value] if isinstance(value, list) else value


def seal(key, receiver, counter, plain):
    head = struct.pack("<BIQ", 0x10, receiver, counter)
    return head + c.chacha20_poly1305_seal(key, handshake.data_nonce(counter), head, plain)


def data_of(case, direction, counter, ack, frames):
    key, receiver = (case["key_c2s"], case["server_id"]) if direction == "c2s" else (case["key_s2c"], case["client_id"])
    plain = wire.write_payload(ack, frames)
    return {
        "direction": direction,
        "counter": counter,
        "ack": ack and dict(zip(("largest", "bitmap", "delay_ms"), ack)),
        "frames": [{"type": kind, **body} for kind, body in frames],
        "plaintext": plain,
        "packet": seal(key, receiver, counter, plain),
    }


def every_frame(direction):
    def piece(channel, sequence, more, data):
        return ("piece", {"channel": channel, "sequence": sequence, "more": more, "bytes": data})

    word = some(direction, 8)
    return [
        (0, None, [("ping", {})]),
        (1, (0, 0, 3), [piece(0, 0, 1, some("piece", 1151))]),
        (2, (2, 0b11, 0), [piece(0, 1, 0, some("last", 40)), ("message", {"channel": 1, "bytes": some("message", 25)})]),
        (3, (0x01020304, 0xA1B2C3D4, 65535), [piece(2, 2**32 - 1, 0, b"")]),
        (4, None, [("challenge", {"bytes": word}), ("response", {"bytes": word[::-1]})]),
        (5, (5, 1, 25), []),
        (2**32 + 6, None, [("close", {"reason": 4})]),
    ]


def login():
    case = {"cluster": "vectors", "static_private": some("static")}
    case["static_public"] = c.x25519_public(case["static_private"])
    case |= {"client_ephemeral": some("client ephemeral"), "server_ephemeral": some("server ephemeral")}
    case |= {"client_id": number("client id", 4), "server_id": number("server id", 4)}
    case |= {"cookie_secret": some("cookie"), "family": 4, "address": bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 77]), "port": 50123}
    case["time_ms"] = number("time", 6)
    mac = handshake.cookie_mac(case["cookie_secret"], case["family"], case["address"], case["port"], case["time_ms"])
    cookie = {"time": case["time_ms"].to_bytes(8, "little"), "mac": mac}
    case |= {"hello": wire.write_packet("Hello"), "cookie": wire.write_packet("Cookie", **cookie)}
    case |= {"prologue": handshake.prologue(case["cluster"]), "key_id": handshake.key_id(case["static_public"])}
    written = handshake.write_handshake(case["prologue"], case["static_private"], case["client_ephemeral"], case["server_ephemeral"])
    case |= dict(zip(("message_1", "message_2", "handshake_hash", "key_c2s", "key_s2c"), written))
    case["init"] = wire.write_packet("Init", client_id=case["client_id"], key_id=case["key_id"], message=case["message_1"], **cookie)
    case["reply"] = wire.write_packet("Reply", client_id=case["client_id"], server_id=case["server_id"], message=case["message_2"])
    case["data"] = [data_of(case, way, *rest) for way in ("c2s", "s2c") for rest in every_frame(way)]
    return case


def attach():
    case = {"root": some("root"), "session": number("session", 8), "server": number("server", 8), "epoch": number("epoch", 7)}
    case["k"] = handshake.session_key(case["root"], case["session"], case["server"], case["epoch"])
    case |= {"client_id": number("attach client", 4), "server_id": number("attach server", 4)}
    case |= {"client_random": some("client random"), "server_random": some("server random")}
    packet = {name: case[name] for name in ("client_id", "session", "server", "epoch")} | {"random": case["client_random"]}
    case["attach"] = wire.write_packet("Attach", **packet, mac=handshake.attach_mac(case["k"], wire.write_packet("Attach", **packet)))
    packet = {"client_id": case["client_id"], "server_id": case["server_id"], "random": case["server_random"]}
    mac = handshake.attached_mac(case["k"], case["client_random"], wire.write_packet("Attached", **packet))
    case["attached"] = wire.write_packet("Attached", **packet, mac=mac)
    case |= dict(zip(("key_c2s", "key_s2c"), handshake.traffic_keys(case["k"], case["client_random"], case["server_random"])))
    case["data"] = [data_of(case, way, n, (n, 0, 7), [("ping", {})]) for n, way in enumerate(("c2s", "s2c"))]
    return case


def device():
    case = {"seed": some("device"), "handshake_hash": some("hash", 64)}
    case["public_key"] = c.ed25519_public(case["seed"])
    case["login_signature"] = c.ed25519_sign(case["seed"], handshake.device_message(case["handshake_hash"]))
    case["enrol_signature"] = c.ed25519_sign(case["seed"], handshake.enrol_message(case["handshake_hash"]))
    return case


def resolve():
    case = {"root": some("root"), "handshake_hash": some("hash", 64), "session": number("session", 8)}
    case["proof"] = handshake.resolve_proof(case["root"], case["handshake_hash"])
    case["message"] = messages.SCHEMA.write("ClientControl", {"resolve": {"session_id": case["session"], "proof": case["proof"]}})
    return case


def link():
    case = {"secret": some("link"), "nonce": some("nonce", 24)}
    case |= {name: number(name, 8) for name in ("source", "source_epoch", "target", "target_epoch", "session", "epoch")}
    case["link_root"] = handshake.link_root(case["secret"], case["target"], case["target_epoch"])
    case["link_key"] = handshake.link_key(case["link_root"], case["source"], case["source_epoch"])
    case["plaintext"] = messages.SCHEMA.write("LinkMessage", {"arrival": {"session_id": case["session"], "epoch": case["epoch"]}})
    head = struct.pack("<BQQ", 0x20, case["source"], case["source_epoch"]) + case["nonce"]
    case["packet"] = head + c.xchacha20_poly1305_seal(case["link_key"], case["nonce"], head, case["plaintext"])
    return case


def version():
    hello, answer = wire.write_packet("Hello", version=2), wire.write_packet("Version", lowest=1, highest=1)
    return {"hello": hello, "lowest": 1, "highest": 1, "version": answer}


def make():
    return text_of({"login": login(), "attach": attach(), "device": device(), "resolve": resolve(), "link": link(), "version": version()})


if __name__ == "__main__":
    out = json.dumps(make(), indent=1) + "\n"
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            file.write(out)
    else:
        sys.stdout.write(out)
