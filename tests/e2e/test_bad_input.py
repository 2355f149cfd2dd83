#!/usr/bin/python3
"""What users and enemies do wrong, against real processes: a clear error, nothing changed, nobody disturbed."""

import json
import statistics
import subprocess
import time

import psycopg2

from harness import ROOT, Stack, check, finish, say, wait_until

stack = Stack()


def refused(name, code, statement, *params):
    """The statement fails with this SQLSTATE, a DETAIL and a HINT, and changes nothing."""
    before = stack.owner("select cluster, state, shutdown_at from orrery.cluster order by cluster")
    try:
        stack.sql(statement, *params)
        return check(name, False, "it succeeded")
    except psycopg2.Error as error:
        said = error.diag
        whole = said.sqlstate == code and bool(said.message_primary) and bool(said.message_detail) and bool(said.message_hint)
        unchanged = before == stack.owner("select cluster, state, shutdown_at from orrery.cluster order by cluster")
        return check(name, whole and unchanged,
                     f"{said.sqlstate} {said.message_primary!r} {said.message_detail!r} {said.message_hint!r} {unchanged}")


say("the database is away when the agent starts")
stack.stop_database()
a1 = stack.start_agent("a1")
time.sleep(2)
check("the agent waits", a1.running())
check("and says so", "database" in a1.tail().lower(), a1.tail())
stack.start_database()
check("it registers when the database is back", stack.agents_up("a1"))

say("a second agent of the same name")
second = stack.start_agent("a1", data="a1-impostor")
check("is refused", second.wait(10) not in (None, 0))
check("clearly", "a1" in second.tail() and "held by another" in second.tail(), second.tail())
same_data = stack.start_agent("a1")
check("a second process on the same data directory is refused too", same_data.wait(10) not in (None, 0))
time.sleep(2)
check("the first goes on", a1.running() and stack.agents_up("a1"))

say("verbs")
refused("shutdown of a stopped cluster", "OR002", "select cluster_shutdown(10, %s)", stack.cluster)
check("the cluster starts", stack.start_cluster())
refused("start twice", "OR002", "select cluster_start(%s)", stack.cluster)
refused("start of an unknown cluster", "OR001", "select cluster_start('nowhere')")
refused("shutdown in -1 seconds", "OR003", "select cluster_shutdown(-1)")
refused("shutdown in null seconds", "OR003", "select cluster_shutdown(null)")
refused("shutdown of an unknown cluster", "OR001", "select cluster_shutdown(10, 'nowhere')")
stack.sql("select cluster_create('other')")
stack.sql("select cluster_start('other')")
refused("shutdown with two clusters and none named", "OR005", "select cluster_shutdown(10)")
stack.sql("select cluster_shutdown(0, 'other')")
check("the other one stops", wait_until("other to stop", lambda: stack.value(
    "select state from cluster_status where cluster = 'other'") == "stopped", 20))

say("passwords")
stack.accounts("bot", 4, [("grid", stack.owner("select key from space.place where kind = 'grid' limit 1")[0]["key"])])
sessions_before = stack.count("session")
times = {"wrong": [], "unknown": []}
answers = {"wrong": set(), "unknown": set()}
stack.write("wrong.txt", "not the password\n", 0o600)
for round_number in range(5):
    for what, prefix in (("wrong", "bot"), ("unknown", "nobody")):
        bots = stack.start_bots(f"{what}{round_number}", 1, "--for", "20", prefix=prefix, password="wrong.txt")
        check(f"{what} {round_number}: the bot fails", bots.wait(30) == 1, bots.tail())
        refusals = bots.events(event="refused")
        answers[what] |= {(event.get("reason"), event.get("text")) for event in refusals}
        times[what] += [event["after_ms"] for event in refusals[:1]]
check("a wrong password and an unknown name get the same answer", len(answers["wrong"] | answers["unknown"]) == 1, str(answers))
slow, fast = (statistics.median(times[what]) for what in ("wrong", "unknown"))
check("in the same time", 0.6 < slow / fast < 1.67, f"{times}")
check("and no session", stack.count("session") == sessions_before)

say("a character of another account")
foreign = stack.owner("select c.character_id from orrery.character c join orrery.account a using (account_id) "
                      "where a.name = 'bot0002'")[0]["character_id"]
thief = stack.start_bots("thief", 1, "--character", str(foreign), "--for", "20")
check("is refused", thief.wait(40) == 1 and bool(thief.events(event="refused", reason="no_character")), thief.tail())
check("and never played", not thief.events(event="entered"))

say("random and truncated bytes on every port")
bots = stack.start_bots("bots", 3, "--for", "0", first=2)
check("three bots play", wait_until("three to play", lambda: stack.value(
    "select count(*)::int from session_status where state = 'playing'") == 3, 60))
servers = stack.owner("select public_host, public_port, private_host, private_port, kind from orrery.server where state = 'ready'")
agent = stack.owner("select private_address, private_port from orrery.agent")[0]
targets = [f"{s['public_host']}:{s['public_port']}" for s in servers] + [f"{s['private_host']}:{s['private_port']}" for s in servers]
targets.append(f"{agent['private_address']}:{agent['private_port']}")
probe = subprocess.run(["/usr/bin/python3", ROOT / "tests" / "e2e" / "probe.py", *targets], capture_output=True, text=True, timeout=120)
counts = json.loads(probe.stdout or "{}")
login = next(f"{s['public_host']}:{s['public_port']}" for s in servers if s["kind"] == "login")
check("get no answer but the login server's to a whole Hello", len(counts) == len(targets) and all(
    (count["hello"], count["other"]) == (1 if target == login else 0, 0) for target, count in counts.items()), str(counts))
check("and disturb nobody", stack.value("select count(*)::int from session_status where state = 'playing'") == 3 and bots.running()
      and not bots.events(event="logged_out"))

say("a server that never says READY")
stack.sql("select server_kind_set('mute', %s)", json.dumps(
    {"role": "other", "command": "/bin/sleep", "args": ["1000"], "ready_deadline_ms": 1000, "start_attempts_max": 3}))
stack.sql("select setting_set('start_backoff_ms', 200)")
stack.sql("select server_request('mute', 'one')")
failed = wait_until("it to fail", lambda: stack.sql(
    "select state, reason from server_status where kind = 'mute' and state = 'failed'"), 40)
check("is killed, tried again, then failed with the reason", bool(failed) and "READY" in failed[0]["reason"], str(failed))
starts = stack.value("select count(*)::int from event_log where change like '%-> starting' and what = "
                     "(select 'server ' || server_id from server_status where kind = 'mute')")
check("three times", starts == 3, str(starts))
check("and leaves no process", not stack.process("mute"))

say("no agent with room")
stack.sql("select server_kind_set('giant', %s)", json.dumps(
    {"role": "other", "command": "/bin/sleep", "args": ["1000"], "memory_bytes": 1 << 50}))
stack.sql("select server_request('giant', 'one')")
time.sleep(2)
waiting = stack.sql("select state, reason from server_status where kind = 'giant'")
check("the request waits and status says why", len(waiting) == 1 and waiting[0]["state"] == "requested"
      and "memory" in waiting[0]["reason"], str(waiting))

say("an executable that does not exist")
stack.sql("select server_kind_set('ghost', %s)", json.dumps(
    {"role": "other", "command": "no-such-program", "start_attempts_max": 1}))
stack.sql("select server_request('ghost', 'one')")
ghost = wait_until("it to fail", lambda: stack.sql(
    "select reason from server_status where kind = 'ghost' and state = 'failed'"), 20)
check("fails with the reason", bool(ghost) and "no-such-program" in ghost[0]["reason"], str(ghost))

say("shutdown with a waiting, a failed and a playing server")
stack.sql("select cluster_shutdown(1, %s)", stack.cluster)
check("leaves nothing", wait_until("the end", lambda: stack.cluster_state() == "stopped", 30)
      and stack.value("select count(*)::int from server_status") == 0 and stack.count("port", "server_id is not null") == 0)
finish()
