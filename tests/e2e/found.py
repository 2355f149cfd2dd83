"""What really runs on this machine, as /proc shows it: independent of what agents and database believe."""

import contextlib
import os
import pathlib
import signal


class Found:
    """A living process as /proc shows it."""

    def __init__(self, pid):
        self.pid = pid
        # comm may hold anything but ends with the last parenthesis
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self.state, self.ppid, self.born = fields[0], int(fields[1]), int(fields[19])
        self.line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        self.env = dict(pair.split("=", 1) for pair in environ.split("\0") if "=" in pair)
        self.exe, self.cwd = "", ""
        with contextlib.suppress(OSError):
            self.exe = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        with contextlib.suppress(OSError):
            self.cwd = os.readlink(f"/proc/{pid}/cwd")

    def names(self, text):
        return any(text in where for where in (self.exe, self.cwd, self.line, *self.env.values()))

    @property
    def is_shim(self):
        return os.path.basename(self.exe) == "orrery-shim"

    # Of servers: what the spawn contract gave it.
    @property
    def ref(self):
        return int(self.env["ORRERY_SERVER_ID"]), int(self.env["ORRERY_EPOCH"])

    @property
    def key(self):
        return self.env["ORRERY_CLUSTER"], self.env["ORRERY_KIND"], self.env["ORRERY_KEY"]

    @property
    def agent(self):
        """Name of its agent's data directory."""
        return pathlib.Path(self.env["ORRERY_AGENT_SOCKET"]).relative_to(self.stack_dir).parts[0]

    def alive(self):
        """Whether this very process still runs."""
        with contextlib.suppress(OSError, IndexError, ValueError):
            now = Found(self.pid)
            return now.born == self.born and now.state not in "ZX"
        return False

    def kill(self, signum=signal.SIGKILL):
        """Signals this very process, never another that has its pid."""
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.alive():
                    signal.pidfd_send_signal(handle, signum)
            finally:
                os.close(handle)


def processes():
    """Every process that may be looked at, threads and zombies left out."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                process = Found(int(entry))
                if process.state not in "ZX":
                    yield process


def udp_bound():
    """(host, port) → inodes of the UDP sockets bound there, IPv4."""
    bound = {}
    for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        address, port = fields[1].split(":")
        host = ".".join(str(byte) for byte in bytes.fromhex(address)[::-1])
        bound.setdefault((host, int(port, 16)), set()).add(fields[9])
    return bound


def sockets_of(pid):
    """Inodes of the sockets that a process holds."""
    inodes = set()
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{number}")
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
    return inodes
