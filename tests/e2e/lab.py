"""Network namespaces of the unprivileged user that everything runs as, joined by bridges (lab.sh)."""

import shutil
import subprocess

from harness import ROOT, unprivileged


class Lab:
    """Made for a Stack, and gone when all that the stack started has stopped."""

    def __init__(self, stack, *hosts):
        """hosts: as lab.sh takes them."""
        self.pids = {}
        shutil.copy(ROOT / "tests" / "e2e" / "lab.sh", stack.dir / "lab.sh")
        self._switch = subprocess.Popen(
            unprivileged(["unshare", "--user", "--map-root-user", "--net", "--fork", "--kill-child", "bash", stack.dir / "lab.sh", *hosts]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        stack.at_stop.append(lambda: (self._switch.stdin.close(), self._switch.wait(10)))
        for line in self._switch.stdout:
            if line.strip() == "ready":
                break
            name, pid = line.split()
            self.pids[name] = int(pid)

    def within(self, name, user=None):
        """Wraps a command so that it runs in the namespace `name` ("switch": where the bridges are), as its root or as `user`."""
        become = ["unshare", "--user", f"--map-user={user}", "--"] if user else []
        return lambda argv: unprivileged(["nsenter", "--target", self.pids[name], "--user", "--net", "--preserve-credentials", "--",
                                          *become, *argv])

    def run(self, name, *argv):
        return subprocess.run(self.within(name)(list(map(str, argv))), capture_output=True, text=True, cwd="/", timeout=120)
