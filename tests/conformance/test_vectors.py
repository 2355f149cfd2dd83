#!/usr/bin/python3
"""test_vectors [FILE]: recomputes docs/vectors/wire.json (VECTORS.md) from its inputs with the Python implementation, and
checks that a change of any value in such a file is noticed."""

import copy
import json
import os
import pathlib
import re
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import handshake  # noqa: E402
import make_vectors  # noqa: E402
import messages  # noqa: E402
import primitives as c  # noqa: E402
import wire  # noqa: E402

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "vectors" / "wire.json"
SHAPE = pathlib.Path(__file__).resolve().parent / "VECTORS.md"
FRAMES = {"message", "piece", "ping", "close", "challenge", "response"}
FRAME_FIELDS = {
    "message": {"channel": int, "bytes": bytes}, "piece": {"channel": int, "sequence": int, "more": int, "bytes": bytes},
    "ping": {}, "close": {"reason": int}, "challenge": {"bytes": bytes}, "response": {"bytes": bytes},
}  # fmt: skip
DATA_FIELDS = {"direction", "counter", "ack", "frames", "plaintext", "packet"}
NAMES = {
    "login": "cluster static_private static_public client_ephemeral server_ephemeral client_id server_id cookie_secret family address "
    "port time_ms hello cookie prologue key_id message_1 message_2 init reply handshake_hash key_c2s key_s2c data",
    "attach": "root session server epoch k client_id server_id client_random server_random attach attached key_c2s key_s2c data",
    "device": "seed public_key handshake_hash login_signature enrol_signature",
    "resolve": "root handshake_hash session proof message",
    "link": "secret source source_epoch target target_epoch link_root link_key nonce session epoch plaintext packet",
    "version": "hello lowest highest version",
}
NUMBERS = {"client_id", "server_id", "family", "port", "time_ms", "session", "server", "epoch", "source", "source_epoch", "target",
           "target_epoch", "lowest", "highest"}  # fmt: skip

failed = False


def test(what, broken):
    """One ok line; `broken` lists what is wrong."""
    global failed
    print(f"{'not ok' if broken else 'ok'} - {what}")
    for line in broken:
        failed = True
        print(f"#   {line}")


class Shape(Exception):
    pass


def read(name, value):
    """A value of the file as Python has it."""
    if name in NUMBERS:
        if type(value) is not int or not 0 <= value < 2**64:
            raise Shape(f"{name} is not an unsigned number")
        return value
    if name == "cluster":
        return value
    if name == "data":
        return [read_data(item) for item in value]
    if not isinstance(value, str) or not re.fullmatch(r"([0-9a-f]{2})*", value):
        raise Shape(f"{name} is not lower-case hex")
    return bytes.fromhex(value)


def read_data(item):
    if set(item) != DATA_FIELDS:
        raise Shape(f"a packet of data has {sorted(item)}")
    out = {"direction": item["direction"], "counter": item["counter"], "frames": [], "ack": None}
    if item["direction"] not in ("c2s", "s2c") or type(item["counter"]) is not int:
        raise Shape("a packet of data without direction or counter")
    if item["ack"] is not None:
        if set(item["ack"]) != {"largest", "bitmap", "delay_ms"}:
            raise Shape("an ack with other fields")
        out["ack"] = tuple(item["ack"][name] for name in ("largest", "bitmap", "delay_ms"))
    for frame in item["frames"]:
        kind = frame.get("type")
        if kind not in FRAMES or set(frame) != {"type", *FRAME_FIELDS[kind]}:
            raise Shape(f"a frame with the fields {sorted(frame)}")
        out["frames"].append((kind, {name: bytes.fromhex(frame[name]) if what is bytes else frame[name] for name, what in FRAME_FIELDS[kind].items()}))
    return out | {name: read(name, item[name]) for name in ("plaintext", "packet")}


def read_case(name, case):
    wanted = NAMES[name].split()
    if set(case) != set(wanted):
        raise Shape(f"{name}: missing {sorted(set(wanted) - set(case))}, not known {sorted(set(case) - set(wanted))}")
    return {field: read(field, value) for field, value in case.items()}


class Comparison:
    """Collects what differs between the file and what is computed."""

    def __init__(self, case):
        self.case, self.broken = case, []

    def same(self, name, computed):
        if self.case[name] != computed:
            self.broken.append(f"{name} is {make_vectors.text_of(self.case[name])}, computed {make_vectors.text_of(computed)}")

    def holds(self, what, true):
        if not true:
            self.broken.append(what)


def check_login(case):
    see = Comparison(case)
    see.same("static_public", c.x25519_public(case["static_private"]))
    see.same("key_id", handshake.key_id(case["static_public"]))
    see.same("prologue", handshake.prologue(case["cluster"]))
    written = handshake.write_handshake(case["prologue"], case["static_private"], case["client_ephemeral"], case["server_ephemeral"])
    for name, value in zip(("message_1", "message_2", "handshake_hash", "key_c2s", "key_s2c"), written):
        see.same(name, value)
    see.same("hello", wire.write_packet("Hello"))
    mac = handshake.cookie_mac(case["cookie_secret"], case["family"], case["address"], case["port"], case["time_ms"])
    see.same("cookie", wire.write_packet("Cookie", time=case["time_ms"].to_bytes(8, "little"), mac=mac))
    ids = {"client_id": case["client_id"], "server_id": case["server_id"]}
    see.same("init", wire.write_packet("Init", **ids, key_id=case["key_id"], message=case["message_1"], time=case["cookie"][2:10], mac=case["cookie"][10:]))
    see.same("reply", wire.write_packet("Reply", **ids, message=case["message_2"]))
    for way, secrets in {
        "the server's two private keys": handshake.Secrets([case["static_private"]], [], [case["server_ephemeral"]]),
        "the client's ephemeral key": handshake.Secrets([], [case["static_public"]], [case["client_ephemeral"]]),
    }.items():
        shake = handshake.read_message_1(case["message_1"], secrets, case["prologue"], case["key_id"])
        read_too = shake and handshake.read_message_2(shake, case["message_2"], secrets)
        same = read_too and (shake.payloads, shake.hash, shake.c2s) == ([b"", b""], case["handshake_hash"], case["key_c2s"])
        see.holds(f"the messages do not open with {way}", same)
    for name in ("hello", "cookie", "init", "reply"):
        parses(see, name, case[name])
    return see.broken + check_data(case)


def parses(see, name, data):
    try:
        wire.parse(data)
    except wire.Malformed as wrong:
        see.broken.append(f"{name}: {wrong}")


def check_attach(case):
    see = Comparison(case)
    see.same("k", handshake.session_key(case["root"], case["session"], case["server"], case["epoch"]))
    fields = {name: case[name] for name in ("client_id", "server_id", "session", "server", "epoch")}
    packet = wire.write_packet("Attach", **fields, random=case["client_random"], mac=case["attach"][62:])
    see.same("attach", packet[:62] + handshake.attach_mac(case["k"], packet))
    packet = wire.write_packet("Attached", **fields, random=case["server_random"])
    see.same("attached", packet[:41] + handshake.attached_mac(case["k"], case["client_random"], packet))
    for name, key in zip(("key_c2s", "key_s2c"), handshake.traffic_keys(case["k"], case["client_random"], case["server_random"])):
        see.same(name, key)
    parses(see, "attach", case["attach"])
    parses(see, "attached", case["attached"])
    return see.broken + check_data(case)


def check_data(case):
    broken = []
    for n, item in enumerate(case["data"]):
        see = Comparison(item)
        see.same("plaintext", wire.write_payload(item["ack"], item["frames"]))
        c2s = item["direction"] == "c2s"
        key, receiver = (case["key_c2s"], case["server_id"]) if c2s else (case["key_s2c"], case["client_id"])
        see.same("packet", make_vectors.seal(key, receiver, item["counter"], item["plaintext"]))
        payload = wire.read_payload(item["plaintext"])
        see.holds(f"the plaintext reads as {payload}", (payload.ack, payload.frames, payload.wrong) == (item["ack"], item["frames"], None))
        head, sealed = item["packet"][:13], item["packet"][13:]
        opened = c.chacha20_poly1305_open(key, handshake.data_nonce(item["counter"]), head, sealed)
        see.holds("the packet does not open to the plaintext", opened == item["plaintext"])
        parses(see, "packet", item["packet"])
        broken += [f"data[{n}]: {line}" for line in see.broken]
    return broken


def covered(case, everything):
    """What VECTORS.md asks of a list of Data and it has not."""
    missing = []
    for way in ("c2s", "s2c"):
        mine = [item for item in case["data"] if item["direction"] == way]
        has = {"a packet": bool(mine)}
        if everything:
            has |= {f"a {kind}": any(kind == frame[0] for item in mine for frame in item["frames"]) for kind in sorted(FRAMES)}
            has["an ack"] = any(item["ack"] for item in mine)
            has["a packet without ack"] = any(not item["ack"] for item in mine)
            has["a packet of two frames"] = any(len(item["frames"]) > 1 for item in mine)
            has["a packet of 1,200 bytes"] = any(len(item["packet"]) == 1200 for item in mine)
            has["a counter above 2^32"] = any(item["counter"] > 2**32 for item in mine)
        missing += [f"{way}: {what}" for what, there in has.items() if not there]
    return missing


def check_device(case):
    see = Comparison(case)
    see.same("public_key", c.ed25519_public(case["seed"]))
    for name, message in (("login_signature", handshake.device_message), ("enrol_signature", handshake.enrol_message)):
        message = message(case["handshake_hash"])
        see.same(name, c.ed25519_sign(case["seed"], message))
        see.holds(f"{name} does not verify", c.ed25519_verify(case["public_key"], message, case[name]))
    see.holds("the handshake hash is not 64 bytes", len(case["handshake_hash"]) == 64)
    return see.broken


def check_resolve(case):
    see = Comparison(case)
    see.same("proof", handshake.resolve_proof(case["root"], case["handshake_hash"]))
    fields = {"session_id": case["session"], "proof": case["proof"]}
    see.same("message", messages.SCHEMA.write("ClientControl", {"resolve": fields}))
    see.holds("the message reads otherwise", readable("ClientControl", case["message"]) == ("resolve", fields))
    see.holds("the handshake hash is not 64 bytes", len(case["handshake_hash"]) == 64)
    return see.broken


def readable(message, data):
    try:
        return messages.read_one(message, data)
    except messages.Wrong:
        return None


def check_link(case):
    see = Comparison(case)
    see.same("link_root", handshake.link_root(case["secret"], case["target"], case["target_epoch"]))
    see.same("link_key", handshake.link_key(case["link_root"], case["source"], case["source_epoch"]))
    fields = {"session_id": case["session"], "epoch": case["epoch"]}
    see.same("plaintext", messages.SCHEMA.write("LinkMessage", {"arrival": fields}))
    see.holds("the plaintext reads otherwise", readable("LinkMessage", case["plaintext"]) == ("arrival", fields))
    head = struct.pack("<BQQ", 0x20, case["source"], case["source_epoch"]) + case["nonce"]
    see.same("packet", head + c.xchacha20_poly1305_seal(case["link_key"], case["nonce"], head, case["plaintext"]))
    opened = c.xchacha20_poly1305_open(case["link_key"], case["nonce"], case["packet"][:41], case["packet"][41:])
    see.holds("the packet does not open", opened == case["plaintext"])
    parses(see, "packet", case["packet"])
    return see.broken


def check_version(case):
    see = Comparison(case)
    see.same("hello", wire.write_packet("Hello", version=2))
    see.same("version", wire.write_packet("Version", lowest=case["lowest"], highest=case["highest"]))
    parses(see, "hello", case["hello"])
    return see.broken


CHECKS = {"login": check_login, "attach": check_attach, "device": check_device, "resolve": check_resolve, "link": check_link, "version": check_version}


def check(name, case):
    """What is wrong with a case, whatever it holds."""
    try:
        return CHECKS[name](read_case(name, case))
    except Shape as wrong:
        return [str(wrong)]
    except (TypeError, ValueError, OverflowError, KeyError, struct.error) as wrong:
        return [f"cannot be read: {wrong!r}"]


def places(value, path=()):
    """The paths of all single values."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from places(item, (*path, i))
    else:
        yield path


def changed(value):
    """A value of the same kind that is another."""
    if value is None:
        return {"largest": 1, "bitmap": 0, "delay_ms": 0}
    if isinstance(value, int):
        return value ^ 1
    if re.fullmatch(r"([0-9a-f]{2})+", value):
        middle = len(value) // 2
        return value[:middle] + ("0" if value[middle] != "0" else "8") + value[middle + 1 :]
    return value + "00"


def unnoticed(case_name, case):
    """The values that may change without `check` finding anything."""
    missed = []
    for path in places(case):
        copied = copy.deepcopy(case)
        at = copied
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = changed(at[path[-1]])
        if not check(case_name, copied):
            missed.append("/".join(map(str, path)))
    return missed


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    own = make_vectors.make()
    for name in CHECKS:
        test(f"a change of any value of the case {name} would be noticed", check(name, own[name]) + unnoticed(name, own[name]))
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", SHAPE.read_text(), re.M | re.S)
    described = {name: set(re.split(r",\s*|\s+", " ".join(re.findall(r"^    ((?:\w+, )*\w+)  ", text, re.M)))) for name, text in sections}
    test("VECTORS.md names the values of each case", [n for n in NAMES if described[n] != set(NAMES[n].split())])
    try:
        vectors = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        test("docs/vectors/wire.json is there and is JSON", [str(error)])
        sys.exit(1)
    for name in CHECKS:
        broken = check(name, vectors[name]) if isinstance(vectors.get(name), dict) else ["the case is missing"]
        test(f"wire.json, {name}: what the code computes is what the page says", broken)
        if name in ("login", "attach") and not broken:
            test(f"wire.json, {name}: Data of every kind", covered(read_case(name, vectors[name]), name == "login"))
    test("wire.json has no cases that are not checked", sorted(set(vectors) - set(CHECKS)))
    sys.exit(failed)


if __name__ == "__main__":
    main()
