#!/usr/bin/python3
"""The orrery command against a real database: what it prints, its status, and that a second installation is harmless."""

import json
import shutil
import subprocess

from harness import Stack, check, finish, unprivileged, wait_until

stack = Stack()
cluster = ("--cluster", stack.cluster)


def fails(name, *arguments, says, user="dba"):
    done = stack.orrery(*arguments, user=user, check_status=False, text="")
    check(name, done.returncode == 1 and all(part in done.stderr for part in says), f"{done.returncode}: {done.stderr}")


# db install
again = stack.orrery("db", "install", "--sql-dir", stack.dir / "sql", "--cron-host", stack.dir / "s", user="postgres")
check("a second installation is harmless", "installed" in again.stdout, again.stderr)
check("pg_cron's jobs go to the socket", {row["nodename"] for row in stack.owner("select nodename from cron.job")} == {str(stack.dir / "s")})
fails("only a superuser installs", "db", "install", "--sql-dir", stack.dir / "sql", says=["error: only a superuser"])

broken = stack.dir / "broken"
shutil.copytree(stack.dir / "sql", broken)
(broken / "views" / "zz_broken.sql").write_text("""-- a comment; with a semicolon
select 'it''s; quoted', E'\\';', $$ a ; b $$, $x$ $$; $x$, "a;b" from (select 1 as "a;b") t;
/* nested /* ; */ ; */
create table orrery.left_behind (n integer);
select
  1 / 0;
select 2;
""")
fails("a failing file is named with its line", "db", "install", "--sql-dir", broken, user="postgres", says=["zz_broken.sql:5: ", "22012"])
check("a failed installation changes nothing", stack.owner("select to_regclass('orrery.left_behind') as t")[0]["t"] is None)
(broken / "views" / "zz_broken.sql").write_text("select 1;\n\nselect 1,\n  nothing_such;\n")
fails("and so is the very line of a wrong name", "db", "install", "--sql-dir", broken, user="postgres", says=["zz_broken.sql:4: "])

# errors
fails("an unknown cluster is an error in words", "cluster", "start", "nowhere", says=["error OR001: ", "hint: "])
fails("and so it is for status", "--cluster", "nope", "status", says=["error OR001: ", "nope", stack.cluster])
fails("and for the console, at once", "console", "nope", says=["error OR001: ", "nope", stack.cluster])
fails("a negative time is refused", "cluster", "shutdown", "-1", stack.cluster, says=["error OR003: "])
fails("an unreachable database says so", "--db", "host=/nonexistent", "status", says=["error: the database cannot be reached"])
secret = "hunter2"
fails("a password in the arguments is refused", "--db", f"host={stack.dir / 's'} password={secret}", "status", says=["error: --db holds a password", "--db-file"])
fails("in a URI as well", "--db", f"postgresql://dba:{secret}@localhost/orrery", "status", says=["error: --db holds a password"])
own = stack.write("own.conninfo", stack.conninfo("dba", secret) + "\n", 0o600)
by_file = subprocess.run(unprivileged([stack.dir / "bin" / "orrery", "--db-file", own, "status"]), capture_output=True, text=True, cwd="/")
check("--db-file names the database", by_file.returncode == 0 and stack.cluster in by_file.stdout, by_file.stderr)
own.chmod(0o644)
open_file = subprocess.run(unprivileged([stack.dir / "bin" / "orrery", "--db-file", own, "status"]), capture_output=True, text=True, cwd="/")
check("unless others may read it", open_file.returncode == 1 and "chmod 600" in open_file.stderr, open_file.stderr)

# account create
coded = stack.orrery(*cluster, "account", "create", "ann", text="")
check("without a password there is a one-time code", "one-time code" in coded.stdout)
stack.write("password", "correct horse\n", 0o600)
with_password = ("--password-file", stack.dir / "password")
stack.orrery(*cluster, "account", "create", "bo", "--count", "4", "--first", "9", *with_password,
             "--at", "grid:velo-1", "--at", "station:velo-yards")
hashes = stack.owner("select name, password_hash from orrery.account where name like 'bo%%' order by name")
check("--count numbers the names", [row["name"] for row in hashes] == ["bo0009", "bo0010", "bo0011", "bo0012"], hashes)
check("passwords are kept as Argon2id", all(row["password_hash"].startswith("$argon2id$") for row in hashes))
check("characters are spread over the places", [row["key"] for row in stack.owner(
    "select key from orrery.character where name like 'bo%%' order by name")] == ["velo-1", "velo-yards"] * 2)
fails("an account that exists is an error", *cluster, "account", "create", "bo0009", *with_password, says=["error OR008: ", "bo0009"])
kept = stack.orrery("--json", *cluster, "account", "create", "bo", "--count", "13", *with_password, "--if-missing")
check("--if-missing leaves it alone", json.loads(kept.stdout) == {"created": 9, "existing": 4}, kept.stdout)
fails("a character at an unknown place leaves no account", *cluster, "account", "create", "cy", *with_password, "--character",
      "grid:nowhere", says=["error OR001: "])
check("it does not", stack.count("account", "name = 'cy'") == 0)
nowhere = stack.orrery(*cluster, "account", "create", "di", "--count", "3", "--code", "--at", "station:velo-yards", "--at", "grid:nowhere",
                       text="", check_status=False)
check("nor does it print a code, whichever character fails", nowhere.returncode == 1 and nowhere.stdout == "", nowhere.stdout)
check("and of several accounts none is left", stack.count("account", "name like 'di%'") == 0)
codes = json.loads(stack.orrery("--json", *cluster, "account", "create", "ed", "--code", "--at", "station:velo-yards", text="").stdout)
check("with --json the code is a member", codes["created"] == 1 and list(codes["codes"]) == ["ed"], codes)

# status, check, console
status = json.loads(stack.orrery("--json", "status").stdout)
check("status is JSON when asked", [row["cluster"] for row in status["clusters"]] == [stack.cluster], status)
check("db check is content once the tick runs", wait_until(
    "db check", lambda: stack.orrery("db", "check", user="postgres", check_status=False).returncode == 0, 70, every=1))
idle = stack.orrery("console", text="shutdown\nshutdown abc\nshutdown 99999999999\nquit\n", check_status=False)
check("the console of a stopped cluster says so and takes commands", f"{stack.cluster} is stopped; type: start" in idle.stdout
      and idle.returncode == 1, idle.stdout + idle.stderr)
check("shutdown without a number answers with its usage", idle.stderr.count("error: usage: shutdown SECONDS, or shutdown cancel") == 3, idle.stderr)
waiting = subprocess.run(unprivileged(["timeout", "2", stack.dir / "bin" / "orrery", "--db", stack.conninfo("dba"), "console", stack.cluster]),
                         capture_output=True, text=True, input="start\n", cwd="/")
check("the console says what it waits for", "waiting: login main is requested" in waiting.stdout and "chat main is" in waiting.stdout
      and waiting.returncode == 124, waiting.stdout)
check("status says what a cluster waits for", "login main is requested" in stack.orrery("--cluster", stack.cluster, "status").stdout.split("Servers")[0])

# server, agent
waits = json.loads(stack.orrery("--json", *cluster, "server", "list").stdout)
check("server list says what each waits for", {row["kind"]: row["waits_for"] for row in waits} == {
    kind: "an agent with room (none is registered)" for kind in ("login", "chat")}, waits)
login = str(next(row["server_id"] for row in waits if row["kind"] == "login"))
story = stack.orrery("server", "why", login).stdout.splitlines()
check("server why tells its story", "asked for: login main of" in story[0] and "now: login main is requested" in story[-1], story)
fails("of a server that there is", "server", "why", "-1", says=["error OR001: "])
fails("an unknown agent is an error in words", "agent", "drain", "nobody", says=["error OR001: ", "nobody"])
agent = stack.start_agent("a1")
check("the agent comes up", stack.agents_up("a1"))
check("the cluster comes up", wait_until("the cluster", lambda: stack.cluster_state() == "running", 60))
check("db check is content with it", wait_until("db check", lambda: f"ok      cluster {stack.cluster} lacks nothing" in stack.orrery(
    "db", "check", user="postgres", check_status=False).stdout, 10))
talk = stack.orrery("console", stack.cluster, text="status\nshutdown 300\nshutdown cancel\nnonsense\nquit\n", check_status=False)
check("the console takes commands", "login, chat and timers are up" in talk.stdout and "Servers" in talk.stdout
      and "stops at" in talk.stdout and "goes on" in talk.stdout, talk.stdout + talk.stderr)
check("and names one that is none", talk.returncode == 1 and "'nonsense' is no command" in talk.stderr, talk.stderr)
connect = stack.orrery("cluster", "connect").stdout.strip()
check("connect prints what a client is given", connect.startswith(f"{stack.cluster}@{stack.addresses('a1')[0]}:") and len(connect.split("#")[1]) == 64, connect)

drained = stack.orrery("agent", "drain", "a1", "600")
check("agent drain says what follows and how to undo it", "a1 drains: 2 servers" in drained.stdout and "undo: " in drained.stdout, drained.stdout)
listed = json.loads(stack.orrery("--json", "agent", "list").stdout)[0]
check("agent list says what it waits for", listed["drain"].startswith("drains") and "an agent with room" in listed["waits_for"], listed)
check("agent resume takes it back", "takes servers again" in stack.orrery("agent", "resume", "a1").stdout)
fails("a machine that is up is not fenced", "agent", "fence", "a1", says=["error OR002: ", "hint: "])
fails("nor is its name given away", "agent", "release", "a1", says=["error OR002: "])
stopped = stack.orrery("server", "stop", login, "--reason", "a test")
check("server stop stops it, and it is replaced", f"server {login} is stopping" in stopped.stdout and wait_until(
    "another login server", lambda: [row["server_id"] for row in json.loads(stack.orrery("--json", "server", "list").stdout)
                                     if row["kind"] == "login" and row["state"] == "ready"] not in ([], [int(login)]), 30))
check("its story says why", any("a test" in line for line in stack.orrery("server", "why", login).stdout.splitlines()))


def checked():
    return stack.orrery("db", "check", user="postgres", check_status=False)


agent.stop()
check("db check fails while a running cluster lacks its login server", wait_until("NOT OK", lambda: checked().returncode == 1, 20)
      and f"NOT OK  cluster {stack.cluster} waits: " in checked().stdout and "login main" in checked().stdout, checked().stdout)
stack.start_agent("a1")
check("and is content when it is back", wait_until("ok", lambda: checked().returncode == 0, 60), checked().stdout)
stack.orrery("cluster", "shutdown", "0", "--wait")
check("shutdown --wait returns when all is stopped", stack.cluster_state() == "stopped" and stack.count("port", "server_id is not null") == 0)
finish()
