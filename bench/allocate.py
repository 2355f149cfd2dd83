"""Row 6: server_allocate from a fleet whose servers are ready, by pgbench on 8 connections, each commit durable. The floor: the same
rows written by one definer call that decides nothing, on tables without triggers. Printed as well: what a call costs when the
fleet has 1, 10, 100 and 1,000 times as many servers, and how the last of a fleet are found.
"""

import pathlib
import statistics
import subprocess

from fleet_heartbeat import exponent
from simulated import SimulatedAgent, big_stack

CONNECTIONS, EACH = 8, 250

# What server_allocate writes: the server's row, the allocation's and an event; and what its answer reads.
FLOOR = """
create table orrery.bench_allocation (like orrery.allocation including defaults including constraints including indexes including identity);
create table orrery.bench_server (like orrery.server including defaults including indexes);
create table orrery.bench_event (like orrery.event including defaults);
create sequence orrery.bench_seq;
create function orrery.bench_allocate(p_request text) returns bigint language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
  v_server bigint := nextval('orrery.bench_seq');
  v_id bigint;
begin
  update orrery.bench_server s set allocations = 1 where s.server_id = v_server;
  insert into orrery.bench_allocation (cluster, request, selector, state, rule, reason, state_at, asked_at, confirm_by, server_id, epoch)
  values ('bench', p_request, '{"fleet":"rooms"}', 'allocated', 'bench', 'room 1', now(), now(), now(), v_server, 1) returning allocation_id into v_id;
  insert into orrery.bench_event (cluster, noun, noun_id, from_state, to_state, rule, reason)
  values ('bench', 'allocation', v_id::text, 'none', 'allocated', 'bench', 'room 1');
  return v_id;
end $$;
"""


def fill(stack, count):
    """A fleet of so many ready servers, written as placing and starting them would leave them."""
    stack.owner("""
        with gone as (delete from orrery.allocation returning 1), unowned as (delete from orrery.placement where kind = 'room' returning 1)
        select (select count(*) from gone) + (select count(*) from unowned) as n""")
    stack.owner("delete from orrery.server where kind = 'room' returning 1")
    stack.owner("""
        with made as (
          insert into orrery.server (cluster, kind, key, agent_id, epoch, state, rule, reason, state_at, requested_at, token_hash, on_isolation,
            public_host, public_port, private_host, private_port, cpu_millis, memory_bytes, version, fleet)
          select 'bench', 'room', 'rooms-' || n, (select agent_id from orrery.agent), orrery.epoch_next(), 'requested', 'bench', 'bench', now(), now(),
            '\\x00', 'hold', '127.80.0.1', 20000, '127.81.0.1', 20001, 1, 1, 1, 'rooms'
          from generate_series(1, %s) n returning *)
        insert into orrery.placement (cluster, kind, key, server_id, epoch) select cluster, kind, key, server_id, epoch from made returning 1""", count)
    for state in ("starting", "ready"):
        stack.owner("update orrery.server set state = %s, rule = 'bench' where kind = 'room' returning 1", state)
    stack.owner("truncate orrery.bench_server, orrery.bench_allocation, orrery.bench_event; select setval('orrery.bench_seq', (select min(server_id) from orrery.server "
                "where kind = 'room'), false)")
    stack.owner("insert into orrery.bench_server select * from orrery.server where kind = 'room' returning 1")
    connection = stack.connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    connection.close()


def rate(stack, call, connections=CONNECTIONS, each=EACH):
    """Calls a second, and milliseconds of one, by pgbench."""
    script = stack.dir / "allocate.sql"
    script.write_text(f"select {call}\n")
    program = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pgbench"), key=lambda path: int(path.parts[4]))
    done = subprocess.run([program, "-n", "-M", "prepared", "-c", str(connections), "-j", "2", "-t", str(each), "-f", script, "-h", stack.dir / "s", "-U", "postgres",
                           "orrery"], capture_output=True, text=True, check=True, env={"PGOPTIONS": "-c client_min_messages=error"})
    lines = dict(line.split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)
    return float(lines["tps"].split()[0]), float(lines["latency average"].split()[0])


ALLOCATE = """orrery.server_allocate(txid_current()::text, '{"fleet":"rooms"}', 0, 'bench')"""
BARE = "orrery.bench_allocate(txid_current()::text)"


def measure(runs):
    stack = big_stack(50, allocation_confirm_ms=3600000)
    stack.owner(FLOOR)
    agent = SimulatedAgent(stack.conninfo("test_agent", stack.agent_password), 0, stack.cluster)
    stack.sql("select cluster_start(%s)", stack.cluster)
    stack.sql("""select server_kind_set('room', '{"command":"true","on_isolation":"hold"}', 'bench')""")
    count = CONNECTIONS * EACH
    stack.sql("""select fleet_set('rooms', '{"kind":"room","policy_args":{"size":100000},"size_max":100000,"size_min":0}', 'bench')""")
    # the tick is to leave it alone
    stack.owner("update orrery.fleet set policy_args = '{\"size\":0}', cooldown_ms = 86400000, over_since = now() returning 1")
    rates, floors, ratios = [], [], []
    for _ in range(runs):
        fill(stack, count + CONNECTIONS)
        floor, _ = rate(stack, BARE)
        rated, latency = rate(stack, ALLOCATE)
        taken = stack.owner("select count(*) filter (where allocations = 1)::int as once, count(*) filter (where allocations > 1)::int as more from orrery.server")[0]
        if (taken["once"], taken["more"]) != (count, 0):
            raise RuntimeError(f"{count} calls took {taken}")
        rates.append(rated)
        floors.append(floor)
        ratios.append(rated / floor)
    curve = []
    for size in (10, 100, 1000, 10000):
        fill(stack, size)
        each = min(size // 2, 200)
        _, latency = rate(stack, ALLOCATE, 1, each)
        curve.append((size, latency))
    agent.connection.close()
    stack.close()
    rated, floor, ratio = statistics.median(rates), statistics.median(floors), statistics.median(ratios)
    yield {"figure": f"server_allocate, {CONNECTIONS} connections, durable", "measured": f"{rated:.0f} /s", "floor": f"{floor:.0f} /s", "goal": "≥ 0.6 × floor, ≥ 1200 /s",
           "spread": f"{min(rates):.0f}..{max(rates):.0f} /s",
           "verdict": "met" if ratio >= 0.6 and (rated >= 1200 or floor < 1200) else f"short: {ratio:.2f} × floor"}
    for size, latency in curve:
        yield {"figure": f"  one connection, fleet of {size}: a call", "measured": f"{latency:.2f} ms", "floor": "-", "goal": "-", "spread": "-", "verdict": "-"}
    yield {"figure": "  exponent of the cost, 10 to 10,000 servers", "measured": f"{exponent(curve):.2f}", "floor": "-", "goal": "-", "spread": "-", "verdict": "-"}
