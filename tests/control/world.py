"""Two things that tests over the catalog share: a cluster with a row of everything, and arguments found by name and type.

Every text of such a cluster begins with its marks, and its numbers are high, so that each is known wherever it turns up.
"""

import datetime
import hmac
import json

from database import machine

ID_BASE = 7007000000
IDENTITY_TABLES = ("agent", "allocation", "server", "command", "account", "character", "device", "session", "timer")
SCHEMAS = ("orrery", "space")


class World:
    """A cluster `name` that runs, played by calls of its agent: servers, players, sessions in each state, a timer, commands."""

    def __init__(self, database, name, mark, high_numbers=False):
        self.database, self.cluster, self.mark = database, name, mark
        if high_numbers:
            self._count_from(ID_BASE)
        database.sql("select orrery.cluster_create(%s)", name, user="dba")
        for role in ("admin", "viewer", "agent", "session", "space_owner"):
            database.login(f"{role}_{name}", f"orrery_{role}", name)
        database.login(f"bare_{name}", None, name)
        self._populate()
        if high_numbers:
            self._count_from(1)

    def _count_from(self, number):
        for table in IDENTITY_TABLES:
            self.database.sql(f"alter table orrery.{table} alter {table}_id restart with {number + 1}")

    def dba(self, statement, *params):
        return self.database.value(statement, *params, user="dba")

    def _populate(self):
        mark, cluster, dba = self.mark, self.cluster, self.dba
        self.kind, self.key = f"{mark}kind", f"{mark}key"
        dba("select orrery.server_kind_set(%s, %s, %s)", self.kind, json.dumps(
            {"role": "zone", "command": f"{mark}command", "args": [f"{mark}arg"], "env": {"WORD": f"{mark}env"}, "on_isolation": "hold"}), cluster)
        self.agent, self.identity = f"{mark}agent", (mark.encode().hex() + "0" * 64)[:64]
        self.machine = machine([cluster], host=f"{mark}host", version=f"{mark}version", public_address=f"{mark}.public", private_address=f"{mark}.private",
                               labels={"zone": f"{mark}zone"}, servers_max=500)
        login = f"agent_{cluster}"
        answer = self.database.value("select orrery.agent_register(%s, %s, %s)", self.agent, self.identity, json.dumps(self.machine), user=login)
        self.agent_id, self.agent_token = answer["agent_id"], answer["token"]
        dba("select orrery.cluster_start(%s)", cluster)
        dba("select orrery.server_request(%s, %s, %s)", self.kind, self.key, cluster)
        dba("select orrery.server_request('grid', 'aldra-2', %s)", cluster)
        self.other_key = f"{mark}other"
        dba("select orrery.server_request(%s, %s, %s)", self.kind, self.other_key, cluster)
        # one that no machine has room for: why it waits is told in words
        dba("select orrery.server_kind_set(%s, %s, %s)", f"{mark}big", json.dumps(
            {"role": "other", "command": "big", "memory_bytes": 1 << 50}), cluster)
        dba("select orrery.server_request(%s, %s, %s)", f"{mark}big", self.key, cluster)
        self.servers = {}
        self._fleets()
        self._carry_out()
        self._allocate()
        self.keys = [row["key"] for row in self.database.sql("select encode(public_key, 'hex') as key from orrery.cluster_key where cluster = %s", cluster)]
        self.keys.append(dba("select orrery.cluster_key_rotate(%s)", cluster))
        self.call("cluster_key_publish", "login", json.dumps(self.keys))
        self.one_time_code = dba("select orrery.account_create(%s, null, %s)", f"{mark}newcomer", cluster)
        self.accounts = {}
        places = {"waiter": ("grid", "aldra-1"), "miner": ("grid", "aldra-2")}
        for who in ("player", "waiter", "leaver", "absent", "miner"):
            dba("select orrery.account_create(%s, %s, %s)", mark + who, f"$argon2id${mark}hash", cluster)
            dba("select orrery.character_create(%s, %s, %s, %s, %s)", mark + who, f"{mark}hero {who}",
                *places.get(who, (self.kind, self.key)), cluster)
            self.accounts[who] = self.database.sql("select a.account_id, c.character_id, c.name from orrery.account a join orrery.character c "
                                                   "using (account_id) where a.cluster = %s and a.name = %s", cluster, mark + who)[0]
        dba("select space.skill_train(%s, 'navigation', %s)", f"{mark}hero player", cluster)
        self.sessions, self.roots = {}, {}
        for who in ("player", "waiter", "leaver", "miner"):
            self.sessions[who] = self.open(who)
        for who in ("player", "waiter", "miner"):
            self.roots[who] = self.sessions[who]["root"]
            answer = self.call("session_select", "login", json.dumps([self.selects(who)]))[0]
            if answer["status"] == "ready":
                self.sessions[who]["epoch"] = answer["owner"]["epoch"]
        self.call("server_sync", self.kind, "[]")
        self._belongings()
        self._chat()
        self.call("session_end", "login", json.dumps([{"session_id": self.sessions["leaver"]["session_id"], "epoch": self.sessions["leaver"]["epoch"],
                                                       "reason": "logout", "detail": f"{mark}detail", "state": {"at": f"{mark}state"}}]))
        self.sessions["open"] = self.open("leaver")
        self.device_key = (mark.encode().hex() + "1" * 64)[:64]
        self.device_id = self.call("device_enrol", "login", *self.session("open"), self.device_key, f"{mark}device")["device_id"]
        dba("select orrery.account_create(%s, %s, %s)", f"{mark}banned", f"$argon2id${mark}hash", cluster)
        dba("select orrery.account_ban(%s, %s, null, %s)", f"{mark}banned", f"{mark}reason", cluster)
        self.accounts["banned"] = self.database.sql("select account_id, null::bigint as character_id from orrery.account where cluster = %s and name = %s",
                                                    cluster, f"{mark}banned")[0]
        self.timer_key = f"{mark}timer"
        dba("select orrery.timer_schedule('skill_training', %s, '2100-01-01', %s, %s)", self.timer_key, json.dumps({"word": f"{mark}payload"}), cluster)
        self.database.sql("insert into orrery.timer_parked values (%s, %s, 'skill_training', %s, now(), '{}', 5, %s, now())",
                          self.session("player")[0] + 999, cluster, f"{mark}parked", f"{mark}error")
        # one command that was fetched, one that was not
        dba("select orrery.server_request(%s, %s, %s)", self.kind, f"{mark}second", cluster)
        self.command_id = self.beat()["commands"][-1]["command_id"]
        dba("select orrery.server_request(%s, %s, %s)", self.kind, f"{mark}third", cluster)

    def _fleets(self):
        """One whose servers will be allocated, one whose replacement stands still, one that no machine has room for."""
        mark, dba = self.mark, self.dba
        self.fleet, self.arena = f"{mark}fleet", f"{mark}arena"
        dba("select orrery.server_kind_set(%s, %s, %s)", self.arena, json.dumps({"command": f"{mark}arena", "cpu_millis": 1, "counters": {f"{mark}players": 8}}), self.cluster)
        dba("select orrery.fleet_set(%s, %s, %s)", self.fleet, json.dumps({"kind": self.arena, "policy_args": {"size": 4}}), self.cluster)
        dba("select orrery.fleet_set(%s, %s, %s)", f"{mark}full", json.dumps({"kind": f"{mark}big", "policy_args": {"size": 1}}), self.cluster)
        self.database.sql("select orrery.tick_fleets()")
        self.database.sql("select orrery.tick_servers()")
        self.database.sql("update orrery.fleet set paused = %s, paused_version = 1 where cluster = %s and fleet = %s", f"{mark}reason", self.cluster, f"{mark}full")

    def _allocate(self):
        """One request in each state, by keys that begin with it."""
        mark, dba = self.mark, self.dba
        self.arenas = self.database.sql("select server_id, epoch from orrery.server where cluster = %s and fleet = %s and state = 'ready' order by server_id",
                                        self.cluster, self.fleet)
        selector = json.dumps({"fleet": self.fleet})
        self.requests = {state: f"{mark}{state}" for state in ("allocated", "confirmed", "released", "waiting")}
        for state in ("allocated", "confirmed", "released"):
            dba("select orrery.server_allocate(%s, %s, 0, %s)", self.requests[state], selector, self.cluster)
        dba("select orrery.allocation_confirm(%s, %s)", self.requests["confirmed"], self.cluster)
        dba("select orrery.allocation_release(%s, true, %s)", self.requests["released"], self.cluster)
        dba("select orrery.server_allocate(%s, %s, 86400000, %s)", self.requests["waiting"], json.dumps({"fleet": f"{mark}full"}), self.cluster)
        dba("select orrery.allocation_confirm(%s, %s)", self.requests["confirmed"], self.cluster)
        found = {row["request"].removeprefix(mark): row["state"] for row in self.database.sql("select request, state from orrery.allocation where cluster = %s", self.cluster)}
        assert found == {state: state for state in self.requests}, found

    def _belongings(self):
        """Ore on board, in a hangar and adrift; a world that was saved, with news."""
        for who in ("player", "waiter", "leaver", "miner"):
            character = self.accounts[who]["character_id"]
            self.database.sql("insert into space.cargo values (%s, %s, 'cobalt', 500)", self.cluster, character)
            self.database.sql("insert into space.hangar values (%s, 'station', 'aldra-gate', %s, 'cobalt', 100)", self.cluster, character)
        self.call("session_command", "grid", json.dumps([{**self.commands("miner"), "id": 1, "name": "jettison"}]))
        self.junk = self.database.value("select min(junk_id) from space.junk where cluster = %s", self.cluster)
        self.call("server_checkpoint", self.kind, json.dumps({"word": f"{self.mark}saved"}), "[]")
        self.dba("select orrery.news_add(%s, %s, %s, %s)", self.kind, self.key, json.dumps({"word": f"{self.mark}news"}), self.cluster)

    def _chat(self):
        """A channel that a player made, with what he said; one who is muted there, and one who may not come."""
        mark, dba = self.mark, self.dba
        self.channel = f"{mark}channel"
        self.call("chat_channels", "chat", json.dumps([self.chatter("player"), self.chatter("miner")]))
        self.call("chat_join", "chat", json.dumps([{**self.chatter("player"), "name": self.channel, "create": True}]))
        self.call("chat_join", "chat", json.dumps([{**self.chatter("miner"), "name": self.channel}]))
        self.channel_id = self.database.value("select channel_id from orrery.chat_channel where cluster = %s and name = %s", self.cluster, self.channel)
        self.call("chat_say", "chat", json.dumps([self.says("player", 1)]))
        dba("select orrery.chat_mute(%s, 3600, %s, %s, %s)", f"{mark}hero miner", f"{mark}reason", self.channel, self.cluster)
        dba("select orrery.chat_ban(%s, %s, 3600, %s, %s)", f"{mark}hero absent", self.channel, f"{mark}reason", self.cluster)

    def chatter(self, who):
        epoch = self.database.value("select epoch from orrery.attachment where session_id = %s and role = 'chat'", self.session(who)[0])
        return {"ref": 1, "session_id": self.session(who)[0], "epoch": epoch}

    def says(self, who, message):
        return {**self.chatter(who), "message_id": message, "channel_id": self.channel_id, "text": f"{self.mark}text"}

    def commands(self, who):
        return {"ref": 1, "session_id": self.session(who)[0], "epoch": self.session(who)[1], "id": 7, "name": "mine", "args": {"ore": "cobalt", "units": 1}}

    def beat(self, inventory=None):
        return self.database.value("select orrery.agent_heartbeat(%s, %s, %s, '00', %s)", self.agent_id, self.agent_token,
                                   '{"cpu":0.1,"memory_used_bytes":1}', inventory, user=f"agent_{self.cluster}")

    def _carry_out(self):
        reports = []
        for command in self.beat()["commands"]:
            reports.append({"command_id": command["command_id"], "ok": True})
            if command["verb"] == "start":
                if command["spec"]["key"] != self.other_key:
                    self.servers[command["spec"]["kind"]] = (command["server_id"], command["epoch"], command["spec"]["token"])
                reports.append({"server_id": command["server_id"], "epoch": command["epoch"], "state": "ready", "pid": 1})
        self.database.sql("select orrery.agent_report(%s, %s, %s)", self.agent_id, self.agent_token, json.dumps(reports), user=f"agent_{self.cluster}")

    def call(self, function, kind, *more):
        me = [*self.servers[kind], *more]
        return self.database.value(f"select orrery.{function}({', '.join(['%s'] * len(me))})", *me, user=f"session_{self.cluster}")

    def open(self, who):
        return self.call("session_open", "login", json.dumps([{"ref": 1, "account_id": self.accounts[who]["account_id"], "address": f"{self.mark}.address:1"}]))[0]

    def selects(self, who):
        return {"ref": 1, "session_id": self.session(who)[0], "epoch": self.session(who)[1], "character_id": self.accounts["leaver" if who == "open" else who]["character_id"]}

    def hands(self, who):
        return {"ref": 1, "session_id": self.session(who)[0], "epoch": self.session(who)[1], "kind": self.kind, "key": self.other_key, "state": {"x": self.mark}}

    def resolves(self, who):
        proof = hmac.digest(hmac.digest(bytes.fromhex(self.roots[who]), b"orrery/1 resolve", "sha256"), b"\x5a" * 64, "sha256").hex()
        return {"ref": 1, "address": f"{self.mark}.address:1", "session_id": self.session(who)[0], "handshake_hash": "5a" * 64, "proof": proof, "again": False}

    def session(self, who):
        return self.sessions[who]["session_id"], self.sessions[who]["epoch"]

    # Arguments

    def groups(self):
        """Sets of arguments that belong together, each as a list of choices: who calls, and about which session."""
        servers = [dict(zip(("p_server_id", "p_epoch", "p_token"), self.servers[kind])) for kind in ("login", self.kind, "chat", "grid")]
        sessions = [dict(zip(("p_session_id", "p_session_epoch"), self.session(who))) for who in ("open", "waiter", "player")]
        return servers, sessions

    def by_name(self, function):
        """Parameter -> values that mean something in this world, the most telling first."""
        mark = self.mark
        soon = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)
        refs = [{"session_id": s["session_id"], "epoch": s["epoch"], "role": "owner", "reason": "logout", "detail": "x", "state": {}} for s in self.sessions.values()]
        running = [{"server_id": s, "epoch": e, "state": "ready"} for s, e, _ in self.servers.values()]
        name = {"chat_channel_drop": self.channel, "device_revoke": f"{mark}leaver", "account_unban": f"{mark}banned", "device_enrol": f"{mark}phone", "agent_register": self.agent, "setting": "lease_ms", "setting_set": "lease_ms",
                "character_create": f"{mark}new hero", "account_create": f"{mark}new"}.get(function)
        names = [name] if name else [f"{mark}player", f"{mark}newcomer", self.agent, f"{mark}hero player"]
        kinds = ["skill_training"] if function.startswith("timer_") else [self.kind, "grid"]
        keys = [self.timer_key, f"{mark}parked"] if function.startswith("timer_") else [self.key, f"{mark}fourth", "aldra-1"]
        if function == "world":
            kinds, keys = ["grid"], ["aldra-1"]
        elif function in ("command_run", "mine", "jettison", "loot"):
            names, kinds, keys = ["mine", "jettison"], ["grid"], ["aldra-2"]
        elif function in ("load", "unload"):
            kinds, keys = ["station"], ["aldra-gate"]
        chat = function.startswith("chat_")
        specs = {
            "fleet_set": [{"kind": self.arena, "policy_args": {"size": 5}}, {"surge": 2}],
            "placement_explain": [{"cpu_millis": 2}, {"memory_bytes": 1 << 50}]}.get(function, [{"role": "zone", "command": "changed"}])
        return {
            "p_fleet": [self.fleet_row()] if function == "fleet_counts" else [f"{mark}full"] if function == "fleet_resume" else [self.fleet, f"{mark}full"],
            "p_policy": [None, "orrery.fleet_buffer"], "p_args": [{"size": 3, "buffer": 2, "ore": "cobalt", "units": 1, "junk": self.junk}], "p_ore": ["cobalt"], "p_units": [1],
            "p_world": [{"word": f"{mark}world"}, None], 
            "p_sessions": [[self.chatter("player")]] if chat else [[{**ref, "state": {"word": f"{mark}word"}} for ref in refs]],
            "p_joins": [[{**self.chatter("player"), "name": self.channel, "create": True}]], "p_leaves": [[{**self.chatter("miner"), "channel_id": self.channel_id}]],
            "p_messages": [[self.says("player", 2)]], "p_after": [[{"ref": 1, "channel_id": self.channel_id, "after": 0, "limit": 9}]],
            "p_channel": [self.channel, None], "p_why": [f"{mark}why"],
            "p_commands": [[self.commands("miner")]], "p_body": [{"word": f"{mark}body"}], "p_news_after": [0, None], "p_reuse": [True, False],
            "p_request": [f"{mark}fresh", *self.requests.values()] if function == "server_allocate" else list(self.requests.values()),
            "p_selector": [{"fleet": self.fleet}, {"kind": self.arena, "counters": {f"{mark}players": 1}, "shared": True}, {}], "p_wait_ms": [0, 1000],
            "p_counters": [{f"{mark}players": {"count": 1, "capacity": 9}}], "p_labels": [{"map": f"{mark}map"}],
            "p_cluster": [self.cluster, f"{mark}made"] if function == "cluster_create" else [self.cluster, None],
            "p_name": names, "p_agent": [self.agent], "p_agent_id": [self.agent_id], "p_identity": [self.identity],
            "p_machine": [self.machine, {**self.machine, "host": "elsewhere"}, *({**self.machine, "clusters": list(c)} for c in ("b", "ab"))], "p_load": [{"cpu": 0.2}], "p_digest": ["11"],
            "p_inventory": [[], running, None],
            "p_reports": [[{"command_id": self.command_id, "ok": True}], [{**running[0], "state": "exited", "reason": "x"}], [{"state": "stopping"}]],
            "p_attempts": [[{"ref": 1, "name": f"{mark}player", "address": f"{mark}.address:3"}, {"ref": 2, "name": f"{mark}leaver", "address": "192.0.2.7:7", "device_key": self.device_key}]],
            "p_opens": [[{"ref": 1, "account_id": self.accounts[who]["account_id"], "address": f"{mark}.address:3"}] for who in ("absent", "player", "banned")],
            "p_selects": [[self.selects(who)] for who in ("open", "waiter", "player")], "p_hands": [[self.hands(who)] for who in ("player", "waiter")],
            "p_renewals": [refs], "p_resolves": [[self.resolves(who)] for who in ("player", "waiter")],
            "p_account_id": [self.accounts["absent"]["account_id"], self.accounts["player"]["account_id"]], "p_device_id": [self.device_id],
            "p_character_id": [self.accounts[who]["character_id"] for who in ("leaver", "waiter", "player")],
            "p_character_ids": [[self.accounts[who]["character_id"] for who in ("leaver", "waiter", "player")]],
            "p_taken": [refs], "p_ends": [refs, refs[:1]], "p_kind": kinds, "p_key": keys,
            "p_spec": specs, "p_password_hash": ["$argon2id$changed"],
            "p_one_time_code": [self.one_time_code], "p_public_key": [self.device_key if function == "device_forget" else self.keys[0] if function == "cluster_key_retire" else "ab" * 32],
            "p_public_keys": [self.keys], "p_address": ["192.0.2.7:7"], "p_until": [soon], "p_scope": ["address"], "p_subjects": [["192.0.2.7"]],
            "p_seconds": [60] if chat else [0, 60], "p_active": [False], "p_account_name": [f"{mark}player"], "p_character": [f"{mark}hero miner" if chat else f"{mark}hero player", f"{mark}hero waiter"],
            "p_skill": ["navigation", "mining"], "p_due_at": [soon], "p_payload": [{"changed": True}], "p_reason": ["changed"],
            "p_login": [f"agent_{self.cluster}", f"bare_{self.cluster}"], "p_value": [20000], "p_hook": ["character_details"],
            "p_handler": ["space.skill_training_fire" if function == "timer_kind_set" else "space.character_details"], "p_comment": ["changed"],
            "p_above": [5], "p_noun": ["server"], "p_noun_id": ["1"], "p_rule": ["changed"], "p_detail": ["changed"] if function == "fail" else [{}], "p_statement": [None], "p_stopped": [False],
            "p_schema": ["orrery"], "p_count": [2], "p_step": ["agents", "servers"], "p_continuous_since": [None],
            "p_backend_at": [soon], "p_gone": [None], "p_gone_at": [None], "p_code": ["OR001"], "p_message": ["changed"], "p_hint": ["changed"],
        }

    def fleet_row(self):
        return self.database.value("select f::text from orrery.fleet f where cluster = %s and fleet = %s", self.cluster, self.fleet)

    def by_type(self, type_name):
        """Values for a parameter that no name above tells anything of."""
        if type_name.endswith("[]"):
            return ["{}"]
        if type_name in ("bigint", "integer", "smallint", "numeric"):
            return [1] if type_name == "smallint" else [*(s[0] for s in self.servers.values()), self.agent_id, self.command_id,
                                                        self.session("open")[0], self.accounts["player"]["account_id"]][:1 if type_name == "integer" else None]
        if type_name in ("text", "name", "character varying"):
            return [self.cluster, self.agent, self.kind, self.key, f"{self.mark}player", f"{self.mark}hero player"]
        return {"jsonb": [{}], "json": [{}], "boolean": [True, False], "bytea": ["\\x00"]}.get(type_name, [None])

    def arguments(self, routine, rng=None):
        """Arguments that point at rows of this world: the plainest, or with `rng` any."""
        def choose(values):
            return rng.choice(values) if rng else values[0]

        named = self.by_name(routine.name)
        chosen = {name: choose(named.get(name) or self.by_type(type_name)) for name, type_name in routine.parameters}
        for group in self.groups():
            chosen.update({name: value for name, value in choose(group).items() if name in chosen})
        if "p_agent_id" in chosen and "p_token" in chosen:
            chosen["p_token"] = self.agent_token
        return chosen

    def argument_sets(self, routine, limit, rng):
        """The plainest arguments, and others, `limit` at most."""
        sets = {repr(chosen): chosen for chosen in [self.arguments(routine), *(self.arguments(routine, rng) for _ in range(2 * limit))]}
        return list(sets.values())[:limit]


class Routine:
    """A function or procedure of the catalog."""

    def __init__(self, row):
        self.oid, self.schema, self.name, self.kind, self.returns = row["oid"], row["nspname"], row["proname"], row["prokind"], row["returns"]
        names = row["proargnames"] or []
        modes = row["proargmodes"] or ["i"] * len(names)
        self.names = [name or f"arg{n}" for n, (name, mode) in enumerate(zip(names, modes)) if mode in "iv"]
        self.parameters = list(zip(self.names, row["types"]))

    def __str__(self):
        return f"{self.schema}.{self.name}({', '.join(type_name for _, type_name in self.parameters)})"

    def statement(self):
        """A call with named arguments, each cast to its type."""
        arguments = ", ".join(f"{name} => cast(%({name})s as {type_name})" for name, type_name in self.parameters)
        return f"{'call' if self.kind == 'p' else 'select * from'} {self.schema}.\"{self.name}\"({arguments})"

    def values(self, arguments):
        return {name: json.dumps(value) if type_name in ("jsonb", "json") and value is not None and not isinstance(value, str) else value
                for (name, type_name), value in ((p, arguments[p[0]]) for p in self.parameters)}


def routines(database):
    """All of both schemas but trigger functions, which nobody can call."""
    return [Routine(row) for row in database.sql("""
        select p.oid, n.nspname, p.proname, p.prokind, p.prorettype::regtype::text as returns, p.proargnames, p.proargmodes::text[],
          array(select t.type::regtype::text from unnest(p.proargtypes) with ordinality t (type, n) order by t.n) as types
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = any(%s) and p.prorettype <> 'trigger'::regtype and not exists (
          select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
        order by n.nspname, p.proname, p.oid""", list(SCHEMAS))]

