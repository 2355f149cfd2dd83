"""Key log: text lines, '#' comments, ids in hexadecimal as one writes a number.

    LOGIN <client id hex8> <server id hex8> <c2s key hex64> <s2c key hex64> [<handshake hash hex128>]
    ROOT <session> <root hex64>
    K <session> <server> <epoch> <K hex64>
    CLUSTER <name>                  the prologue's, for reading handshakes instead of LOGIN
    STATIC <private hex64>          a server's X25519 key
    PUBLIC <public hex64>           the same, when only clients' keys are known
    EPHEMERAL <private hex64>       of either side of a login handshake
    LINK <source> <source epoch> <link_key hex64>
    LINKROOT <link_root hex64>      of a target
"""

import handshake


class KeyLogError(Exception):
    pass


class Keys:
    def __init__(self):
        self.logins = {}  # (client id, server id): [(c2s, s2c, hash or None)]
        self.roots = {}  # session: root
        self.sessions = {}  # (session, server, epoch): K
        self.cluster = ""
        self.secrets = handshake.Secrets()
        self.links = {}  # (source, source epoch): {link_key}
        self.link_roots = set()
        self.roles = {}  # (session, server, epoch): role, learnt from Redirects

    def session_key(self, session, server, epoch):
        triple = (session, server, epoch)
        if triple not in self.sessions and session in self.roots:
            self.sessions[triple] = handshake.session_key(self.roots[session], *triple)
        return self.sessions.get(triple)

    def learn_root(self, session, root):
        if len(root) == 32 and session not in self.roots:
            self.roots[session] = root

    def link_keys(self, source, source_epoch):
        known = self.links.setdefault((source, source_epoch), set())
        known.update(handshake.link_key(root, source, source_epoch) for root in self.link_roots)
        return known

    def read(self, lines):
        for number, line in enumerate(lines, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            try:
                self._line(words[0], words[1:])
            except (ValueError, IndexError, KeyError) as error:
                raise KeyLogError(f"line {number}: {words[0]}: {error}") from None
        return self

    def _line(self, kind, words):
        if kind == "LOGIN":
            ids = tuple(int(word, 16) for word in words[:2])
            whole = _bytes(words[4], 64) if len(words) > 4 else None
            keys, known = (_bytes(words[2]), _bytes(words[3])), self.logins.setdefault(ids, [])
            known[:] = [entry for entry in known if entry[:2] != keys or not whole]
            if all(entry[:2] != keys for entry in known):
                known.append((*keys, whole))
        elif kind == "ROOT":
            self.roots[int(words[0])] = _bytes(words[1])
        elif kind == "K":
            self.sessions[tuple(int(word) for word in words[:3])] = _bytes(words[3])
        elif kind == "CLUSTER":
            self.cluster = words[0]
        elif kind in ("STATIC", "PUBLIC", "EPHEMERAL"):
            secrets = self.secrets
            known = {"STATIC": secrets.static_privates, "PUBLIC": secrets.static_publics, "EPHEMERAL": secrets.ephemerals}[kind]
            known.append(_bytes(words[0]))
        elif kind == "LINK":
            self.links.setdefault((int(words[0]), int(words[1])), set()).add(_bytes(words[2]))
        elif kind == "LINKROOT":
            self.link_roots.add(_bytes(words[-1]))
        else:
            raise ValueError("unknown kind of line")


def _bytes(word, size=32):
    out = bytes.fromhex(word)
    if len(out) != size:
        raise ValueError(f"{len(out)} bytes instead of {size}")
    return out
