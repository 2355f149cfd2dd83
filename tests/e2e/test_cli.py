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
fails("a negative time is refused", "cluster", "shutdown", "-1", stack.cluster, says=["error OR003: "])
fails("an unreachable database says so", "--db", "host=/nonexistent", "status", says=["error: the database cannot be reached"])

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

# status, check, console
status = json.loads(stack.orrery("--json", "status").stdout)
check("status is JSON when asked", [row["cluster"] for row in status["clusters"]] == [stack.cluster], status)
check("db check is content once the tick runs", wait_until(
    "db check", lambda: stack.orrery("db", "check", user="postgres", check_status=False).returncode == 0, 70, every=1))
waiting = subprocess.run(unprivileged(["timeout", "2", stack.dir / "bin" / "orrery", "--db", stack.conninfo("dba"), "console", stack.cluster]),
                         capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/")
check("the console says what it waits for", "waiting for login, chat" in waiting.stdout and waiting.returncode == 124, waiting.stdout)
stack.start_agent("a1", "127.0.0.1", "127.0.1.1")
check("the agent comes up", stack.agents_up("a1"))
stack.orrery("cluster", "start", stack.cluster, "--wait")
talk = stack.orrery("console", stack.cluster, text="status\nshutdown 300\nshutdown cancel\nnonsense\nquit\n", check_status=False)
check("the console takes commands", "login, chat and timers are up" in talk.stdout and "Servers" in talk.stdout
      and "stops at" in talk.stdout and "goes on" in talk.stdout, talk.stdout + talk.stderr)
check("and names one that is none", talk.returncode == 1 and "'nonsense' is no command" in talk.stderr, talk.stderr)
connect = stack.orrery("cluster", "connect").stdout.strip()
check("connect prints what a client is given", connect.startswith(f"{stack.cluster}@127.0.0.1:") and len(connect.split("#")[1]) == 64, connect)
stack.orrery("cluster", "shutdown", "0", "--wait")
check("shutdown --wait returns when all is stopped", stack.cluster_state() == "stopped" and stack.count("port") == 0)
finish()
