#!/usr/bin/python3
"""test_decoder: the decoder takes what keeps to docs/protocol.md, with each kind of keys and each kind of capture, and names the
section of what does not. Captures are made up by scenario.py."""

import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import handshake  # noqa: E402
import keylog  # noqa: E402
import make_vectors  # noqa: E402
import messages  # noqa: E402
import primitives as c  # noqa: E402
import wire  # noqa: E402
from connection import Options  # noqa: E402
from decoder import Decoder  # noqa: E402
from scenario import CLIENT_AT, ELSEWHERE, SERVER_AT, Scenario, snapshot  # noqa: E402

DECODE = pathlib.Path(__file__).resolve().parent / "decode"
PING = ("ping", {})

failed = False


def test(what, broken):
    """One ok line; `broken` lists what is wrong."""
    global failed
    print(f"{'not ok' if broken else 'ok'} - {what}")
    for line in broken:
        failed = True
        print(f"#   {line}")


def decode(scenario, **options):
    decoder = Decoder(keylog.Keys().read(scenario.keylog), Options(**options))
    records = [decoder.feed(datagram) for datagram in scenario.datagrams]
    decoder.finish()
    return decoder, records


def complaints(scenario, **options):
    """What the decoder finds in a capture that is right."""
    decoder, records = decode(scenario, **options)
    unopened = [f"{record['type']} at {record['t']}: {record['notes']}" for record in records if record["opened"] is False]
    return [f"section {v['section']}: {v['text']}" for v in decoder.violations] + unopened


def finds(what, section, words, scenario, **options):
    """The decoder must find exactly one kind of thing: with these words, in this section."""
    decoder, _ = decode(scenario, **options)
    right = [v for v in decoder.violations if v["section"] == section and words in v["text"]]
    others = [f"section {v['section']}: {v['text']}" for v in decoder.violations if v not in right]
    test(f"noticed: {what}", others + ([] if right else [f"nothing of section {section} with “{words}”"]))


def playing(seed="play"):
    """A Scenario with a connection that is open, and that connection."""
    s = Scenario(seed)
    return s, s.opened(s.attach())


def logging_in(log="LOGIN"):
    s = Scenario("login")
    return s, s.opened(s.login(log))


def piece(sequence, data, more=0, channel=0):
    return ("piece", {"channel": channel, "sequence": sequence, "more": more, "bytes": data})


def message(data, channel=1):
    return ("message", {"channel": channel, "bytes": data})


# --- what is right ---


def whole_session(log="LOGIN"):
    s, login = logging_in(log)
    s.log_in(login)
    play = s.opened(s.attach())
    s.play(play)
    play.say("client", {"say": {"message_id": 1, "text": "hello"}}, channel=2)
    play.say("server", {"message_shown": {"channel": 1, "number": 1, "from": "Ann", "text": "hello"}}, channel=2)
    play.say("client", {"renew_token": {}})
    play.say("server", {"token_renewed": {"expires_in_ms": 5}})
    play.keep_alive(3)
    anew = s.opened(s.attach())
    anew.say("client", {"logout": {}})
    anew.say("server", {"ended": {"reason": "logout"}})
    anew.close("server", 1)
    return s


def right():
    for log, how in (("LOGIN", "traffic keys"), ("server", "the server's private keys"), ("client", "the client's ephemeral key")):
        s = whole_session(log)
        decoder, records = decode(s)
        told = [name for record in records for _, name, _ in record["messages"]]
        wanted = ["credentials", "login_result", "select_character", "redirect", "input", "snapshot", "say", "message_shown", "logout", "ended"]
        hashes = [connection.hash for connection in decoder.connections if connection.login]
        test(f"a whole session is decoded without complaint, its login by {how}",
             complaints(s) + [f"{name} was not decoded" for name in wanted if name not in told] + ([] if hashes == [s.hash] else ["another handshake hash"]))  # fmt: skip
    s = Scenario("token learnt")
    s.keylog.clear()
    s.log_in(s.opened(s.login()))
    s.opened(s.attach())
    test("an Attach is decoded by the root secret of a LoginResult in the same capture", complaints(s))
    long_messages()
    full_windows()
    migration_right()
    link_right()
    impaired()
    forged()


def full_windows():
    s, play = playing("full window")
    fill_window(s, play, "server", 0, 12)
    test("twelve full pieces may wait for the first of their message", complaints(s))
    s, play = playing("short lines")
    for n in range(32):
        play.send("server", piece(n, messages.SCHEMA.write("ServerChat", {"message_shown": {"channel": 1, "number": n + 1, "from": "Ann", "text": "hello"}}), channel=2))
    test("32 short lines of chat may be on their way", complaints(s))


def long_messages():
    s, play = playing("long")
    for _ in range(3):
        data = messages.SCHEMA.write("ServerControl", {"notice": {"text": "x" * 12000}})
        for frame in play.pieces("server", 0, data):
            play.send("server", frame)
            s.wait(0.004)
            play.send("client", ack="newest")
            s.wait(0.2)
    decoder, records = decode(s)
    whole = [len(fields["text"]) for record in records for _, name, fields in record["messages"] if name == "notice"]
    test("messages of 12 KB are put together from pieces", complaints(s) + ([] if whole == [12000] * 3 else [str(whole)]))
    s, play = playing("lost")
    data = messages.SCHEMA.write("ServerControl", {"notice": {"text": "x" * 3000}})
    frames = play.pieces("server", 0, data)
    play.send("server", frames[0])
    play.send("server", frames[1], lost=True)
    play.send("server", frames[2])
    s.wait(0.005)
    play.send("client", ack=(3, 0b110, 4))
    s.wait(0.225)
    play.send("server", frames[1])
    s.wait(0.005)
    play.send("client", ack=(4, 0b1101, 5))
    _, records = decode(s)
    whole = [len(fields["text"]) for record in records for _, name, fields in record["messages"] if name == "notice"]
    test("a piece that was lost and sent again is taken once", complaints(s) + ([] if whole == [3000] else [str(whole)]))


def migrating(pings=2):
    s, play = playing("migration")
    s.wait(0.3)
    for _ in range(pings):
        play.send("client", PING, at=ELSEWHERE)
        s.wait(0.01)
    return s, play


def migration_right():
    s, play = migrating()
    play.send("server", ("challenge", {"bytes": b"12345678"}), at=ELSEWHERE)
    play.send("server", PING, ack="newest")
    s.wait(0.01)
    play.send("client", ("response", {"bytes": b"12345678"}), at=ELSEWHERE)
    s.wait(0.01)
    play.send("server", message(snapshot(1)), ack="newest", at=ELSEWHERE)
    test("a client's new address is followed after its response", complaints(s))


def link_capture(root=True, nonce=b"n" * 24):
    s = Scenario("link")
    target_root = handshake.link_root(b"cluster secret", 9, 10)
    key = handshake.link_key(target_root, 3, 4)
    s.keylog.append(f"LINKROOT {target_root.hex()}" if root else f"LINK 3 4 {key.hex()}")
    for epoch in (7, 8):
        head = struct.pack("<BQQ", 0x20, 3, 4) + nonce[:-1] + bytes([epoch])
        plain = messages.SCHEMA.write("LinkMessage", {"arrival": {"session_id": 5, "epoch": epoch}})
        s.add("10.0.0.1:9000", "10.0.0.2:9000", head + c.xchacha20_poly1305_seal(key, head[17:], head, plain))
    return s, key


def link_right():
    for root in (True, False):
        _, records = decode(link_capture(root)[0])
        arrived = [record["messages"] for record in records]
        wanted = [[("link", "arrival", {"session_id": 5, "epoch": epoch})] for epoch in (7, 8)]
        test(f"Link is opened by {'the link root' if root else 'the link key'}", [] if arrived == wanted else [str(arrived)])


def impaired():
    s = whole_session()
    s.datagrams = [d for n, d in enumerate(s.datagrams) if n < 10 or n % 7 or d.data[0] != 0x10]
    s.datagrams[20], s.datagrams[21] = s.datagrams[21], s.datagrams[20]
    s.datagrams.insert(30, s.datagrams[29])
    found = [v for v in decode(s, impaired=True)[0].violations if v["section"] != "7"]
    test("behind a network that loses, repeats and reorders no packet is held against its sender", [v["text"] for v in found])
    late = playing("late")
    for n in (1100, 1100, 77, 76):
        late[1].send("client", PING, counter=n)
    notes = [record["notes"] for record in decode(late[0], impaired=True)[1][-4:]]
    wanted = [[], ["not taken again"], [], ["below the receiver's window"]]
    test("what the receiver's window refuses is shown: a repetition, and 1,024 below the highest", [] if notes == wanted else [str(notes)])
    test("a capture with gaps and repetitions is held against its senders otherwise", [] if complaints(s) else ["nothing was found"])


def forged():
    s, play = playing("forged")
    real = s.datagrams[-1].data
    for data in (real, real[:-1] + bytes([real[-1] ^ 1]), b"\x99", wire.write_packet("Hello")[:-1] + b"x", s.attach_packet, s.reply if hasattr(s, "reply") else b""):
        s.add(ELSEWHERE, SERVER_AT, data, forged=True)
    s.wait(0.2)
    play.send("server", PING)
    test("what a relay made up itself is shown and held against nobody", [v["text"] for v in decode(s)[0].violations])


# --- what is not ---


def changed(data, at, value):
    return data[:at] + value + data[at + len(value) :]


def wrong_packets():
    def one(data, source=CLIENT_AT, target=SERVER_AT):
        s = Scenario("packet")
        s.add(source, target, data)
        return s

    finds("a datagram of 1,201 bytes", "1", "1201 bytes", one(bytes(1201)))
    finds("an unknown type", "2", "no known type", one(b"\x11" + bytes(50)))
    finds("an empty datagram", "2", "no known type", one(b""))
    finds("a Hello that is too short", "2", "Hello of 1199 bytes", one(wire.write_packet("Hello")[:-1]))
    finds("padding that is not zero", "2", "padding", one(changed(wire.write_packet("Hello"), 700, b"\1")))
    finds("padding of a Hello of another version that is not zero", "2", "version 2", one(changed(wire.write_packet("Hello", version=2), 700, b"\1")))
    finds("an Attach of another version", "2", "Attach of version 2", one(changed(Scenario().attach() and bytes(78), 0, b"\5\2")))
    s = Scenario("padding of Init")
    s.login()
    s.datagrams[2].data = changed(s.init, 1199, b"\1")
    decoder, _ = decode(s)
    test("noticed: an Init whose last byte is not zero", [] if any("padding" in v["text"] for v in decoder.violations) else ["it was not"])
    s, play = playing("receiver 0")
    s.add(CLIENT_AT, SERVER_AT, b"\x10" + bytes(40))
    finds("a receiver id of 0", "2", "receiver of 0", s)
    finds("Link on an address that takes other packets", "2", "on the public network", mixed_networks())


def mixed_networks():
    s, _ = link_capture()
    s.add(CLIENT_AT, SERVER_AT, wire.write_packet("Hello"))
    s.datagrams[1].target = SERVER_AT
    s.datagrams = [s.datagrams[2], s.datagrams[0], s.datagrams[1]]
    return s


def wrong_handshakes():
    s = Scenario("no Hello")
    s.add(SERVER_AT, CLIENT_AT, wire.write_packet("Cookie"))
    finds("a Cookie without a Hello", "1", "Cookie that nothing caused", s)
    s = Scenario("two Cookies")
    s.cookie()
    s.add(SERVER_AT, CLIENT_AT, s.datagrams[-1].data)
    finds("two Cookies to one Hello", "1", "Cookie that nothing caused", s)
    s = Scenario("Hellos")
    for _ in range(3):
        s.add(CLIENT_AT, SERVER_AT, wire.write_packet("Hello"))
        s.wait(0.25)
    finds("a Hello that is sent again each 250 ms", "3", "Hello is sent again after 250 ms", s)
    s = Scenario("Inits")
    s.login()
    for _ in range(2):
        s.wait(0.25)
        s.add(CLIENT_AT, SERVER_AT, s.init)
    finds("an Init that is sent again each 250 ms", "3", "Init is sent again after 250 ms", s)
    s = Scenario("version")
    s.add(CLIENT_AT, SERVER_AT, wire.write_packet("Hello"))
    s.add(SERVER_AT, CLIENT_AT, wire.write_packet("Version", lowest=1, highest=2))
    finds("a Version to a Hello of a version that it names", "2", "that it names", s)
    s = Scenario("cookie of another")
    cookie = s.cookie(ELSEWHERE)
    s.login(cookie=cookie)
    decoder, _ = decode(s)
    texts = " / ".join(v["text"] for v in decoder.violations)
    test("noticed: an Init with another's cookie, and the Reply to it", [] if "with a cookie of" in texts and "Reply to a cookie of" in texts else [texts])
    s = Scenario("cookie from nowhere")
    s.login(cookie={"time": bytes(8), "mac": bytes(16)})
    finds("an Init with a cookie that was not given", "3", "that was not given", s)
    s = Scenario("quota")
    cookie = s.cookie()
    for _ in range(500):
        s.add(CLIENT_AT, SERVER_AT, wire.write_packet("Init", client_id=s.id(), **cookie))
        s.add(SERVER_AT, CLIENT_AT, wire.write_packet("Reply", client_id=int.from_bytes(s.datagrams[-1].data[2:6], "little"), server_id=s.id()))
        s.wait(0.001)
    finds("500 Inits of one address that are answered in half a second", "3", "answered in a second", s)
    s = Scenario("receiver id twice")
    s.opened(s.login(server_id=77))
    s.login(server_id=77)
    finds("a receiver id that is given twice", "2", "is given twice", s)
    s = Scenario("old cookie")
    cookie = s.cookie()
    s.wait(12)
    s.login(cookie=cookie)
    texts = " / ".join(v["text"] for v in decode(s)[0].violations)
    test("noticed: an Init with an old cookie, and the Reply to it", [] if "Init with a cookie that is 12" in texts and "Reply to a cookie that is 12" in texts else [texts])
    s = Scenario("Replies")
    s.login()
    s.add(SERVER_AT, CLIENT_AT, s.reply)
    finds("more Replies than Inits", "1", "more Replies", s)
    s = Scenario("another Reply")
    s.login()
    s.wait(0.3)
    s.add(CLIENT_AT, SERVER_AT, s.init)
    s.add(SERVER_AT, CLIENT_AT, changed(s.reply, 5, b"\7\7\7\7"))
    finds("another Reply to the same Init", "3", "another Reply", s)
    s = Scenario("server first")
    s.login().send("server", PING)
    finds("Data of a server that was not confirmed", "3", "before the client's first", s)
    s = Scenario("half-open")
    peer = s.login()
    s.wait(8)
    s.opened(peer)
    finds("a handshake that is opened after 8 s", "3", "half-open", s)


def wrong_attaches():
    s = Scenario("mac")
    s.attach()
    s.datagrams[0].data = changed(s.attach_packet, 70, b"xx")
    decoder, _ = decode(s)
    texts = " / ".join(v["text"] for v in decoder.violations)
    test("noticed: an Attach whose mac is wrong, and the Attached to it", [] if "Attach whose mac" in texts and "to an Attach whose" in texts else [texts])
    s = Scenario("attached mac")
    s.attach()
    s.datagrams[1].data = changed(s.attached_packet, 50, b"xx")
    finds("an Attached whose mac is wrong", "4", "Attached whose mac is wrong", s)
    s = Scenario("attacheds")
    s.attach()
    s.add(SERVER_AT, CLIENT_AT, s.attached_packet)
    finds("two Attacheds to one Attach", "1", "more Attacheds", s)
    s = Scenario("attach again")
    s.attach()
    for wait in (0.030, 0.030):
        s.wait(wait)
        s.add(CLIENT_AT, SERVER_AT, s.attach_packet)
    finds("an Attach that is sent again too early", "4", "Attach is sent again after", s)
    s = Scenario("attach for 11 s")
    s.attach()
    for wait in (0.25, 0.5, 1, 2, 2, 2, 2, 2):
        s.wait(wait)
        s.add(CLIENT_AT, SERVER_AT, s.attach_packet)
    finds("an Attach that is still sent after 10 s", "4", "after 10 s", s)
    s = Scenario("five sets")
    first = s.attach()
    for _ in range(4):
        s.attach()
    s.opened(first)
    finds("Data under the oldest of five sets that wait", "4", "four newer sets wait", s)
    s = Scenario("server random")
    for _ in range(2):
        s.attach(random=bytes(range(32)))
    finds("a server random that is used again", "4", "random is used again", s)
    s, old = playing("old keys")
    s.opened(s.attach())
    old.send("server", PING)
    finds("Data under keys that were replaced", "4", "should have forgotten", s)
    s, _ = playing("waiting keys")
    waiting = s.attach()
    s.opened(s.attach())
    waiting.send("client", PING)
    waiting.send("server", PING)
    finds("Data under keys that waited while others were opened", "4", "should have forgotten", s)


def wrong_data():
    def with_payload(plain, who="client"):
        s, play = playing("payload")
        key, receiver = play.keys[who]
        s.add(CLIENT_AT, SERVER_AT, make_vectors.seal(key, receiver, play.next[who], plain))
        return s

    for what, words, plain in (
        ("an unknown flag", "unknown flags", b"\2"),
        ("an ack that is cut short", "cuts short", b"\1" + bytes(9)),
        ("an unknown frame", "unknown frame type", b"\0\x09"),
        ("an unknown channel", "unknown channel 3", b"\0\1\3\0\0"),
        ("a length beyond the packet", "beyond the packet", b"\0\1\1\2\0x"),
        ("a `more` of 2", "`more` of 2", b"\0\2\0" + bytes(4) + b"\2\0\0"),
        ("a close without a reason", "cuts short", b"\0\4"),
        ("a challenge that is cut short", "cuts short", b"\0\5" + bytes(7)),
    ):
        finds(what, "5", words, with_payload(plain))
    s, play = playing("repeat")
    s.add(CLIENT_AT, SERVER_AT, play.send("client", PING))
    finds("a packet that is sent twice", "5", "is sent twice", s)
    s, play = playing("nonce")
    play.send("client", ack=(0, 0, 1), counter=1)
    finds("a counter that seals two packets", "5", "two different packets", s)
    s, play = playing("gap")
    play.send("client", PING, counter=9)
    finds("a counter that is left out", "5", "not by one", s)
    s, play = playing("back")
    play.next["client"] = 3
    play.send("client", PING)
    play.send("client", PING, counter=2)
    decoder, _ = decode(s)
    test("noticed: a counter that goes backwards", [] if any("goes backwards" in v["text"] for v in decoder.violations) else ["it was not"])
    s, play = playing("first")
    s = Scenario("first counter")
    s.attach().send("client", PING, counter=1)
    finds("counters that begin at 1", "5", "not by one", s)


def wrong_acks():
    s, play = playing("ack ahead")
    play.send("client", ack=(7, 0, 0))
    finds("an ack of what was not sent", "5 Acknowledgements", "which was not sent", s)
    s, play = playing("ack bitmap")
    play.send("client", ack=(0, 1, 0))
    finds("a bitmap that reaches below counter 0", "5 Acknowledgements", "an ack of counter -1", s)
    s, play = playing("ack lost")
    play.send("server", PING, lost=True)
    play.send("client", ack=(1, 1, 0))
    finds("an ack of what was lost", "5 Acknowledgements", "which was lost", s)
    s, play = playing("ack old")
    play.send("server", PING)
    s.wait(0.01)
    play.send("client", ack=(1, 1, 9))
    play.send("client", ack=(0, 0, 15))
    finds("an ack that goes back with a known delay", "5 Acknowledgements", "goes back", s)
    s, play = playing("delay")
    play.send("server", PING)
    s.wait(0.01)
    play.send("client", ack=(1, 1, 500))
    finds("a delay that is longer than it can be", "5 Acknowledgements", "delay_ms 500", s)
    s, play = playing("late")
    play.send("server", PING)
    s.wait(0.4)
    play.send("client", ack=(1, 1, 390))
    finds("an ack that waits for 390 ms", "5 Acknowledgements", "waited 390 ms", s)


def fill_window(s, connection, who, channel, pieces):
    """Full pieces after one that is missing."""
    for n in range(1, 1 + pieces):
        connection.send(who, piece(n, bytes(1151), more=1, channel=channel))
        s.wait(0.001)


def wrong_channels():
    notice = messages.SCHEMA.write("ServerControl", {"notice": {"text": "x" * 2000}})
    s, play = playing("33 pieces")
    play.send("server", piece(32, b"x"))
    finds("a piece beyond the 32 from the base", "5 Channels", "beyond the 32 pieces from 0", s)
    s, play = playing("window")
    fill_window(s, play, "server", 0, 12)
    play.send("server", piece(13, b""))
    finds("a piece beyond the window", "5 Channels", "piece 13 is beyond the window of 14388 bytes from 0", s)
    s, play = playing("chat window")
    fill_window(s, play, "server", 2, 4)
    play.send("server", piece(5, b"", channel=2))
    finds("a piece beyond the window of chat", "5 Channels", "piece 5 is beyond the window of 4796 bytes from 0", s)
    s, login = logging_in()
    fill_window(s, login, "client", 0, 4)
    login.send("client", piece(5, b""))
    finds("a piece beyond the window of a login server", "5 Channels", "piece 5 is beyond the window of 4796 bytes from 0", s)
    s, play = playing("acknowledged, not whole")
    for n in range(3):
        play.send("server", piece(n, bytes(1151), more=1, channel=2))
        s.wait(0.004)
        play.send("client", ack="newest")
        s.wait(0.2)
    play.send("server", piece(4, bytes(1151), more=1, channel=2))
    play.send("server", piece(5, b"", channel=2))
    finds("a window that forgets what is acknowledged of a message", "5 Channels", "piece 5 is beyond the window of 4796 bytes from 0", s)
    s, play = playing("short piece")
    play.send("server", piece(0, notice[:500], more=1))
    finds("a piece that is not full and not the last", "5 Channels", "is not the last", s)
    s, play = playing("other contents")
    play.send("server", piece(0, notice[:1151], more=1))
    s.wait(0.3)
    play.send("server", piece(0, notice[1:1152], more=1))
    finds("a piece that is sent again with other contents", "5 Channels", "other contents", s)
    s, play = playing("early")
    play.send("server", piece(0, notice[:1151], more=1))
    s.wait(0.03)
    play.send("server", piece(0, notice[:1151], more=1))
    finds("a piece that is sent again after 30 ms", "5 Channels", "sent again after 30 ms", s)
    s, play = playing("early, but closing")
    play.send("server", piece(0, messages.SCHEMA.write("ServerControl", {"notice": {}})))
    s.wait(0.03)
    play.send("server", piece(0, messages.SCHEMA.write("ServerControl", {"notice": {}})))
    play.close("server", 3)
    test("what a side sends once more before it closes is not too early", complaints(s))
    s, play = playing("too long")
    for n in range(4):
        play.send("client", piece(n, bytes(1151), more=int(n < 3), channel=2))
        s.wait(0.004)
        play.send("server", ack="newest")
        s.wait(0.2)
    decoder, _ = decode(s)
    test("noticed: a chat message of more than 4 KiB", [] if any("more than 4096" in v["text"] for v in decoder.violations) else ["it was not"])
    s, play = playing("unfinished")
    play.send("server", piece(0, notice[:1151], more=1))
    s.wait(0.005)
    play.keep_alive(33)
    finds("a message that is not whole after 30 s", "5 Channels", "not whole after 30 s", s)
    s, play = playing("unreliable control")
    play.send("server", message(messages.SCHEMA.write("ServerControl", {"notice": {}}), channel=0))
    finds("a control message that is not reliable", "7", "unreliable message on channel 0", s)
    s, play = playing("bucket")
    for n in range(40):
        play.send("client", message(bytes([1, 1]) + struct.pack("<IbbB", n, 0, 0, 0)))
        play.send("client", message(bytes(1100)))
        s.wait(0.05)
    finds("22 kB a second", "5 Congestion", "more than 8000 bytes a second", s, game="none")


def wrong_times():
    s, play = playing("silent")
    s.wait(2)
    play.send("client", PING)
    finds("a client that is silent for 2 s", "5 Keep-alive", "nothing was sent for 2.0", s)
    s, play = playing("lapse")
    for _ in range(8):
        s.wait(2)
        play.send("server", PING)
    finds("a server that goes on after its client has lapsed", "5 Keep-alive", "goes on", s)
    for times, words in ((2, "2 times, not three"), (4, "more than three times")):
        s, play = playing("close")
        play.close("server", 3, times)
        s.wait(3)
        s.add(CLIENT_AT, SERVER_AT, wire.write_packet("Hello"))
        finds(f"close that is sent {times} times", "5 Close", words, s)
    s, play = playing("closes")
    for _ in range(3):
        play.send("client", ("close", {"reason": 1}))
        s.wait(0.01)
    finds("close that is repeated each 10 ms", "5 Close", "repeated after 10 ms", s)
    s, play = playing("goes on")
    play.close("server", 3)
    s.wait(2)
    play.send("client", PING)
    decoder, _ = decode(s)
    test("noticed: a side that sends after it was sent close", [] if any("after it was sent close" in v["text"] for v in decoder.violations) else ["it was not"])
    s, play = playing("after close")
    play.close("server", 3)
    play.send("server", PING)
    finds("a side that sends something after its own close", "5 Close", "after its first close", s)


def wrong_migrations():
    s, play = migrating()
    play.send("server", ("challenge", {"bytes": b"12345678"}), at=ELSEWHERE)
    s.wait(0.02)
    play.send("server", ("challenge", {"bytes": b"12345678"}), at=ELSEWHERE)
    decoder, _ = decode(s)
    texts = " / ".join(v["text"] for v in decoder.violations)
    test("noticed: challenges each 20 ms, and more bytes than came", [] if "20 ms apart" in texts and "78 bytes to" in texts else [texts])
    s, play = migrating(1)
    play.send("server", ("challenge", {"bytes": b"12345678"}), at=ELSEWHERE)
    finds("a challenge of 39 bytes to an address from where one ping of 31 came", "5 Migration", "39 bytes to", s)
    s, play = migrating()
    play.send("server", message(snapshot(1, 1)), ack="newest", at=ELSEWHERE)
    decoder, _ = decode(s)
    texts = " / ".join(v["text"] for v in decoder.violations)
    test("noticed: data to an address that is not validated", [] if "more than a challenge" in texts else [texts])
    s, play = migrating()
    play.send("client", ("response", {"bytes": b"87654321"}), at=ELSEWHERE)
    finds("a response to no challenge", "5 Migration", "a response to no challenge", s)
    s, play = playing("nowhere")
    play.send("server", PING, at=ELSEWHERE)
    finds("Data to an address from where nothing came", "5 Migration", "the connection's address is", s)
    s, play = playing("server moves")
    play.server_at = "198.51.100.2:7000"
    play.send("server", PING)
    finds("a server that moves", "5 Migration", "the server sends from", s)


def wrong_control():
    def login_with(*said):
        s, login = logging_in()
        for who, what in said:
            login.say(who, what)
        return s

    ann = ("client", {"credentials": {"name": "ann", "password": "x"}})
    result = ("server", {"login_result": {"session_id": 5, "root_secret": bytes(32)}})
    finds("a LoginResult that nothing asked for", "7", "before the client's first message", login_with(result))
    finds("Refused for another reason than BUSY that nothing asked for", "7", "before the client's first message",
          login_with(("server", {"refused": {"reason": "CREDENTIALS"}})))
    s, login = logging_in()
    login.say("server", {"refused": {"reason": "BUSY", "retry_after_ms": 2000}})
    login.close("server", 5)
    test("who has no place is told so before its first message", complaints(s))
    finds("SelectCharacter before LoginResult", "7", "select_character before", login_with(ann, ("client", {"select_character": {}})))
    finds("credentials twice", "7", "credentials after credentials", login_with(ann, ann))
    two = ("client", {"credentials": {"name": "ann", "password": "x", "one_time_code": "y", "new_password": "z"}})
    finds("a login with two ways of credentials", "7", "LoginResult after not exactly one way", login_with(two, result))
    finds("Refused{BUSY} without a time", "7", "without retry_after_ms", login_with(ann, ("server", {"refused": {"reason": "BUSY"}})))
    after = login_with(ann, ("server", {"refused": {"reason": "CREDENTIALS"}}), ("server", {"waiting": {}}))
    finds("a message after the Refused that ends a login", "7", "waiting after what ends", after)
    s, login = logging_in()
    login.say(*ann)
    login.say("server", {"refused": {"reason": "CREDENTIALS"}})
    login.close("server", 1)
    finds("a close for another reason after Refused", "7", "close says 1", s)
    s, login = logging_in()
    login.say(*ann)
    login.say("server", {"refused": {"reason": "CREDENTIALS"}})
    login.keep_alive(7)
    finds("a connection that goes on after Refused", "7", "did not close", s)
    for forge in (False, True):
        s, login = logging_in()
        seed = s.draw()
        signature = c.ed25519_sign(seed, handshake.device_message(bytes(64) if forge else s.hash))
        login.say("client", {"credentials": {"name": "ann", "device_key": c.ed25519_public(seed), "device_signature": signature}})
        login.say(*result)
        if forge:
            finds("a LoginResult to a device signature over another handshake", "7", "device signature that is wrong", s)
        else:
            test("a device's login is taken when its signature is right", complaints(s))
        s, login = logging_in()
        proof = handshake.resolve_proof(s.root, bytes(64) if forge else s.hash)
        login.say("client", {"resolve": {"session_id": s.session, "proof": proof}})
        login.say("server", {"redirect": {"targets": [{"role": "owner"}]}})
        if forge:
            finds("a Redirect to a proof over another handshake", "7", "a proof that is wrong", s)
        else:
            test("a Resolve is taken when its proof is right", complaints(s))
    for what, words, said in (
        ("TokenRenewed that nothing asked for", "nothing asked for", ("server", {"token_renewed": {}})),
        ("SelectCharacter in play", "in play", ("client", {"select_character": {}})),
        ("a Redirect to an unknown role", "to the role 'duke'", ("server", {"redirect": {"targets": [{"role": "duke"}]}})),
        ("a public key of 2 bytes", "2 bytes instead of 32", ("server", {"device_revoked": {"public_key": b"xx"}})),
    ):
        s, play = playing(what)
        play.say(*said)
        finds(what, "7", words, s)
    for what, text in (("a control character", "a\nb"), ("501 bytes", "x" * 501)):
        s, play = playing("chat")
        play.say("client", {"say": {"message_id": 1, "text": text}}, channel=2)
        finds(f"chat with {what}", "7 Chat", "a text", s)
    s, play = playing("chat twice")
    for number in (4, 5, 5):
        play.say("server", {"message_shown": {"channel": 1, "number": number, "from": "Ann", "text": "hello"}}, channel=2)
    finds("a number of chat that comes twice", "7 Chat", "message 5 of channel 1 after 5", s)
    for what, data in (("cut short", b"\x0a\x05x"), ("empty", b""), ("not UTF-8", b"\x2a\x04\x0a\x02\xff\xff"),
                       ("a number without an end", b"\x22" + b"\xff" * 11), ("of another wire type", b"\x20\x01")):  # fmt: skip
        s, play = playing("protobuf")
        play.send("server", *play.pieces("server", 0, data))
        decoder, _ = decode(s)
        test(f"noticed: a control message that is {what}", [] if [v["section"] for v in decoder.violations] == ["7"] else ["it was not"])


def wrong_game():
    def with_messages(who, *data):
        s, play = playing("game")
        for one in data:
            play.send(who, message(one))
            s.wait(0.05)
        return s

    def inputs(*numbers):
        return bytes([1, len(numbers)]) + b"".join(struct.pack("<IbbB", n, 0, 0, 0) for n in numbers)

    finds("an Input with four inputs", "8", "count 4", with_messages("client", inputs(4, 3, 2, 1)))
    finds("an Input oldest first", "8", "newest first", with_messages("client", inputs(1, 2, 3)))
    finds("an Input that is too long", "8", "Input of 10 bytes", with_messages("client", inputs(1) + b"x"))
    other = bytes([1, 1]) + struct.pack("<IbbB", 1, 9, 9, 9)
    finds("an input that is repeated with other contents", "8", "other contents", with_messages("client", inputs(1), other))
    finds("a tick that goes back", "8", "tick 1 after 2", with_messages("server", snapshot(2), snapshot(1)))
    finds("a Snapshot with more entities than it says", "8", "Snapshot of", with_messages("server", snapshot(1) + bytes(12)))
    finds("a Snapshot that tells of an entity twice", "8", "twice", with_messages("server", snapshot(1, 1)[:-4] + struct.pack("<I", 2)))
    def order(number=1, name=b"mine", args=b"{}"):
        return struct.pack("<BQB", 3, number, len(name)) + name + args

    finds("a Command with id 0", "8", "id 0", with_messages("client", order(0)))
    finds("a Command with a bad name", "8", "named", with_messages("client", order(name=b"Mine")))
    finds("a Command whose name is cut", "8", "Command of", with_messages("client", order(args=b"")[:-1]))
    finds("a Command with no object", "8", "no JSON object", with_messages("client", order(args=b"[]")))
    finds("a Result from a client", "8", "kind 4 from a client", with_messages("client", struct.pack("<BQB", 4, 1, 1) + b"{}"))
    finds("a Result that is neither", "8", "Result of", with_messages("server", struct.pack("<BQB", 4, 1, 2) + b"{}"))
    finds("an Event with no JSON", "8", "no JSON", with_messages("server", bytes([5]) + b"{"))
    s, play = playing("snapshots")
    for tick in range(1, 200):
        play.send("server", message(snapshot(tick)))
        s.wait(0.025)
    decoder, _ = decode(s)
    test("noticed: 40 snapshots a second", [] if any("snapshots in 5 s" in v["text"] for v in decoder.violations) else ["it was not"])
    finds("a Snapshot from a client", "8", "kind 2 from a client", with_messages("client", snapshot(1)))
    s, key = link_capture()
    data = s.datagrams[1].data
    s.add("10.0.0.1:9000", "10.0.0.2:9000", data[:41] + c.xchacha20_poly1305_seal(key, data[17:41], data[:41], b"\x0a\x00"))
    finds("a nonce of Link that seals two messages", "10", "two different messages", s)


# --- anything ---


def anything():
    """Packets that are mutilated, and payloads that are and then sealed, are complained about and never end the decoder."""
    draw = random.Random(20)
    s = whole_session()
    plain = list(s.datagrams)
    play = s.opened(s.attach())
    real = [b"\0" + bytes([n]) + bytes(20) for n in range(1, 7)] + [wire.write_payload((1, 1, 1), play.pieces("server", 0, b"\x0a\x05hello"))]
    for n in range(3000):
        s.wait(0.01)
        data = bytearray(draw.choice(plain).data if n % 2 else draw.choice(real))
        for _ in range(draw.randrange(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        data = bytes(data[: draw.randrange(len(data)) if n % 5 == 0 else None])
        if n % 2:
            s.add(draw.choice((CLIENT_AT, ELSEWHERE)), SERVER_AT, data, forged=n % 3 == 0)
            continue
        who = draw.choice(("client", "server"))
        key, receiver = play.keys[who]
        counter = play.next[who] if n < 2900 else draw.randrange(2 ** draw.randrange(65))
        s.add(CLIENT_AT, SERVER_AT, make_vectors.seal(key, receiver, counter, data))
        play.next[who] += 1
    try:
        decoder, _ = decode(s)
        broken = [] if len(decoder.violations) > 500 else ["too few complaints"]
    except Exception as error:  # whatever it is
        broken = [repr(error), *traceback.format_tb(error.__traceback__)[-2:]]
    test("mutilated packets and payloads never end the decoder", broken)


# --- the command ---


def pcap_of(scenario, link, df=True):
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)

    def address(text):
        host, port = text.split(":")
        return bytes(map(int, host.split("."))), int(port)

    for d in scenario.datagrams:
        (source, source_port), (target, target_port) = address(d.source), address(d.target)
        udp = struct.pack(">HHHH", source_port, target_port, 8 + len(d.data), 0) + d.data
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000 if df else 0, 64, 17, 0) + source + target + udp
        if link == 12:
            ip = struct.pack(">IHBB", 0x60000000, len(udp), 17, 64) + bytes(10) + b"\xff\xff" + source + bytes(10) + b"\xff\xff" + target + udp
        heads = {1: [bytes(12) + b"\x08\x00"], 0: [struct.pack("<I", 2)], 101: [b""], 12: [b""]}
        cooked = [struct.pack(">HHH8sH", way, 772, 6, bytes(8), 0x0800) for way in (4, 0)]
        for head in heads.get(link, cooked):
            seconds = int(d.t)
            out += struct.pack("<IIII", seconds, round((d.t - seconds) * 1e6), len(head + ip), len(head + ip)) + head + ip
    return out


def run(scratch, scenario, data, *arguments):
    capture_file, keys = pathlib.Path(scratch, "capture"), pathlib.Path(scratch, "keys")
    capture_file.write_bytes(data)
    keys.write_text("\n".join(scenario.keylog) + "\n")
    return subprocess.run([sys.executable, DECODE, capture_file, "--keys", keys, *arguments], capture_output=True, text=True)


def lines_of(scenario):
    return "".join(json.dumps({"t": d.t, "from": d.source, "to": d.target, "bytes": d.data.hex(), "lost": d.lost}) + "\n" for d in scenario.datagrams).encode()


def command():
    s = whole_session()
    count = f"{len(s.datagrams)} packets"
    with tempfile.TemporaryDirectory() as scratch:
        kinds = {"JSON lines": lines_of(s), "Ethernet": pcap_of(s, 1), "loopback": pcap_of(s, 0), "raw IPv4": pcap_of(s, 101), "raw IPv6": pcap_of(s, 12),
                 "Linux cooked, of the loopback": pcap_of(s, 113)}  # fmt: skip
        for kind, data in kinds.items():
            done = run(scratch, s, data, "--strict")
            good = done.returncode == 0 and count in done.stdout and ", 0 could not be opened, 0 violations" in done.stdout
            test(f"decode reads {kind}", [] if good else [done.stderr + done.stdout[-500:]])
        done = run(scratch, s, kinds["JSON lines"], "--json")
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        fine = len(objects) == len(s.datagrams) + 1 and objects[-1]["violations"] == [] and objects[-1]["opened"]["Data"] > 50
        test("decode --json writes an object a packet and one for the summary", [] if fine else [done.stderr])
        test("decode shows no password and no token", [w for w in ("hunter2", s.root.hex()) if w in done.stdout])
        done = run(scratch, s, pcap_of(s, 101, df=False), "--strict")
        test("noticed: datagrams without DF", [] if done.returncode == 1 and "DF is not set" in done.stdout else [done.stdout[-300:]])
        s.keylog = [line for line in s.keylog if not line.startswith("LOGIN")]
        done = run(scratch, s, kinds["JSON lines"], "--strict")
        test("decode --strict fails when packets could not be opened", [] if done.returncode == 1 and ", 0 could not" not in done.stdout.splitlines()[-1] else ["it did not"])
        done = run(scratch, s, b"", "--strict")
        test("decode --strict fails for an empty capture", [] if done.returncode == 1 else ["it did not"])
        done = run(scratch, s, b"{}\n")
        test("decode says what line of a capture it cannot read", [] if done.returncode == 1 and "line 1" in done.stderr else [done.stderr])
        s.keylog.append("LOGIN 1 2 3")
        done = run(scratch, s, kinds["JSON lines"])
        test("decode says what line of a key log it cannot read", [] if done.returncode == 1 and f"line {len(s.keylog)}" in done.stderr else [done.stderr])


for part in (right, wrong_packets, wrong_handshakes, wrong_attaches, wrong_data, wrong_acks, wrong_channels, wrong_times,
             wrong_migrations, wrong_control, wrong_game, anything, command):  # fmt: skip
    part()
sys.exit(failed)
