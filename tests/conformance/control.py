"""Who may say what on the control channel, and when (docs/protocol.md, section 7)."""

import hmac

import handshake
import primitives as c

CLIENT, SERVER = "client", "server"
CLOSED_WITHIN_S = 5
REFUSED, MOVED = 5, 4


class Rules:
    def __init__(self, connection):
        self.connection = connection
        self.ending_t = None  # when the server said what it must close after
        self.closing_reason = None
        self.server_closed = False

    def blame(self, who, text, section="7"):
        self.connection.violation(who, section, text)

    def must_close(self, t, reason=None):
        if self.ending_t is None:
            self.ending_t, self.closing_reason = t, reason

    def closed(self, t, who, reason):
        if who == SERVER:
            self.server_closed = True
            if self.closing_reason not in (None, reason):
                self.blame(SERVER, f"close says {reason} after a Refused that ends the login")

    def finish(self, t):
        peer_closed = self.connection.sides[CLIENT].closes
        if self.ending_t is not None and not self.server_closed and not peer_closed and t - self.ending_t > CLOSED_WITHIN_S:
            self.blame(SERVER, "the server did not close after Refused or Ended")


class Login(Rules):
    def __init__(self, connection):
        super().__init__(connection)
        self.first = None
        self.must_fail = None  # why the credentials or the proof are wrong
        self.result = self.selected = self.redirected = False
        self.enrolling = self.revoking = 0
        self.session_id = None

    def message(self, t, who, name, fields):
        (self._from_client if who == CLIENT else self._from_server)(t, name, fields)

    def _from_client(self, t, name, fields):
        if name in ("credentials", "resolve"):
            if self.first:
                self.blame(CLIENT, f"{name} after {self.first}")
                return
            self.first = name
            (self._credentials if name == "credentials" else self._resolve)(fields)
        elif not self.first:
            self.blame(CLIENT, f"{name} as the first message")
        elif name in ("renew_token", "logout"):
            self.blame(CLIENT, f"{name} on a login connection")
        elif not self.result:
            self.blame(CLIENT, f"{name} before LoginResult")
        elif name == "select_character":
            self.selected = True
        elif self.redirected:
            self.blame(CLIENT, f"{name} after Redirect")
        else:
            self.enrolling += name == "enrol_device"
            self.revoking += name == "revoke_device"

    def _credentials(self, fields):
        ways = [
            "password" in fields,
            "one_time_code" in fields or "new_password" in fields,
            "device_key" in fields or "device_signature" in fields,
        ]
        whole = "one_time_code" in fields and "new_password" in fields or "device_key" in fields and "device_signature" in fields
        if sum(ways) != 1 or not (ways[0] or whole):
            self.must_fail = "not exactly one way of credentials"
        elif ways[2] and self.connection.hash:
            message = handshake.device_message(self.connection.hash)
            if not c.ed25519_verify(fields["device_key"], message, fields["device_signature"]):
                self.must_fail = "a device signature that is wrong"

    def _resolve(self, fields):
        self.session_id = fields.get("session_id", 0)
        root = self.connection.keys.roots.get(fields.get("session_id", 0))
        if root and self.connection.hash:
            proof = handshake.resolve_proof(root, self.connection.hash)
            if not hmac.compare_digest(proof, fields.get("proof", b"")):
                self.must_fail = "a proof that is wrong"

    def _from_server(self, t, name, fields):
        if name == "notice":
            return
        if not self.first and name != "ended" and (name, fields.get("reason")) != ("refused", "BUSY"):
            self.blame(SERVER, f"{name} before the client's first message")
        elif self.ending_t is not None and name != "ended":
            self.blame(SERVER, f"{name} after what ends the login")
        if name == "login_result":
            if self.result or self.first == "resolve":
                self.blame(SERVER, "LoginResult that nothing asked for")
            if self.must_fail:
                self.blame(SERVER, f"LoginResult after {self.must_fail}")
            self.result = True
            self.session_id = fields.get("session_id", 0)
            self.connection.keys.learn_root(fields.get("session_id", 0), fields.get("root_secret", b""))
        elif name == "refused":
            self._refused(t, fields)
        elif name in ("redirect", "waiting"):
            if name == "redirect" and self.first == "credentials" and not self.selected:
                self.blame(SERVER, "Redirect before SelectCharacter")
            if self.first == "resolve" and self.must_fail:
                self.blame(SERVER, f"{name} after {self.must_fail}")
            if name == "redirect":
                self.redirected = True
                if "owner" not in [target.get("role") for target in fields.get("targets", [])]:
                    self.blame(SERVER, "Redirect of a login without an owner")
        elif name == "device_enrolled":
            self.enrolling -= 1
        elif name == "device_revoked":
            self.revoking -= 1
        elif name == "ended":
            if self.must_fail and self.first == "resolve" and fields.get("reason") != "unknown":
                self.blame(SERVER, f"Ended{{{fields.get('reason')}}} after {self.must_fail}")
            self.must_close(t)
        elif name == "token_renewed":
            self.blame(SERVER, "TokenRenewed on a login connection")
        if min(self.enrolling, self.revoking) < 0:
            self.blame(SERVER, f"{name} that nothing asked for")
            self.enrolling, self.revoking = max(0, self.enrolling), max(0, self.revoking)

    def _refused(self, t, fields):
        reason = fields.get("reason", "UNKNOWN")
        if reason in ("LIMITED", "BUSY") and not fields.get("retry_after_ms"):
            self.blame(SERVER, f"Refused{{{reason}}} without retry_after_ms")
        if self.first == "resolve":
            if self.must_fail and reason not in ("LIMITED", "BUSY"):
                self.blame(SERVER, f"Refused after {self.must_fail}, not Ended{{unknown}}")
        elif not self.result or reason in ("NO_CHARACTER", "NO_SERVER"):
            self.must_close(t, REFUSED)
        elif not self.selected and self.enrolling + self.revoking:
            if self.enrolling:
                self.enrolling -= 1
            else:
                self.revoking -= 1

    def closed(self, t, who, reason):
        super().closed(t, who, reason)
        if who == CLIENT and reason == MOVED and not self.redirected:
            self.blame(CLIENT, "close (moved) before Redirect")


class Play(Rules):
    def __init__(self, connection):
        super().__init__(connection)
        self.renewing = 0

    def message(self, t, who, name, fields):
        if who == CLIENT:
            if name == "renew_token":
                self.renewing += 1
                if self.connection.keys.roles.get(self.connection.session) == "chat":
                    self.blame(CLIENT, "RenewToken to chat")
            elif name != "logout":
                self.blame(CLIENT, f"{name} in play")
        elif name == "token_renewed":
            self.renewing -= 1
            if self.renewing < 0:
                self.blame(SERVER, "TokenRenewed that nothing asked for")
                self.renewing = 0
        elif name == "ended":
            self.must_close(t)
        elif name not in ("redirect", "notice", "waiting", "refused"):
            self.blame(SERVER, f"{name} in play")
