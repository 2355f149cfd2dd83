"""What channels and Link carry: the protobuf messages of proto/orrery.proto (docs/protocol.md, sections 7 and 10), read without
protoc, and the sample game's (section 8)."""

import json
import pathlib
import re
import struct

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto" / "orrery.proto"
SECRET = {"password", "new_password", "one_time_code", "root_secret"}
LENGTHS = {
    ("Credentials", "device_key"): 32, ("Credentials", "device_signature"): 64,
    ("EnrolDevice", "public_key"): 32, ("EnrolDevice", "signature"): 64, ("RevokeDevice", "public_key"): 32,
    ("Resolve", "proof"): 32, ("LoginResult", "root_secret"): 32,
    ("DeviceEnrolled", "public_key"): 32, ("DeviceRevoked", "public_key"): 32,
}  # fmt: skip


class Wrong(Exception):
    pass


class Schema:
    """Messages of a .proto file as {message: {number: (name, type, repeated, in a oneof)}} and enums as {enum: {number: name}}."""

    def __init__(self, text):
        self.messages, self.enums = {}, {}
        tokens = re.findall(r'"[^"]*"|\w+(?:\.\w+)*|[{}=;]', re.sub(r"//[^\n]*", "", text))
        scope, i = [], 0  # (kind, name)
        while i < len(tokens):
            token = tokens[i]
            if token in ("message", "enum", "oneof") and tokens[i + 2] == "{":
                scope.append((token, tokens[i + 1]))
                if token == "message":
                    self.messages[tokens[i + 1]] = {}
                elif token == "enum":
                    self.enums[self._message(scope), tokens[i + 1]] = {}
                i += 3
            elif token == "}":
                scope.pop()
                i += 1
            elif token in ("reserved", "option"):
                i = tokens.index(";", i) + 1
            elif scope and scope[-1][0] == "enum":
                self.enums[self._message(scope), scope[-1][1]][int(tokens[i + 2])] = token
                i += 4
            elif scope:
                repeated = token == "repeated"
                kind, name, _, number = tokens[i + repeated : i + repeated + 4]
                self.messages[self._message(scope)][int(number)] = (name, kind, repeated, scope[-1][0] == "oneof")
                i += 5 + repeated
            else:
                i = tokens.index(";", i) + 1

    @staticmethod
    def _message(scope):
        return next(name for kind, name in reversed(scope) if kind == "message")

    def read(self, message, data):
        """A dict; raises Wrong. Unknown fields stand in it as '#number'."""
        out, at = {}, 0
        fields = self.messages[message]
        while at < len(data):
            tag, at = _varint(data, at)
            number, wire = tag >> 3, tag & 7
            value, at = _value(data, at, wire)
            if number == 0:
                raise Wrong(f"{message}: field 0")
            if number not in fields:
                out[f"#{number}"] = value
                continue
            name, kind, repeated, oneof = fields[number]
            value = self._interpret(message, name, kind, wire, value)
            if repeated:
                out.setdefault(name, []).append(value)
                continue
            if oneof:
                for other, _, _, also in fields.values():
                    if also and other != name:
                        out.pop(other, None)
            out[name] = value
        return out

    def _interpret(self, message, name, kind, wire, value):
        expected = 2 if kind in ("string", "bytes") or kind in self.messages else 0
        if wire != expected:
            raise Wrong(f"{message}.{name} has wire type {wire}")
        if kind in self.messages:
            return self.read(kind, value)
        if kind == "string":
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise Wrong(f"{message}.{name} is not UTF-8") from None
        if kind == "bytes":
            length = LENGTHS.get((message, name))
            if length not in (None, len(value)):
                raise Wrong(f"{message}.{name} of {len(value)} bytes instead of {length}")
            return value
        if (message, kind) in self.enums:
            return self.enums[message, kind].get(value, value)
        if kind == "uint32" and value >> 32:
            raise Wrong(f"{message}.{name} is more than 32 bits")
        return value

    def write(self, message, values):
        """For tests: what `read` gives back; bytes as protobuf's own writers order them, by number."""
        out = b""
        for number, (name, kind, repeated, oneof) in sorted(self.messages[message].items()):
            if name not in values:
                continue
            for value in values[name] if repeated else [values[name]]:
                if kind in self.messages:
                    body = self.write(kind, value)
                elif kind in ("string", "bytes"):
                    body = value.encode() if isinstance(value, str) else value
                else:
                    names = self.enums.get((message, kind), {})
                    value = next((n for n, text in names.items() if text == value), value)
                    if value or oneof:
                        out += _write_varint(number << 3) + _write_varint(value)
                    continue
                if body or kind in self.messages or repeated:
                    out += _write_varint(number << 3 | 2) + _write_varint(len(body)) + body
        return out


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Wrong("a number that does not end")
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            if value >> 64:
                raise Wrong("a number of more than 64 bits")
            return value, at
        shift += 7


def _write_varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _value(data, at, wire):
    if wire == 0:
        return _varint(data, at)
    if wire == 2:
        size, at = _varint(data, at)
    elif wire in (1, 5):
        size = 8 if wire == 1 else 4
    else:
        raise Wrong(f"wire type {wire}")
    if size > len(data) - at:
        raise Wrong("a field that the message cuts short")
    return data[at : at + size], at + size


SCHEMA = Schema(PROTO.read_text())


def read_one(message, data):
    """(name, fields) of the message in a oneof, or of `message` itself; raises Wrong."""
    fields = SCHEMA.read(message, data)
    if not any(entry[3] for entry in SCHEMA.messages[message].values()):
        return message, fields
    known = [name for name in fields if not name.startswith("#")]
    if not known:
        raise Wrong(f"{message} without a message" + (f" that is known ({', '.join(fields)})" if fields else ""))
    return known[0], fields[known[0]]


def printable(value):
    """For people and JSON: bytes in hex, secrets only by their length."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: f"({len(item)} secret)" if name in SECRET else printable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [printable(item) for item in value]
    return value


# --- the sample game ---

INPUT = struct.Struct("<IbbB")
SNAPSHOT = struct.Struct("<BIIHHIiihhBBBB")
ENTITY = struct.Struct("<IHHbbBB")
GONE = struct.Struct("<I")
COMMAND = struct.Struct("<BQB")
RESULT = struct.Struct("<BQB")


def read_object(data, what):
    try:
        value = json.loads(data.decode())
    except ValueError as error:
        raise Wrong(f"{what} with no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Wrong(f"{what} with no JSON object")
    return value


def read_command(data):
    if len(data) < COMMAND.size or len(data) < COMMAND.size + data[9]:
        raise Wrong(f"Command of {len(data)} bytes")
    _, number, size = COMMAND.unpack_from(data)
    name, args = data[COMMAND.size : COMMAND.size + size], data[COMMAND.size + size :]
    if not 1 <= number < 2**63:
        raise Wrong(f"Command with id {number}")
    if not re.fullmatch(rb"[a-z_]{1,32}", name):
        raise Wrong(f"Command named {name!r}")
    if len(args) > 4096:
        raise Wrong(f"Command with {len(args)} bytes of args")
    return "command", {"id": number, "name": name.decode(), "args": read_object(args, "Command") if args else {}}


def read_game(data, from_client):
    """(name, fields) of a message of channel 1; raises Wrong."""
    if not data:
        raise Wrong("an empty game message")
    if from_client:
        if data[0] == 3:
            return read_command(data)
        if data[0] != 1:
            raise Wrong(f"kind {data[0]} from a client")
        count = data[1] if len(data) > 1 else 0
        if not 1 <= count <= 3 or len(data) != 2 + count * INPUT.size:
            raise Wrong(f"Input of {len(data)} bytes with count {count}")
        inputs = [dict(zip(("sequence", "x", "y", "buttons"), item)) for item in INPUT.iter_unpack(data[2:])]
        return "input", {"inputs": inputs}
    if data[0] == 4:
        if len(data) < RESULT.size or data[9] > 1:
            raise Wrong(f"Result of {len(data)} bytes: {data[:10].hex()}")
        _, number, ok = RESULT.unpack_from(data)
        return "result", {"id": number, "ok": ok, "result": read_object(data[RESULT.size :], "Result")}
    if data[0] == 5:
        return "event", read_object(data[1:], "Event")
    if data[0] != 2:
        raise Wrong(f"kind {data[0]} from a server")
    if len(data) < SNAPSHOT.size:
        raise Wrong(f"Snapshot of {len(data)} bytes")
    _, tick, last_input, delay, unit, *own, count, gone_count = SNAPSHOT.unpack_from(data)
    if unit == 0:
        raise Wrong("Snapshot with a unit of 0 cm")
    if len(data) != SNAPSHOT.size + count * ENTITY.size + gone_count * GONE.size:
        raise Wrong(f"Snapshot of {len(data)} bytes with count {count}, gone {gone_count}")
    own = dict(zip(("entity", "x_cm", "y_cm", "vx_cm_s", "vy_cm_s", "kind", "state"), own))

    def place(low, own_cm):
        """The middle of the unit that is meant: the nearest to oneself that has these lower bits."""
        off = (low - own_cm // unit) % 65536
        return (own_cm // unit + off - (65536 if off >= 32768 else 0)) * unit + unit // 2

    entities_end = SNAPSHOT.size + count * ENTITY.size
    entities = [
        {"entity": entity, "x_cm": place(x, own["x_cm"]), "y_cm": place(y, own["y_cm"]), "vx_cm_s": vx * 50, "vy_cm_s": vy * 50, "kind": kind, "state": state}
        for entity, x, y, vx, vy, kind, state in ENTITY.iter_unpack(data[SNAPSHOT.size:entities_end])
    ]
    gone = [entity for entity, in GONE.iter_unpack(data[entities_end:])]
    if len({entity["entity"] for entity in entities} | {own["entity"]} | set(gone)) != 1 + count + gone_count:
        raise Wrong("Snapshot that tells of an entity twice")
    return "snapshot", {"tick": tick, "last_input": last_input, "input_delay_ms": delay, "self": own, "entities": entities, "gone": gone}
