"""The cryptography that docs/protocol.md names, in pure Python: X25519, ChaCha20-Poly1305, XChaCha20-Poly1305, Noise's HKDF
over HMAC-BLAKE2b, Ed25519. For checking only: it is slow and its running time tells secrets."""

import hashlib
import hmac
from array import array

# --- X25519 (RFC 7748) ---

P = 2**255 - 19


def x25519(scalar, point):
    """The shared secret, 32 bytes; all zero when the point is of low order (the caller refuses that)."""
    k = int.from_bytes(scalar, "little") & ~7 & ((1 << 254) - 1) | 1 << 254
    x1 = int.from_bytes(point, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a % P, c * b % P
        aa, bb = a * a % P, b * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def x25519_public(scalar):
    return x25519(scalar, (9).to_bytes(32, "little"))


# --- ChaCha20 (RFC 8439) ---
# All blocks of a packet at once: a row of the state is one integer whose lanes are 64 bits wide with a word in the low 32,
# ordered by column and then by block, so that turning a row is a shift by whole columns.

CONSTANTS = array("I", b"expand 32-byte k")
_lanes = {}


def _lane_constants(blocks):
    if blocks not in _lanes:
        ones = sum(1 << 64 * i for i in range(4 * blocks))
        column = sum(1 << 64 * i for i in range(blocks))
        _lanes[blocks] = (ones * 0xFFFFFFFF, column, sum(i << 64 * i for i in range(blocks)))
    return _lanes[blocks]


def _chacha_rows(rows, blocks, mask):
    a, b, c, d = rows
    s1 = 64 * blocks
    s2, s3 = 2 * s1, 3 * s1
    full = (1 << 4 * s1) - 1
    for _ in range(10):
        for turn in (False, True):
            a = a + b & mask
            d ^= a
            d = (d << 16 | d >> 16) & mask
            c = c + d & mask
            b ^= c
            b = (b << 12 | b >> 20) & mask
            a = a + b & mask
            d ^= a
            d = (d << 8 | d >> 24) & mask
            c = c + d & mask
            b ^= c
            b = (b << 7 | b >> 25) & mask
            if not turn:
                b = (b >> s1 | b << s3) & full
                d = (d >> s3 | d << s1) & full
            else:
                b = (b >> s3 | b << s1) & full
                d = (d >> s1 | d << s3) & full
            c = (c >> s2 | c << s2) & full
    return a, b, c, d


def _words(key, nonce, counter, blocks):
    _, column, numbers = _lane_constants(blocks)

    def row(words):
        return sum(word * column << 64 * blocks * i for i, word in enumerate(words))

    k, n = array("I", key), array("I", nonce)
    return row(CONSTANTS), row(k[:4]), row(k[4:]), row([0, *n]) + counter * column + numbers


def chacha20_stream(key, nonce, counter, blocks):
    """64 bytes a block; nonce 12 bytes."""
    mask = _lane_constants(blocks)[0]
    start = _words(key, nonce, counter, blocks)
    out = array("I", bytes(64 * blocks))
    for r, (begun, mixed) in enumerate(zip(start, _chacha_rows(start, blocks, mask))):
        lanes = array("I", (begun + mixed & mask).to_bytes(32 * blocks, "little"))[::2]
        for column in range(4):
            out[4 * r + column :: 16] = lanes[column * blocks : (column + 1) * blocks]
    return out.tobytes()


def hchacha20(key, nonce):
    """XChaCha20's subkey (draft-irtf-cfrg-xchacha-03); nonce 16 bytes."""
    mask = _lane_constants(1)[0]
    n = array("I", nonce)
    start = _words(key, n[1:].tobytes(), n[0], 1)
    a, _, _, d = _chacha_rows(start, 1, mask)
    return b"".join(array("I", row.to_bytes(32, "little"))[::2].tobytes() for row in (a, d))


def _xor(data, stream):
    n = len(data)
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream[:n], "little")).to_bytes(n, "little")


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    p = 2**130 - 5
    total = 0
    for i in range(0, len(data), 16):
        total = (total + int.from_bytes(data[i : i + 16] + b"\1", "little")) * r % p
    return (total + int.from_bytes(key[16:], "little") & (1 << 128) - 1).to_bytes(16, "little")


def _aead_tag(one_time_key, ad, sealed):
    lengths = len(ad).to_bytes(8, "little") + len(sealed).to_bytes(8, "little")
    return poly1305(one_time_key, ad + bytes(-len(ad) % 16) + sealed + bytes(-len(sealed) % 16) + lengths)


def chacha20_poly1305_seal(key, nonce, ad, plain):
    stream = chacha20_stream(key, nonce, 0, 1 + (len(plain) + 63) // 64)
    sealed = _xor(plain, stream[64:])
    return sealed + _aead_tag(stream[:32], ad, sealed)


def chacha20_poly1305_open(key, nonce, ad, sealed):
    """The plaintext, or None when the tag is wrong."""
    if len(sealed) < 16:
        return None
    sealed, tag = sealed[:-16], sealed[-16:]
    stream = chacha20_stream(key, nonce, 0, 1 + (len(sealed) + 63) // 64)
    if not hmac.compare_digest(_aead_tag(stream[:32], ad, sealed), tag):
        return None
    return _xor(sealed, stream[64:])


def xchacha20_poly1305_seal(key, nonce, ad, plain):
    return chacha20_poly1305_seal(hchacha20(key, nonce[:16]), bytes(4) + nonce[16:], ad, plain)


def xchacha20_poly1305_open(key, nonce, ad, sealed):
    return chacha20_poly1305_open(hchacha20(key, nonce[:16]), bytes(4) + nonce[16:], ad, sealed)


# --- hashes ---


def hmac_sha256(key, data):
    return hmac.digest(key, data, "sha256")


def blake2b(data, size=64, key=b""):
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def noise_hkdf(chaining_key, material, outputs):
    """Noise's HKDF over HMAC-BLAKE2b: outputs (2 or 3) of 64 bytes each."""
    temp = hmac.digest(chaining_key, material, "blake2b")
    out, last = [], b""
    for i in range(1, outputs + 1):
        last = hmac.digest(temp, last + bytes([i]), "blake2b")
        out.append(last)
    return out


# --- Ed25519 (RFC 8032) ---

L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def _recover_x(y, sign):
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if xx == 0:
        return None if sign else 0
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * SQRT_M1 % P
    if (x * x - xx) % P:
        return None
    return P - x if x & 1 != sign else x


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = _add(out, point)
        point = _add(point, point)
        n >>= 1
    return out


def _decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def _compress(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _recover_x(_BASE_Y, 0)
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def _sha512_number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _ed25519_expand(seed):
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254, digest[32:]


def ed25519_public(seed):
    return _compress(_times(_ed25519_expand(seed)[0], BASE))


def ed25519_sign(seed, message):
    a, prefix = _ed25519_expand(seed)
    public = _compress(_times(a, BASE))
    r = _sha512_number(prefix, message) % L
    point = _compress(_times(r, BASE))
    s = (r + _sha512_number(point, public, message) % L * a) % L
    return point + s.to_bytes(32, "little")


def ed25519_verify(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, s = _decompress(public), int.from_bytes(signature[32:], "little")
    if a is None or s >= L:
        return False
    k = _sha512_number(signature[:32], public, message) % L
    minus_a = (P - a[0], a[1], 1, P - a[3])
    return _compress(_add(_times(s, BASE), _times(k, minus_a))) == signature[:32]
