"""The invariants of the control plane, judged by queries on the tables alone: no function of orrery's is called here.

`SNAPSHOT` holds in every committed state, whatever else goes on. `History` follows the events, of which none may be in
flight when it reads. `Runs` reads what the simulated machines did.
"""

import collections

SURGE_MAX = 2        # of what test_concurrency.py says of fleets
LIVING = "('starting', 'ready', 'stopping')"

# What is broken -> a query that shows it; each sees one snapshot. Numbers are those of the list of invariants.
SNAPSHOT = {
    "1 a key's owner is a server of that key, under its epoch, not on its way out": """
        select p.cluster, p.kind, p.key, p.epoch as placed, s.* from orrery.placement p join orrery.server s using (server_id)
        where (s.cluster, s.kind, s.key, s.epoch) <> (p.cluster, p.kind, p.key, p.epoch) or s.state in ('stopping', 'stopped')""",
    "1 no server owns two keys": """
        select server_id, count(*) from orrery.placement where server_id is not null group by server_id having count(*) > 1""",
    "1 a key has at most one server that is wanted, and that one owns it": """
        select s.cluster, s.kind, s.key, count(*), array_agg(s.server_id) from orrery.server s
        left join orrery.placement p on p.server_id = s.server_id
        where s.state in ('requested', 'starting', 'ready', 'failed')
        group by s.cluster, s.kind, s.key having count(*) > 1 or count(p.server_id) <> 1""",
    "1 a port has one holder": """
        select agent_id, protocol, port, array_agg(server_id) from orrery.port where server_id is not null group by 1, 2, 3 having count(*) > 1""",
    "1 ports are held by living servers only, on their agent": f"""
        select p.*, s.state from orrery.port p left join orrery.server s using (server_id)
        where p.server_id is not null and (s.server_id is null or s.state not in {LIVING} or s.agent_id <> p.agent_id or s.cluster <> p.cluster)""",
    "1 a living server holds the ports that it was given, and as many as its kind has": f"""
        select s.server_id, s.state, s.public_port, s.private_port, h.ports from orrery.server s
        join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind
        cross join lateral (
          select coalesce(array_agg(p.port), '{{}}') as ports from orrery.port p where p.server_id = s.server_id and p.agent_id = s.agent_id) h
        where s.state in {LIVING} and (not h.ports @> array_remove(array[s.public_port, s.private_port], null) or k.version = s.version
          and cardinality(h.ports) <> (select coalesce(sum((e ->> 'count')::int), 0) from jsonb_array_elements(k.ports) e))""",
    "1 no machine is given more than it has": f"""
        select a.name, a.cpus, sum(k.cpu_millis) as cpu_millis, sum(k.memory_bytes) as memory_bytes from orrery.server s
        join orrery.agent a using (agent_id) join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind where s.state in {LIVING}
        group by a.agent_id having sum(k.cpu_millis) > a.cpus * 1000 or sum(k.memory_bytes) > a.memory_bytes""",
    "2 no epoch is beyond that of its key": """
        select s.server_id, s.epoch, p.epoch as placed from orrery.server s
        join orrery.placement p using (cluster, kind, key) where s.epoch > p.epoch""",
    "2 an epoch belongs to one server": """
        select epoch, array_agg(server_id) from orrery.server group by epoch having count(*) > 1""",
    "3 an account has at most one live session": """
        select account_id, array_agg(session_id) from orrery.session where state <> 'ended' group by account_id having count(*) > 1""",
    "3 a live session is at a server that lives, unless it is orphaned": f"""
        select n.session_id, n.state, s.server_id, s.state as server from orrery.session n join orrery.server s using (server_id)
        where n.state in ('selecting', 'waiting', 'playing') and s.state not in {LIVING}""",
    "3 a zone has no more sessions than seats": """
        select n.server_id, k.sessions_max, count(*) from orrery.session n join orrery.server s using (server_id)
        join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind where n.state <> 'ended' and k.role = 'zone'
        group by 1, 2 having count(*) > k.sessions_max""",
    "3 a character in play is where its session's server is": """
        select n.session_id, n.state, s.kind, s.key, c.kind as is_at, c.key as at from orrery.session n join orrery.server s using (server_id)
        join orrery."character" c using (character_id) where n.state in ('playing', 'orphaned') and (s.kind, s.key) <> (c.kind, c.key)""",
    "3 an ended session keeps no root, a live one has one": """
        select n.session_id, n.state from orrery.session n left join orrery.session_secret x using (session_id)
        where (n.state = 'ended') = (x.root is not null)""",
    "3 no account that is banned is in play": """
        select n.session_id, n.state, a.name, a.banned_until from orrery.session n join orrery.account a using (account_id)
        where n.state <> 'ended' and a.banned_at is not null and coalesce(a.banned_until > clock_timestamp(), true)""",
    "3 only a session in play is to be released": """
        select session_id, state, release_reason from orrery.session where release_at is not null and state not in ('playing', 'ended')""",
    "3 no session is attached after its end": """
        select a.* from orrery.attachment a join orrery.session n using (session_id) where n.state = 'ended' and not a.ended""",
    "4 what an agent is told concerns a living server under its epoch": f"""
        select c.*, s.state as server, s.epoch as now from orrery.command c join orrery.server s using (server_id)
        where c.state in ('pending', 'claimed') and (s.state not in {LIVING} or s.epoch <> c.epoch or s.agent_id <> c.agent_id)""",
    "4 a server that starts was told to, one that stops as well": """
        select s.server_id, s.state, s.epoch from orrery.server s where s.state in ('starting', 'stopping') and not exists (
          select from orrery.command c where c.server_id = s.server_id and c.epoch = s.epoch and c.agent_id = s.agent_id
            and c.verb = case s.state when 'starting' then 'start' else 'stop' end)""",
    "6 what was mined is somewhere, once": """
        select m.cluster, m.units, h.units as there from (
          select c.cluster, sum((c.result ->> 'units')::int) as units from orrery.session_command c where c.name = 'mine' group by c.cluster) m
        full join (
          select x.cluster, sum(x.units) as units from (
            select cluster, units from space.cargo union all select cluster, units from space.hangar union all select cluster, units from space.junk) x
          group by x.cluster) h using (cluster) where m.units is distinct from h.units""",
    "6 news of a world have the numbers up to its last": """
        select w.cluster, w.kind, w.key, w.news_number, n.* from orrery.world w
        cross join lateral (select count(*), coalesce(max(n.number), 0) as last from orrery.world_news n
          where n.cluster = w.cluster and n.kind = w.kind and n.key = w.key) n
        where w.news_number <> n.last or n.count <> n.last""",
    "2 a world was saved by a server that owned it": """
        select w.cluster, w.kind, w.key, w.saved, w.saved_epoch, p.epoch as placed from orrery.world w left join orrery.placement p using (cluster, kind, key)
        where w.saved is not null and ((w.saved ->> 'by')::bigint <> w.saved_epoch or w.saved_epoch <= p.epoch is not true)""",
    "8 a stopped cluster has no server, session, port or command left": f"""
        select c.cluster, x.what from orrery.cluster c, lateral (
          select 'server ' || s.server_id || ' ' || s.state from orrery.server s where s.cluster = c.cluster and s.state <> 'stopped'
          union all select 'session ' || n.session_id || ' ' || n.state from orrery.session n where n.cluster = c.cluster and n.state <> 'ended'
          union all select 'port ' || p.port from orrery.port p where p.cluster = c.cluster and p.server_id is not null
          union all select 'owner of ' || p.kind || ' ' || p.key from orrery.placement p where p.cluster = c.cluster and p.server_id is not null
          union all select 'command ' || d.command_id from orrery.command d where d.cluster = c.cluster and d.state in ('pending', 'claimed')
        ) x (what) where c.state = 'stopped'""",
    "12 a server has one allocation that is not shared": """
        select server_id, array_agg(allocation_id) from orrery.allocation
        where state in ('allocated', 'confirmed') and selector -> 'shared' is distinct from 'true' group by server_id having count(*) > 1""",
    "12 who has a server alone shares it with nobody": """
        select server_id, array_agg(allocation_id) from orrery.allocation where state in ('allocated', 'confirmed')
        group by server_id having count(*) > 1 and bool_or(selector -> 'shared' is distinct from 'true')""",
    "12 a request has one allocation": """
        select cluster, request, array_agg(allocation_id) from orrery.allocation group by 1, 2 having count(*) > 1""",
    "12 a server has as many allocations as it says": """
        select s.server_id, s.state, s.allocations, count(a.allocation_id) as open from orrery.server s
        left join orrery.allocation a on a.server_id = s.server_id and a.state in ('allocated', 'confirmed')
        group by s.server_id having s.allocations <> count(a.allocation_id)""",
    "12 whoever has a server has one that lives, as it was when he got it": """
        select a.allocation_id, a.state, a.epoch, s.server_id, s.state as server, s.epoch as now from orrery.allocation a left join orrery.server s using (server_id)
        where a.state in ('allocated', 'confirmed') and (s.server_id is null or s.state not in ('ready', 'stopping') or s.epoch <> a.epoch or s.cluster <> a.cluster)""",
    "12 a fleet has no more than its largest size and surge": f"""
        select f.cluster, f.fleet, count(*) from orrery.fleet f join orrery.server s on s.cluster = f.cluster and s.fleet = f.fleet
        where s.state in ('requested', 'starting', 'ready') group by f.cluster, f.fleet, f.size_max having count(*) > f.size_max + {SURGE_MAX}""",
    "12 a server of a fleet is of its kind": """
        select s.server_id, s.kind, f.kind from orrery.server s left join orrery.fleet f on f.cluster = s.cluster and f.fleet = s.fleet
        where s.fleet is not null and s.state <> 'stopped' and s.kind is distinct from f.kind""",
    "11 no row of one cluster refers to a row of another": """
        select 'session', n.session_id from orrery.session n join orrery.server s using (server_id) join orrery.account a using (account_id)
          left join orrery."character" h using (character_id)
          where n.cluster <> s.cluster or n.cluster <> a.cluster or n.cluster <> h.cluster or h.account_id <> n.account_id
        union all select 'attachment', t.session_id from orrery.attachment t join orrery.session n using (session_id)
          join orrery.server s on s.server_id = t.server_id where t.cluster <> n.cluster or t.cluster <> s.cluster
        union all select 'command', c.command_id from orrery.command c join orrery.server s using (server_id) where c.cluster <> s.cluster
        union all select 'placement', p.server_id from orrery.placement p join orrery.server s using (server_id) where p.cluster <> s.cluster
        union all select 'secret', x.session_id from orrery.session_secret x join orrery.session n using (session_id) where x.cluster <> n.cluster
        union all select 'device', d.device_id from orrery.device d join orrery.account a using (account_id) where d.cluster <> a.cluster
        union all select 'character', h.character_id from orrery."character" h join orrery.account a using (account_id) where h.cluster <> a.cluster""",
}

# Of the whole table of commands, hence read less often.
HISTORY = {
    "2 the starts of a key have epochs that grow": """
        select * from (
          select c.command_id, s.cluster, s.kind, s.key, c.epoch, lag(c.epoch) over (partition by s.cluster, s.kind, s.key order by c.command_id) as before
          from orrery.command c join orrery.server s using (server_id) where c.verb = 'start') x where x.epoch <= x.before""",
    "2 no epoch is handed to two servers": """
        select epoch, array_agg(distinct server_id) from orrery.command group by epoch having count(distinct server_id) > 1""",
    "3 no epoch is given to two sessions": """
        select epoch, count(*) from (select epoch from orrery.session union all select epoch from orrery.attachment) x group by epoch having count(*) > 1""",
    "4 an epoch is handed out to start once": """
        select server_id, epoch, array_agg(command_id) from orrery.command where verb = 'start' and claimed_at is not null
        group by server_id, epoch having count(*) > 1""",
}

NOTHING_STALE = {
    "2 a report under an old epoch changes nothing": "select * from orrery.event where to_state is not null and reason like '%STALE%'",
    "2 a checkpoint under an old epoch changes nothing": "select * from orrery.\"character\" where state ->> 'saved' = 'STALE'",
    "2 an end under an old epoch changes nothing": "select session_id, state, reason from orrery.session where reason like '%STALE%'",
    "7 no step of the tick failed": "select * from orrery.event where rule = 'tick_failed'",
}

# What of fleets and allocations is not yet as it should be while nothing goes wrong; each is so soon.
UNSETTLED = {
    "fleet has fewer than its size": """
        select f.cluster, f.fleet, f.size, count(s.server_id) from orrery.fleet f
        left join orrery.server s on s.cluster = f.cluster and s.fleet = f.fleet and s.state in ('requested', 'starting', 'ready', 'failed')
        group by f.cluster, f.fleet, f.size having count(s.server_id) < f.size""",
    # unless one that is to replace another waits for room
    "fleet has more than its size, and somebody has them not": """
        select f.cluster, f.fleet, f.size, count(*) from orrery.fleet f
        join orrery.server s on s.cluster = f.cluster and s.fleet = f.fleet and s.state in ('requested', 'starting', 'ready')
        group by f.cluster, f.fleet, f.size
        having count(*) > f.size and count(*) filter (where s.allocations = 0) > 0 and count(*) filter (where s.state = 'requested') = 0""",
    "fleet keeps servers of an earlier version": """
        select f.cluster, f.fleet, count(*) filter (where s.state = 'ready' and s.allocations = 0 and s.version < k.version) as outdated
        from orrery.fleet f join orrery.server_kind k using (cluster, kind)
        join orrery.server s on s.cluster = f.cluster and s.fleet = f.fleet and s.state in ('requested', 'starting', 'ready', 'failed')
        where f.paused is null
        group by f.cluster, f.fleet
        having count(*) filter (where s.state = 'ready' and s.allocations = 0 and s.version < k.version) > 0 and bool_and(s.state = 'ready')""",
    "fleet is at a policy's failure": "select cluster, fleet, fault from orrery.fleet where fault is not null",
    "allocation is not confirmed, nor taken back": "select * from orrery.allocation where state = 'allocated'",
    "allocation waits beyond its time": "select * from orrery.allocation where state = 'waiting' and wait_until < clock_timestamp() - interval '2 s'",
    "allocation waits though one is free": """
        select w.allocation_id, w.cluster, w.selector, s.server_id from orrery.allocation w
        join orrery.server s on s.cluster = w.cluster and s.state = 'ready' and s.fleet is not null
          and s.fleet = coalesce(w.selector ->> 'fleet', s.fleet) and s.kind = coalesce(w.selector ->> 'kind', s.kind)
          and (s.allocations = 0 or w.selector -> 'shared' = 'true' and not exists (
            select from orrery.allocation o
            where o.server_id = s.server_id and o.state in ('allocated', 'confirmed') and not o.selector @> '{"shared":true}'))
        join orrery.agent a on a.agent_id = s.agent_id and a.state = 'up' and a.drain_at is null
        where w.state = 'waiting' and a.labels || s.labels @> coalesce(w.selector -> 'labels', '{}') and not exists (
          select from jsonb_each(w.selector -> 'counters') c
          where coalesce((s.counters #>> array[c.key, 'capacity'])::bigint - (s.counters #>> array[c.key, 'count'])::bigint, -1) < (c.value #>> '{}')::bigint)""",
}

class Epochs:
    """3: from look to look the epoch of a session only grows, and while it does not, its owner is the same."""

    def __init__(self):
        self.seen = {}

    def read(self, cursor):
        cursor.execute("select session_id, epoch, server_id from orrery.session")
        found = {}
        for row in cursor.fetchall():
            before = self.seen.get(row["session_id"], (0, None))
            if row["epoch"] < before[0] or row["epoch"] == before[0] and row["server_id"] != before[1]:
                found["3 a session's epoch grows with each change of its owner, and only so"] = f"{dict(row)}, before {before}"
            self.seen[row["session_id"]] = (row["epoch"], row["server_id"])
        return found


MACHINES = ("cluster", "agent", "server", "command", "session", "allocation")


def broken(cursor, queries):
    """Name -> what shows it, for those that do not hold."""
    found = {}
    for name, query in queries.items():
        cursor.execute(query)
        rows = cursor.fetchmany(3)
        if rows:
            found[name] = "; ".join(str(dict(row)) for row in rows)
    return found


class History:
    """7: every change of a state is an edge of `transition` and has its event."""

    def __init__(self):
        self.event_id = 0
        self.states = {}

    def read(self, cursor):
        cursor.execute("select machine, from_state, to_state from orrery.transition")
        edges = {tuple(row.values()) for row in cursor.fetchall()}
        cursor.execute("select event_id, noun, noun_id, from_state, to_state, rule from orrery.event "
                       "where event_id > %s order by event_id", (self.event_id,))
        found = {}
        for event in cursor.fetchall():
            self.event_id = event["event_id"]
            if event["to_state"] is None or event["noun"] not in MACHINES:
                continue
            subject = (event["noun"], event["noun_id"])
            before = self.states.get(subject, "none")
            if event["from_state"] != before:
                found.setdefault("7 each change begins where the last one ended", f"{event}, but it was {before}")
            if (event["noun"], event["from_state"], event["to_state"]) not in edges:
                found.setdefault("7 each change is an edge of transition", str(event))
            if not event["rule"]:
                found.setdefault("7 each change names its rule", str(event))
            self.states[subject] = event["to_state"]
        for noun in MACHINES:
            cursor.execute(f"select {noun if noun == 'cluster' else noun + '_id'}::text as id, state from orrery.{noun}")
            for row in cursor.fetchall():
                if self.states.get((noun, row["id"])) != row["state"]:
                    found.setdefault("7 each row is in the state of its last event",
                                     f"{noun} {row['id']} is {row['state']}, its last event says {self.states.get((noun, row['id']))}")
        return found


class Runs:
    """What the machines did, by their journals: 2 and 4 as the processes see them."""

    def __init__(self, retry_s, lease_s, margin_s):
        self.retry_s, self.lease_s, self.margin_s = retry_s, lease_s, margin_s
        self.starts, self.ends, self.targets, self.commands = {}, {}, {}, {}
        self.deliveries = {}
        self.now = {}              # agent -> refs of what it runs, as it said last
        self.beats = collections.defaultdict(list)
        self.violations = []

    def take(self, entry):
        what, *rest = entry
        if what == "start":
            ref = tuple(rest[:2])
            if ref in self.starts:
                self.violations.append(("4 a (server, epoch) is started once", f"{rest} and {self.starts[ref]}"))
            self.starts[ref] = rest[2:]
        elif what == "end":
            self.ends[tuple(rest[:2])] = rest[2:]
        elif what == "beat":
            self.beats[rest[0]].append(tuple(rest[1:]))
        elif what == "target":
            session, epoch, role, server = rest
            if self.targets.setdefault((session, epoch), (role, server)) != (role, server):
                self.violations.append(("3 a session's epoch is given to one server",
                                        f"session {session}, epoch {epoch}: {self.targets[session, epoch]} and {(role, server)}"))
        elif what == "command":
            session, number, result = rest
            if self.commands.setdefault((session, number), result) != result:
                self.violations.append(("6 a command has one result", f"session {session}, number {number}: {self.commands[session, number]} and {result}"))
        elif what == "delivery":
            command, sent, received, agent, generation = rest
            before = self.deliveries.get(command)
            if before and before[2:] == (agent, generation) and received - before[0] < self.retry_s:
                self.violations.append(("4 a command is handed out again only after its time",
                                        f"command {command} to {agent} twice within {received - before[0]:.3f} s"))
            self.deliveries[command] = (sent, received, agent, generation)
        elif what == "violation":
            self.violations.append(tuple(rest))
        elif what == "now":
            self.now[rest[0]] = {tuple(ref) for ref in rest[1]}

    def broken(self, cursor, now):
        found = {}
        for name, why in self.violations:
            found.setdefault(name, why)
        cursor.execute("select session_id, id, result from orrery.session_command")
        kept = {(row["session_id"], row["id"]): row["result"] for row in cursor.fetchall()}
        for command, result in self.commands.items():
            if kept.get(command) != result:
                found.setdefault("6 what was confirmed is kept", f"session, number {command}: {result}, kept {kept.get(command)}")
        runs = collections.defaultdict(list)
        for (server, epoch), (began, agent, *_) in self.starts.items():
            ended, reason = self.ends.get((server, epoch), (now, "runs on"))
            runs[server].append((began, ended, epoch, agent, reason))
        for server, of_server in runs.items():
            of_server.sort()
            for before, after in zip(of_server, of_server[1:]):
                if after[0] < before[1]:
                    found.setdefault("4 a server runs once at a time",
                                     f"server {server}: epoch {before[2]} on {before[3]} began at {before[0]:.3f}, ended at {before[1]:.6f}: {before[4]}; "
                                     f"epoch {after[2]} began on {after[3]} at {after[0]:.6f}")
                if after[2] <= before[2]:
                    found.setdefault("2 later starts have higher epochs", f"server {server}: {before} and {after}")
        owners = collections.defaultdict(set)
        for server, epoch in self.starts:
            owners[epoch].add(server)
        for epoch, servers in owners.items():
            if len(servers) > 1:
                found.setdefault("2 no epoch was run by two servers", f"epoch {epoch}: {servers}")
        cursor.execute("select a.name, extract(epoch from e.recorded_at)::float8 as at from orrery.event e "
                       "join orrery.agent a on a.agent_id::text = e.noun_id where e.noun = 'agent' and e.to_state = 'lost' and e.rule = 'tick_agents'")
        for row in cursor.fetchall():
            for sent, received in self.beats[row["name"]]:
                # what arrives while it is being judged comes too late
                if received + 0.3 < row["at"] < sent + self.lease_s + self.margin_s:
                    found.setdefault("2 an agent is judged after lease and margin, not before",
                                     f"{row['name']} was judged {row['at'] - sent:.3f} s after a heartbeat that was answered")
        return found
