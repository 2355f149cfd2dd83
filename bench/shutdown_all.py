"""Row 12: cluster_shutdown(0) with 10,000 sessions: from the sending of the statement until the cluster is stopped with no server, no
session that has not ended and no port left. The sessions are made by session_open and session_select; ten zone servers hold a
thousand each. The servers are simulated: told to stop, each ends its sessions in one session_end, as a real one does, and exits.
"""

import json
import statistics
import time

from simulated import Connection, Fleet, SimulatedAgent, big_stack

AGENTS, ZONES, SESSIONS = 4, 10, 10000
SESSION_END = b"select orrery.session_end($1::bigint, $2::bigint, $3::text, $4::jsonb)"

ACCOUNTS = """
do $$ begin
  set local client_min_messages = warning;
  for n in 1..%s loop
    perform orrery.account_create('p' || n, null, 'bench');
    perform orrery.character_create('p' || n, 'c' || n, 'arena', (n %% %s)::text, 'bench');
  end loop;
end $$"""

LOGINS = """
do $$
declare
  v_account record;
  v_opened jsonb;
begin
  for v_account in
    select distinct c.account_id from unnest('{%s}'::bigint[]) c(account_id)
  loop
    v_opened := orrery.session_open(%s, %s, '%s', jsonb_build_array(jsonb_build_object('account_id', v_account.account_id, 'address', '192.0.2.1:1'))) -> 0;
    perform orrery.session_select(%s, %s, '%s', jsonb_build_array(v_opened || jsonb_build_object('character_id', v_opened -> 'characters' -> 0 -> 'character_id')));
  end loop;
end $$"""


class Servers:
    """The simulated servers: what each was started with, and its connection."""

    def __init__(self, stack, fleet):
        self.stack, self.fleet, self.specs = stack, fleet, {}
        self.connections = [Connection(stack.conninfo("test_session", stack.session_password)) for _ in range(ZONES)]
        for agent in fleet.agents:
            agent.on_start, agent.on_stop = self.started, self.stopped

    def started(self, agent, command):
        self.specs[(command["server_id"], command["epoch"])] = command["spec"]

    def find(self, kind):
        return next((ref, spec) for ref, spec in self.specs.items() if spec["kind"] == kind)

    def stopped(self, agent, command):
        """Ends its sessions; true: it exits when that is answered."""
        ref = (command["server_id"], command["epoch"])
        ends = self.sessions.pop(ref[0], None)
        if not ends:
            return False
        connection = self.connections.pop()
        connection.send(SESSION_END, *ref, self.specs[ref]["token"], json.dumps(
            [{"session_id": session, "epoch": epoch, "reason": "shutdown", "detail": "the cluster stops", "state": {"x": 1.5, "y": 2.5}}
             for session, epoch in ends]))

        def done():
            self.fleet.unwatch(connection)
            self.connections.insert(0, connection)
            agent.exited(command)
        self.fleet.watch(connection, done)
        return True


def log_all_in(stack, servers, sessions):
    """So many sessions in play, by the functions that login servers call."""
    (server, epoch), spec = servers.find("login")
    me = (server, epoch, spec["token"])
    accounts = [row["account_id"] for row in stack.owner("select account_id from orrery.account order by account_id limit %s", sessions)]
    connection = stack.connect("test_session", password=stack.session_password)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for first in range(0, len(accounts), 200):
            cursor.execute(LOGINS % (",".join(map(str, accounts[first:first + 200])), *me, *me))
            servers.fleet.run(0.01)
    connection.close()
    servers.sessions = {}
    for row in stack.owner("select server_id, session_id, epoch from orrery.session where state = 'playing'"):
        servers.sessions.setdefault(row["server_id"], []).append((row["session_id"], row["epoch"]))
    playing = sum(map(len, servers.sessions.values()))
    if playing != sessions:
        raise RuntimeError(f"{playing} sessions play, {sessions} should")


def until(fleet, what, condition, seconds=60):
    state = {"is": False}

    def look(now):
        state["is"] = condition()
        return None if state["is"] else now + 0.02
    fleet.run(seconds, alongside=look)
    if not state["is"]:
        raise RuntimeError(f"waited {seconds} s in vain for {what}")


def shutdown_run(stack, fleet, servers, sessions):
    """Seconds from cluster_shutdown(0) until nothing is left; and what was left when the cluster said stopped."""
    servers.specs.clear()
    stack.sql("select cluster_start('bench')")
    until(fleet, "login and chat", lambda: stack.cluster_state() == "running")
    for key in range(ZONES):
        stack.sql("select server_request('arena', %s)", str(key))
    until(fleet, "the zones", lambda: stack.owner(
        "select count(*)::int as n from orrery.server where kind = 'arena' and state = 'ready'")[0]["n"] == ZONES)
    log_all_in(stack, servers, sessions)
    fleet.run(1.5)
    dba = Connection(f"host={stack.dir / 's'} dbname=orrery user=dba options='-c client_min_messages=error'")
    looker = stack.connect()
    looker.autocommit = True
    cursor = looker.cursor()
    begun = time.monotonic()
    dba.send(b"select cluster_shutdown(0)")

    def over(now):
        if dba.busy:
            dba.receive()
        cursor.execute("select state from orrery.cluster where cluster = 'bench'")
        return None if cursor.fetchone()[0] == "stopped" else now + 0.005
    fleet.run(120, alongside=over)
    took = time.monotonic() - begun
    cursor.execute("""select (select count(*) from orrery.server where state <> 'stopped'), (select count(*) from orrery.session where state <> 'ended'),
        (select count(*) from orrery.port where server_id is not null), (select count(*) from orrery.command where state in ('pending', 'claimed'))""")
    left = cursor.fetchone()
    looker.close()
    dba.close()
    fleet.run(1.2)
    return took, left


def measure(runs):
    stack = big_stack(60)
    conninfo = stack.conninfo("test_agent", stack.agent_password)
    fleet = Fleet([SimulatedAgent(conninfo, index, stack.cluster) for index in range(AGENTS)])
    servers = Servers(stack, fleet)
    servers.sessions = {}
    stack.sql("select server_kind_set('arena', %s, 'bench')", json.dumps(
        {"role": "zone", "command": "true", "cpu_millis": 1, "memory_bytes": 1 << 20, "sessions_max": SESSIONS}))
    connection = stack.connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(ACCOUNTS % (SESSIONS, ZONES))
        cursor.execute("vacuum analyze")
    connection.close()
    curve = []
    for sessions in (10, 100, 1000):
        took, _ = shutdown_run(stack, fleet, servers, sessions)
        curve.append((sessions, took))
    results = [shutdown_run(stack, fleet, servers, SESSIONS) for _ in range(runs)]
    fleet.close()
    stack.close()
    times = [took for took, _ in results]
    value, left = statistics.median(times), [left for _, left in results if any(left)]
    yield {"figure": f"cluster_shutdown(0), {SESSIONS} sessions, until nothing is left", "measured": f"{value:.2f} s", "floor": "-",
           "goal": "≤ 2 s", "spread": f"{min(times):.2f}..{max(times):.2f}",
           "verdict": f"short: left {left[0]}" if left else "met" if value <= 2 else "short"}
    for sessions, took in curve:
        yield {"figure": f"  the same with {sessions} sessions", "measured": f"{took:.2f} s", "floor": "-", "goal": "-", "spread": "-", "verdict": "-"}
