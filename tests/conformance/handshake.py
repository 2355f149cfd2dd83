"""Keys of docs/protocol.md: the login handshake (section 3) seen from outside, Attach (4), proofs (7), Link (10)."""

import struct
from dataclasses import dataclass, field

import primitives as c

PROTOCOL = b"Noise_NK_25519_ChaChaPoly_BLAKE2b"
NO_SECRET = bytes(32)


class Noise:
    """The symmetric state of Noise, revision 34, section 5.2."""

    def __init__(self, prologue):
        self.h = self.ck = PROTOCOL.ljust(64, b"\0")
        self.key, self.n = None, 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = c.blake2b(self.h + data)

    def mix_key(self, material):
        self.ck, key = c.noise_hkdf(self.ck, material, 2)
        self.key, self.n = key[:32], 0

    def _nonce(self):
        self.n += 1
        return struct.pack("<IQ", 0, self.n - 1)

    def seal(self, plain):
        sealed = c.chacha20_poly1305_seal(self.key, self._nonce(), self.h, plain)
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed):
        plain = c.chacha20_poly1305_open(self.key, self._nonce(), self.h, sealed)
        if plain is not None:
            self.mix_hash(sealed)
        return plain

    def split(self):
        return tuple(key[:32] for key in c.noise_hkdf(self.ck, b"", 2))


@dataclass
class Secrets:
    """What of a login handshake is known beside its packets. Message 1 opens with the server's static private key, or with the
    client's ephemeral private key and the server's public key; message 2 also needs one of the two ephemeral private keys."""

    static_privates: list = field(default_factory=list)
    static_publics: list = field(default_factory=list)
    ephemerals: list = field(default_factory=list)  # private keys of either side

    def __post_init__(self):
        self._public = {}

    def public(self, private):
        if private not in self._public:
            self._public[private] = c.x25519_public(private)
        return self._public[private]

    def publics(self):
        return [*map(self.public, self.static_privates), *self.static_publics]

    def private_of(self, public):
        return next((e for e in self.ephemerals if self.public(e) == public), None)


@dataclass
class Handshake:
    noise: Noise
    client_ephemeral: bytes
    payloads: list
    hash: bytes = None
    c2s: bytes = None
    s2c: bytes = None


def prologue(cluster):
    return b"orrery" + b"\1" + cluster.encode()


def key_id(public):
    return c.blake2b(public, 32)[:4]


def read_message_1(message, secrets, prologue_bytes, wanted_key_id=None):
    """A Handshake, or None when no known key opens it."""
    e, sealed = message[:32], message[32:]
    mine = secrets.private_of(e)
    ways = [(secrets.public(s), c.x25519(s, e)) for s in secrets.static_privates]
    if mine:
        ways += [(public, c.x25519(mine, public)) for public in secrets.static_publics]
    for public, shared in ways:
        if wanted_key_id not in (None, key_id(public)) or shared == NO_SECRET:
            continue
        noise = Noise(prologue_bytes)
        noise.mix_hash(public)
        noise.mix_hash(e)
        noise.mix_key(shared)
        payload = noise.open(sealed)
        if payload is not None:
            return Handshake(noise, e, [payload])
    return None


def read_message_2(shake, message, secrets):
    """Completes the Handshake; False when a key is missing, None when the message does not open."""
    e, sealed = message[:32], message[32:]
    theirs, mine = secrets.private_of(e), secrets.private_of(shake.client_ephemeral)
    if not theirs and not mine:
        return False
    shared = c.x25519(theirs, shake.client_ephemeral) if theirs else c.x25519(mine, e)
    state = Noise(b"")
    state.__dict__.update(shake.noise.__dict__)
    state.mix_hash(e)
    state.mix_key(shared)
    payload = state.open(sealed)
    if payload is None or shared == NO_SECRET:
        return None
    shake.payloads.append(payload)
    shake.noise, shake.hash = state, state.h
    shake.c2s, shake.s2c = state.split()
    return True


def write_handshake(prologue_bytes, static_private, client_ephemeral, server_ephemeral, payloads=(b"", b"")):
    """Both messages from all keys: (message 1, message 2, handshake hash, c → s key, s → c key)."""
    static, e1, e2 = map(c.x25519_public, (static_private, client_ephemeral, server_ephemeral))
    noise = Noise(prologue_bytes)
    noise.mix_hash(static)
    noise.mix_hash(e1)
    noise.mix_key(c.x25519(client_ephemeral, static))
    message_1 = e1 + noise.seal(payloads[0])
    noise.mix_hash(e2)
    noise.mix_key(c.x25519(server_ephemeral, e1))
    message_2 = e2 + noise.seal(payloads[1])
    return message_1, message_2, noise.h, *noise.split()


def cookie_mac(secret, family, address, port, time_ms):
    return c.blake2b(bytes([family]) + address + struct.pack("<HQ", port, time_ms), 16, secret)


def session_key(root, session, server, epoch):
    return c.hmac_sha256(root, b"orrery/1" + struct.pack(">QQQ", session, server, epoch))


def attach_mac(key, attach):
    return c.hmac_sha256(key, b"attach" + attach[:62])[:16]


def attached_mac(key, client_random, attached):
    return c.hmac_sha256(key, b"attached" + client_random + attached[:41])[:16]


def traffic_keys(key, client_random, server_random):
    return tuple(c.hmac_sha256(key, label + client_random + server_random) for label in (b"c2s", b"s2c"))


def device_message(handshake_hash):
    return b"orrery/1 device" + handshake_hash


def enrol_message(handshake_hash):
    return b"orrery/1 enrol" + handshake_hash


def resolve_proof(root, handshake_hash):
    return c.hmac_sha256(c.hmac_sha256(root, b"orrery/1 resolve"), handshake_hash)


def link_root(cluster_secret, target, target_epoch):
    return c.hmac_sha256(cluster_secret, b"orrery/1 link" + struct.pack(">QQ", target, target_epoch))


def link_key(root, source, source_epoch):
    return c.hmac_sha256(root, struct.pack(">QQ", source, source_epoch))


def data_nonce(counter):
    return struct.pack("<IQ", 0, counter)
