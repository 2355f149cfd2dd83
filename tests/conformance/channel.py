"""One channel in one direction (docs/protocol.md, section 5, Channels): what its sender may send, and the messages it makes."""

import wire

WINDOW = {0: 14388, 1: 14388, 2: 4796}
LONGEST = {0: 12 * 1024, 1: 12 * 1024, 2: 4 * 1024}
LOGIN_WINDOW, LOGIN_LONGEST = 4796, 4 * 1024
WINDOW_PIECES, PIECE_EXTRA = 32, 48
UNFINISHED_S = 30
RESENT_AFTER_S, RESENT_MOST_S = 0.050, 2.0
DELAY_S = 0.025
KEPT = 256


class Piece:
    def __init__(self, t, more, data):
        self.more, self.data, self.sends, self.acked = more, data, [t], False


class Channel:
    """`blame` is called with (section, text, for the receiver) for what breaks the page."""

    def __init__(self, number, to_login_server, blame, early):
        self.number, self.blame, self.early = number, blame, early
        self.window = LOGIN_WINDOW if to_login_server else WINDOW[number]
        self.longest = LOGIN_LONGEST if to_login_server else LONGEST[number]
        self.pieces = {}
        self.next = 0  # the first piece that was not sent yet with all before it
        self.unfinished = b""
        self.too_long = False
        self.oldest = 0  # first piece of the oldest message that is not wholly acknowledged
        self.started_at = None  # when a piece of that message was first acknowledged

    def unwrap(self, sequence):
        return self.oldest + ((sequence - self.oldest + 2**31) % 2**32 - 2**31)

    def sent(self, t, sequence, more, data):
        """The messages that this piece completes."""
        name = f"channel {self.number}, piece {sequence}"
        at = self.unwrap(sequence)
        known = self.pieces.get(at)
        if known:
            if (known.more, known.data) != (more, data):
                self.blame("5 Channels", f"{name} is sent again with other contents")
            self._resent(t, name, known)
            return []
        if at < self.next:
            if at < 0:
                self.blame("5 Channels", f"{name} lies before the first")
            return []
        if at - self.oldest >= WINDOW_PIECES:
            self.blame("5 Channels", f"{name} is beyond the {WINDOW_PIECES} pieces from {self.oldest % 2**32}")
        elif self._cost(at) + PIECE_EXTRA + len(data) > self.window:
            self.blame("5 Channels", f"{name} is beyond the window of {self.window} bytes from {self.oldest % 2**32}")
        if len(data) > wire.PIECE_MAX:
            self.blame("5 Channels", f"{name} holds {len(data)} bytes")
        elif more and len(data) < wire.PIECE_MAX:
            self.blame("5 Channels", f"{name} holds {len(data)} bytes and is not the last of its message")
        self.pieces[at] = Piece(t, more, data)
        return self._complete()

    def _cost(self, end):
        """Of the pieces from the oldest message's first up to `end`; what the capture lacks costs nothing."""
        between = (self.pieces.get(at) for at in range(self.oldest, end))
        return sum(PIECE_EXTRA + len(piece.data) for piece in between if piece)

    def _complete(self):
        done = []
        while self.next in self.pieces:
            piece = self.pieces[self.next]
            self.unfinished += piece.data
            self.next += 1
            if len(self.unfinished) > self.longest and not self.too_long:
                self.too_long = True
                self.blame("5 Channels", f"channel {self.number}: a message of more than {self.longest} bytes")
            if not piece.more:
                done.append(self.unfinished)
                self.unfinished, self.too_long = b"", False
        return done

    def _resent(self, t, name, piece):
        least = min(RESENT_AFTER_S * 2 ** (len(piece.sends) - 1) + DELAY_S, RESENT_MOST_S)
        if t - piece.sends[-1] < least - 0.005:
            self.early.append((t, f"{name} is sent again after {1000 * (t - piece.sends[-1]):.0f} ms"))
        piece.sends.append(t)

    def acknowledged(self, t, sequence):
        piece = self.pieces.get(sequence)
        if not piece or piece.acked:
            return
        piece.acked = True
        if self.started_at is None:
            self.started_at = t
        at = self.oldest
        while at in self.pieces and self.pieces[at].acked:
            at += 1
            if not self.pieces[at - 1].more:
                self.oldest, self.started_at = at, None
        if self.started_at is None and any(p.acked for n, p in self.pieces.items() if n >= self.oldest):
            self.started_at = t
        for old in [n for n in self.pieces if n < min(self.oldest, self.next) - KEPT]:
            del self.pieces[old]

    def overdue(self, t):
        return self.started_at is not None and t - self.started_at > UNFINISHED_S
