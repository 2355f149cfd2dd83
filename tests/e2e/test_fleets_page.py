#!/usr/bin/python3
"""Every example of docs/fleets.md is run as it stands: catches a page that promises what does not work. Each kind is the same by SQL and
by TOML, its servers start, and a policy is tried in a transaction that is rolled back, then installed and obeyed."""

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile

import psycopg2

from harness import ROOT, Stack, check, finish, wait_until

PAGE = (ROOT / "docs" / "fleets.md").read_text()
BLOCKS = [(match[1], match[2]) for match in re.finditer(r"^```(.+)\n((?:.*\n)*?)```$", PAGE, re.M)]
stack = Stack()
stack.start_agent("a1")
check("an agent is up", stack.agents_up("a1"))
check("the cluster starts", stack.start_cluster())


def run(text, user="dba"):
    """A script as psql would run it; the rows of its last select."""
    connection = stack.connect(user)
    connection.autocommit = True
    rows = None
    with connection.cursor() as cursor:
        for statement in re.split(r";\s*\n(?![^$]*\$\$;)", re.sub(r"--\s.*", "", text)):
            if statement.strip():
                cursor.execute(statement)
                rows = cursor.fetchall() if cursor.description else rows
    connection.close()
    return rows


def kind_versions():
    return {row["kind"]: row["version"] for row in stack.sql("select kind, version from kind_status")}


def functions():
    return stack.owner("select count(*)::int as n from pg_proc where pronamespace = to_regnamespace('game')")[0]["n"]


def told_by(script):
    """What a shell script says to its NOTIFY_SOCKET first."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(f"{folder}/notify")
        notified.settimeout(10)
        with subprocess.Popen(["sh", "-c", script], env={**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"}) as shell:
            said = notified.recv(4096).decode().strip()
            while shell.poll() is None:
                # it waits until what it said is taken
                with contextlib.suppress(TimeoutError):
                    notified.settimeout(0.1)
                    notified.recv(4096)
        return said


tried = {}
for number, (what, text) in enumerate(BLOCKS):
    title = " ".join(text.split())[:70]
    if what == "toml":
        noun, name = re.match(r"\[(\w+)\.(\w+)\]", text).groups()
        said = stack.orrery("kind", "apply", "-", text=text, check_status=False)
        check(f"as TOML it is what it is as SQL: {noun} {name}", said.stdout.startswith(f"{noun} {name}: unchanged"), said.stdout + said.stderr)
        if noun == "fleet" and os.access("/usr/games/teeworlds-server", os.X_OK):
            stack.orrery("fleet", "set", name, "--wait", "60")
        if name in ("tee", "web"):
            if name == "tee" and not os.access("/usr/games/teeworlds-server", os.X_OK):
                print("ok - a server of kind tee is ready  # SKIP teeworlds-server is not installed", flush=True)
                continue
            stack.request(name)
            check(f"a server of kind {name} is ready", bool(stack.ready(name)), str(stack.row(name)))
    elif what == "sh":
        said = told_by(text)
        check("a server that says what it counts is heard", json.loads(said.removeprefix("X_ORRERY_COUNTERS=")) == {"players": {"count": 3}}, said)
    elif what == "sql superuser":
        run(text.replace("TO ann", "TO dba"), "postgres")
    elif what.startswith("sql install="):
        handler = what.partition("=")[2]
        unsafe = tried[handler].replace(" SECURITY DEFINER", "").replace("ROLLBACK", "COMMIT")
        try:
            run(unsafe)
            error = "nothing"
        except psycopg2.Error as failure:
            error = str(failure)
        check(f"{handler} is refused without SECURITY DEFINER, as the page says", "cannot be a handler" in error and functions() == handlers, error)
        run(tried[handler].replace("ROLLBACK", "COMMIT"))
        run(text)
        handlers = functions()
    else:
        rows = run(text)
        for handler in re.findall(r"CREATE FUNCTION (\S+)\(", text):
            tried[handler] = text
            handlers = functions()
            check(f"{handler} is tried and gone", rows and rows[0][0] is not None and rows[0][1] != "" and handlers == len(
                [name for name in tried if name != handler]), str(rows))
            check(f"{handler} answered", rows[0][1] is None if "fleet_try" in text else "taken" in rows[0][1], str(rows))
        if "server_allocate" in text:
            check("the allocation is over", stack.count("allocation", "state = 'released'") == 1)
    check(f"example {number + 1} of {len(BLOCKS)} runs: {title}", True)

check("there are examples", len(BLOCKS) >= 12 and set(tried) == {"game.evenings", "game.few"}, str(len(BLOCKS)))
# 18 servers of 100 are there, and one more of the fleet while it is replaced
check("a fleet of three fits beside ./dev up on two processors", 4 * stack.value("select (spec ->> 'cpu_millis')::int from kind_status where kind = 'tee'")
      <= 2 * 1000 - 18 * 100)
check("the fleet obeys its policy", wait_until("the size", lambda: stack.value("select size from fleet_status") in (2, 4), 20))
check("the placement policy is asked", "orrery" not in stack.value("select policy from kind_status where kind = 'tee'")
      and stack.sql("select * from placement_explain('tee')")[0]["verdict"].startswith("taken"))
stack.orrery("cluster", "shutdown", "0", "--wait")
finish()
