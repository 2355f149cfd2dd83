#!/usr/bin/python3
"""test_primitives: primitives.py against the vectors of the RFCs, and the handshake against the published vectors of Noise where
they are at hand: *.json in the directory ORRERY_NOISE_VECTORS, else in shared/vectors beside the project's directory."""

import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import handshake  # noqa: E402
import primitives as c  # noqa: E402

NOISE = os.environ.get("ORRERY_NOISE_VECTORS") or pathlib.Path(__file__).resolve().parents[3] / "shared" / "vectors"
HEX = bytes.fromhex
SUNSCREEN = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
AD = HEX("50515253c0c1c2c3c4c5c6c7")

failed = False


def test(what, *good):
    """One ok line; each of `good` must hold."""
    global failed
    print(f"{'ok' if all(good) else 'not ok'} - {what}")
    if not all(good):
        failed = True
        print(f"#   {[i for i, one in enumerate(good, 1) if not one]} of {len(good)}")


def iterated_x25519(times):
    k = u = (9).to_bytes(32, "little")
    for _ in range(times):
        k, u = c.x25519(k, u), k
    return k


def without_one_bit(data, bit):
    return (int.from_bytes(data, "little") ^ 1 << bit).to_bytes(len(data), "little")


def x25519():
    test(
        "X25519 is RFC 7748's: scalars are clamped, the top bit of a point is ignored",
        c.x25519(HEX("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                 HEX("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))
        == HEX("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"),
        c.x25519(HEX("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                 HEX("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"))
        == HEX("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"),
        iterated_x25519(1) == HEX("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"),
        iterated_x25519(1000) == HEX("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"),
    )  # fmt: skip
    low = [bytes(32), b"\1" + bytes(31), (c.P - 1).to_bytes(32, "little"), (c.P + 1).to_bytes(32, "little")]
    test("a point of low order gives zero, which the handshake refuses", *(c.x25519(bytes(range(32)), u) == bytes(32) for u in low))


def chacha():
    key, long_key = bytes(range(32)), bytes(range(0x80, 0xA0))
    test(
        "ChaCha20 and Poly1305 are RFC 8439's",
        c.chacha20_stream(key, HEX("000000090000004a00000000"), 1, 1)
        == HEX("10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"),
        c.poly1305(HEX("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b"), b"Cryptographic Forum Research Group")
        == HEX("a8061dc1305136c6c22b8baf0c0127a9"),
    )
    whole = c.chacha20_stream(key, bytes(12), 0, 19)
    test("many blocks at once are the blocks one by one", *(c.chacha20_stream(key, bytes(12), n, 1) == whole[64 * n : 64 * n + 64] for n in range(19)))
    sealed = HEX("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                 "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691")
    nonce = HEX("070000004041424344454647")
    test(
        "ChaCha20-Poly1305 is RFC 8439's, both ways; a changed bit anywhere does not open",
        c.chacha20_poly1305_seal(long_key, nonce, AD, SUNSCREEN) == sealed,
        c.chacha20_poly1305_open(long_key, nonce, AD, sealed) == SUNSCREEN,
        *(c.chacha20_poly1305_open(long_key, nonce, AD, without_one_bit(sealed, bit)) is None for bit in range(0, 8 * len(sealed), 97)),
        c.chacha20_poly1305_open(long_key, nonce, AD + b"\0", sealed) is None,
        c.chacha20_poly1305_open(long_key, nonce, AD, sealed[:15]) is None,
    )
    sealed = HEX("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
                 "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49")
    nonce = bytes(range(0x40, 0x58))
    test(
        "XChaCha20-Poly1305 and HChaCha20 are draft-irtf-cfrg-xchacha-03's",
        c.hchacha20(key, HEX("000000090000004a0000000031415927")) == HEX("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"),
        c.xchacha20_poly1305_seal(long_key, nonce, AD, SUNSCREEN) == sealed,
        c.xchacha20_poly1305_open(long_key, nonce, AD, sealed) == SUNSCREEN,
        c.xchacha20_poly1305_open(long_key, nonce, AD, without_one_bit(sealed, 9)) is None,
    )


def hashes():
    test(
        "BLAKE2b is RFC 7693's, HMAC-SHA256 RFC 4231's",
        c.blake2b(b"abc") == HEX("ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"),
        c.hmac_sha256(b"Jefe", b"what do ya want for nothing?") == HEX("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        c.blake2b(b"abc", 32) != c.blake2b(b"abc")[:32],
    )


def ed25519():
    cases = [
        ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ]  # fmt: skip
    for number, (seed, public, message, signature) in enumerate(cases, 1):
        seed, public, message, signature = map(HEX, (seed, public, message, signature))
        grown = signature[:32] + (int.from_bytes(signature[32:], "little") + c.L).to_bytes(32, "little")
        test(
            f"Ed25519 is RFC 8032's, test {number}; another message, key or signature, or an S beyond L, does not verify",
            c.ed25519_public(seed) == public,
            c.ed25519_sign(seed, message) == signature,
            c.ed25519_verify(public, message, signature),
            not c.ed25519_verify(public, message + b"x", signature),
            not c.ed25519_verify(without_one_bit(public, 3), message, signature),
            not c.ed25519_verify(public, message, without_one_bit(signature, 300)),
            not c.ed25519_verify(public, message, grown),
            not c.ed25519_verify(public, message, signature[:-1]),
        )


def noise():
    vectors = [v for path in sorted(pathlib.Path(NOISE).glob("*.json")) for v in json.loads(path.read_text())["vectors"]]
    vectors = [v for v in vectors if v["protocol_name"] == handshake.PROTOCOL.decode()]
    if not vectors:
        print(f"# no published Noise vectors in {NOISE}: set ORRERY_NOISE_VECTORS")
    for number, v in enumerate(vectors, 1):
        bits = {name: HEX(v[name]) for name in ("init_prologue", "init_ephemeral", "resp_static", "resp_ephemeral")}
        sent = [(HEX(m["payload"]), HEX(m["ciphertext"])) for m in v["messages"]]
        written = handshake.write_handshake(bits["init_prologue"], bits["resp_static"], bits["init_ephemeral"], bits["resp_ephemeral"], [p for p, _ in sent[:2]])
        good = [written[:2] == (sent[0][1], sent[1][1]), written[2] == HEX(v["handshake_hash"])]
        for secrets in (handshake.Secrets([bits["resp_static"]], [], [bits["resp_ephemeral"]]),
                        handshake.Secrets([], [HEX(v["init_remote_static"])], [bits["init_ephemeral"]])):  # fmt: skip
            shake = handshake.read_message_1(sent[0][1], secrets, bits["init_prologue"])
            good.append(shake and handshake.read_message_2(shake, sent[1][1], secrets) and shake.payloads == [p for p, _ in sent[:2]])
            good.append(shake and (shake.hash, shake.c2s, shake.s2c) == written[2:])
        good.append(handshake.read_message_1(sent[0][1], handshake.Secrets([bits["resp_ephemeral"]]), bits["init_prologue"]) is None)
        for i, (payload, sealed) in enumerate(sent[2:]):
            good.append(c.chacha20_poly1305_open(written[3 + i % 2], handshake.data_nonce(i // 2), b"", sealed) == payload)
        test(f"the handshake is Noise's published one, vector {number}: both messages, the hash, the keys, from either side's secrets", *good)


x25519()
chacha()
hashes()
ed25519()
noise()
sys.exit(failed)
