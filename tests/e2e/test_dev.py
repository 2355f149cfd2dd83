#!/usr/bin/python3
"""./dev up in a checkout whose stack is another's. Catches one that builds for minutes before it says so, or that goes on."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import ROOT, check, finish

with tempfile.TemporaryDirectory(prefix="oe2e.") as folder:
    checkout, stack = pathlib.Path(folder, "checkout"), pathlib.Path(folder, "stack")
    checkout.mkdir()
    stack.mkdir()
    # In a place of its own: this machine's may be in use. There is nothing to build, should it go on.
    text, places = re.subn(r"^( *stack=)/var/lib/\S+$", rf"\g<1>{stack}", (ROOT / "dev").read_text(), flags=re.M)
    check("root's stack has one place", places == 1, places)
    (checkout / "dev").write_text(text)
    shutil.copymode(ROOT / "dev", checkout / "dev")
    if os.getuid() == 0:
        (stack / "checkout").write_text("/somewhere/else\n")
    else:
        (checkout / ".orrery").symlink_to(stack)
    before = sorted(pathlib.Path(folder).rglob("*"))
    done = subprocess.run([checkout / "dev", "up"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    said = "holds the data of another checkout, /somewhere/else; './dev up --fresh'" if os.getuid() == 0 else "is a link of root's './dev up'"
    check("it is refused, and the error says what to do", done.returncode == 1 and said in done.stderr, f"{done.returncode}: {done.stdout}{done.stderr}")
    check("before anything is installed, built or made", done.stdout == "" and sorted(pathlib.Path(folder).rglob("*")) == before, done.stdout)
finish()
