"""A machine in Python: an agent that makes the real calls of docs/control.md, and the processes that it "runs".

The agent obeys late, loses answers, crashes, falls silent; its processes exit by themselves, never get ready or ignore a stop.
What it does is written to a journal, from which test_concurrency.py proves that no process ran twice and none beyond its
lease. Times are those of CLOCK_MONOTONIC, which all processes of this machine share, in seconds.
"""

import hashlib
import json
import time

from database import machine

HEARTBEAT_S = 0.15
PORT_REST_S = 0.3
ALIVE = ("starting", "ready", "stopping")


class Process:
    """What a start command made; dies at `end_at`, when it is told to stop, or when its lease is over."""

    def __init__(self, command, now, rng, never_ready):
        spec = command["spec"]
        self.server_id, self.epoch, self.cluster = command["server_id"], command["epoch"], command["cluster"]
        self.kind, self.key, self.role, self.token = spec["kind"], spec["key"], spec["role"], spec["token"]
        self.hold = spec.get("on_isolation") == "hold"
        self.ports = {port["port"] for port in spec["ports"]}
        self.state = "starting"
        never = rng.random() < never_ready
        self.ready_at = None if never else now + rng.uniform(0, 0.1)
        self.end_at = now + spec["ready_deadline_ms"] / 1000 if never else None
        self.end_reason = f"not READY within {spec['ready_deadline_ms']} ms"
        self.by_agent = self.by_lease = False
        self.sessions = {}
        self.attached = []         # of chat: arrivals that it has not said yet that it holds

    @property
    def ref(self):
        return (self.server_id, self.epoch)

    def me(self):
        return [self.server_id, self.epoch, self.token]

    def end(self, at, reason, by_agent, by_lease=False):
        """It will be gone at `at`, unless something ends it before."""
        if self.end_at is None or at < self.end_at:
            self.end_at, self.end_reason, self.by_agent, self.by_lease = at, reason, by_agent, by_lease


class Agent:
    """One machine. Every call goes through `caller` (test_concurrency.Caller), which counts it and injects faults."""

    def __init__(self, caller, rng, name, clusters, lease_s, **more):
        self.caller, self.rng, self.name, self.lease_s = caller, rng, name, lease_s
        self.identity = hashlib.sha256(name.encode()).hexdigest()
        self.machine = machine(clusters, **more)
        self.boots = 1
        self.registered = False
        self.generation = 0
        self.agent_id = self.token = None
        self.old_tokens = []
        self.processes = {}        # ref -> Process
        self.left = {}             # port -> when the process that had it last was gone
        self.directories = set()   # refs that were started and whose exit is not taken note of: what `run/` holds on disk
        self.exits = {}            # ref -> report, of directories whose process is gone
        self.over = []             # (ref, Process or None): the database was told, and said nothing against it
        self.refused_starts = set()
        self.outbox = []
        self.held = None
        self.lease_until = 0.0
        self.stop_at = {}          # cluster -> when it is shut down
        self.want_inventory = True
        self.silent_until = 0.0
        self.next_beat = 0.0

    # What happens on the machine by itself

    def settle(self):
        """Lets everything happen that was due until now."""
        now = time.monotonic()
        for process in list(self.processes.values()):
            cluster_stop = self.stop_at.get(process.cluster)
            if cluster_stop is not None and cluster_stop <= now:
                process.end(cluster_stop, "its cluster is shut down", True)
            if not process.hold and self.lease_until <= now:
                process.end(self.lease_until, "its lease ended", True, by_lease=True)
            ends = process.end_at is not None and process.end_at <= now
            if process.state == "starting" and process.ready_at is not None and process.ready_at <= (process.end_at if ends else now):
                process.state = "ready"
                self.outbox.append({"server_id": process.server_id, "epoch": process.epoch, "state": "ready", "pid": 4242})
            if ends:
                self.die(process)

    def die(self, process):
        del self.processes[process.ref]
        self.left.update(dict.fromkeys(process.ports, process.end_at))
        self.caller.journal("end", process.server_id, process.epoch, process.end_at, process.end_reason)
        report = {"server_id": process.server_id, "epoch": process.epoch, "state": "exited", "exit_code": 1, "signal": None,
                  "reason": process.end_reason, "by_agent": process.by_agent, "by_lease": process.by_lease, "token": process.token}
        self.exits[process.ref] = report
        self.outbox.append(report)

    def kill(self, process, reason="exit status 1", by_agent=False):
        process.end(time.monotonic(), reason, by_agent)
        self.settle()

    def kill_all(self, reason, by_agent):
        for process in list(self.processes.values()):
            process.end(time.monotonic(), reason, by_agent)
        self.settle()

    def crash(self, reboot=False):
        """The agent's process is gone, with what it had fetched and not done; the next one finds what is on the disk."""
        if reboot:
            self.kill_all("the machine was rebooted", True)
            self.boots += 1
        self.settle()
        self.held = None
        self.outbox = list(self.exits.values())
        self.registered = False
        self.refused_starts.clear()

    def silence(self, seconds):
        self.silent_until = time.monotonic() + seconds

    # Calls

    def act(self):
        """Makes the call that is due, if any; True when it made one."""
        now = time.monotonic()
        if now < self.silent_until:
            return False
        if self.held:
            answer, sent, until = self.held
            if now < until:
                return False
            self.held = None
            self.obey(answer, sent)
            return False
        self.settle()
        if not self.registered:
            if now < self.next_beat:
                return False
            self.register()
            return True
        if now >= self.next_beat:
            self.heartbeat()
            return True
        if self.outbox and self.rng.random() < 0.5:
            self.report()
            return True
        return False

    def register(self):
        self.next_beat = time.monotonic() + HEARTBEAT_S
        outcome, answer = self.caller.call("register", "agent", "select orrery.agent_register(%s, %s, %s)", self.name, self.identity,
                                           json.dumps({**self.machine, "boot_id": f"boot-{self.boots}"}), expected=("OR004",) if self.boots > 1 else ())
        if outcome != "ok":
            return
        if "refused" in answer:
            self.caller.journal("violation", "an agent obeys this database", f"{self.name} is refused: {answer}")
            return
        database = answer.get("database") or {}
        self.machine.update({member: database[member] for member in ("incarnation", "lineage") if member in database})
        if self.token:
            self.old_tokens = [*self.old_tokens[-3:], self.token]
        self.agent_id, self.token, self.registered = answer["agent_id"], answer["token"], True
        self.generation += 1
        self.want_inventory = True
        self.next_beat = 0.0

    def inventory(self):
        return [{"server_id": p.server_id, "epoch": p.epoch, "state": p.state} for _, p in sorted(self.processes.items())]

    def beat_params(self):
        inventory = json.dumps(self.inventory())
        digest = hashlib.sha256(inventory.encode()).hexdigest()[:16]
        load = json.dumps({"cpu": round(self.rng.random(), 2), "memory_used_bytes": 1})
        return [self.agent_id, self.token, load, digest, inventory if self.want_inventory else None]

    def heartbeat(self):
        self.next_beat = time.monotonic() + HEARTBEAT_S * self.rng.uniform(0.7, 1.3)
        draw = self.rng.random() if self.caller.faults else 0.5
        operation = "return" if self.silent_until else "heartbeat"
        params = self.beat_params()
        # two at the same time, on two connections, with their inventory: nothing is obeyed before both are over, so both are true
        twice = self.caller.both("heartbeat", "agent", "select orrery.agent_heartbeat(%s, %s, %s, %s, %s)", params) if draw < 0.15 else None
        sent = time.monotonic()
        outcome, answer = self.caller.call(operation, "agent", "select orrery.agent_heartbeat(%s, %s, %s, %s, %s)", *params)
        second = twice() if twice else None
        answers = [(answer, sent)] if outcome == "ok" else []
        if second:
            answers.append(second)
        for got, at in answers:
            self.note(got, at)
        self.silent_until = 0.0 if answers else self.silent_until
        if draw > 0.96:                       # every answer is lost
            self.next_beat = 0.0
            return
        if draw > 0.92 and len(answers) == 1:  # and this one takes its time
            self.held = (answers[0][0], answers[0][1], time.monotonic() + self.rng.choice((0.05, 0.3, self.lease_s)))
            return
        for got, at in answers:
            self.obey(got, at)

    def note(self, answer, sent):
        received = time.monotonic()
        shift = time.time() - received
        self.caller.journal("beat", self.name, sent + shift, received + shift)
        for command in answer.get("commands", ()):
            self.caller.journal("delivery", command["command_id"], sent, received, self.name, self.generation)

    def obey(self, answer, sent):
        if "refused" in answer:
            self.caller.journal("violation", "an agent obeys this database", f"{self.name} is refused: {answer}")
            return
        self.settle()                          # what was dead stays dead, whatever lease this answer gives
        self.lease_until = max(self.lease_until, sent + self.lease_s)
        self.settle()
        now = time.monotonic()
        self.want_inventory = answer.get("want_inventory", False)
        if "clusters" in answer:
            self.stop_at = {c["name"]: sent + c["stops_in_ms"] / 1000 for c in answer["clusters"] if c["stops_in_ms"] is not None}
        for command in answer.get("commands", ()):
            getattr(self, f"obey_{command['verb']}")(command, now)
        for unknown in answer.get("unknown", ()):
            process = self.processes.get((unknown["server_id"], unknown["epoch"]))
            if process:
                self.kill(process, "the database does not know it", True)

    def obey_start(self, command, now):
        ref = (command["server_id"], command["epoch"])
        if ref in self.directories or ref in self.refused_starts:
            self.acknowledge(command, ref in self.directories)
            return
        if now >= self.lease_until and command["spec"].get("on_isolation") != "hold":
            return
        if self.caller.faults and self.rng.random() < 0.03:
            self.acknowledge(command, False, "ENOENT: no such executable")
            self.outbox.append({"server_id": ref[0], "epoch": ref[1], "state": "exited", "exit_code": None, "signal": None,
                                "reason": "ENOENT: no such executable", "by_agent": False})
            self.refused_starts.add(ref)
            return
        process = Process(command, now, self.rng, 0.03 if self.caller.faults else 0)
        for other in self.processes.values():
            if process.ports & other.ports:
                self.caller.journal("violation", "1 no two processes of a machine are given one port",
                                    f"{self.name}: {other.ref} and {ref}, {sorted(process.ports)}")
        for port in process.ports:
            # a fixed one is always the same server's
            if port >= self.machine["port_min"] and now - self.left.get(port, 0) < PORT_REST_S:
                self.caller.journal("violation", "1 a freed port rests", f"{self.name}: {port} for {ref} {now - self.left[port]:.3f} s after it was left")
        self.caller.journal("start", *ref, now, self.name, process.cluster, process.kind, process.key)
        self.directories.add(ref)
        self.processes[ref] = process
        self.acknowledge(command, True)

    def obey_stop(self, command, now):
        ref = (command["server_id"], command["epoch"])
        process = self.processes.get(ref)
        self.acknowledge(command, True)
        if process:
            process.state = "stopping"
            grace = command["grace_ms"] / 1000
            process.end(now + min(grace, self.rng.uniform(0, 0.15)), "stopped", True)
        elif ref not in self.exits:
            self.refused_starts.add(ref)
            self.outbox.append({"server_id": ref[0], "epoch": ref[1], "state": "exited", "exit_code": None, "signal": None,
                                "reason": "not running here", "by_agent": False})

    def obey_tell(self, command, _):
        self.acknowledge(command, (command["server_id"], command["epoch"]) in self.processes, "no such server")

    def acknowledge(self, command, well, error="it was not started"):
        self.outbox.append({"command_id": command["command_id"], "ok": well, **({} if well else {"error": error})})

    def report(self):
        reports = list(self.outbox)
        draw = self.rng.random() if self.caller.faults else 0.5
        sent = [{k: v for k, v in report.items() if k != "token"} for report in reports]
        if draw < 0.06:
            self.rng.shuffle(sent)
        elif draw < 0.10:
            sent = sent + [{**r, "reason": "STALE"} if r.get("state") == "exited" else r for r in sent]
        elif draw < 0.35 and self.over:
            # best of those that run here again
            again = {process.server_id for process in self.processes.values()}
            (server_id, epoch), _ = self.rng.choice([over for over in self.over if over[0][0] in again] or self.over)
            stale = {"server_id": server_id, "epoch": epoch, "state": "ready", "pid": 666}
            if self.rng.random() < 0.7:
                stale = {**stale, "state": "exited", "reason": "STALE"}
            sent.insert(self.rng.randrange(len(sent) + 1), stale)
        operation = "kill" if any(r.get("reason") == "exit status 1" for r in sent) else "report"
        outcome, _ = self.caller.call(operation, "agent", "select orrery.agent_report(%s, %s, %s)", self.agent_id, self.token, json.dumps(sent))
        if outcome != "ok" or draw > 0.96:     # the answer of the last is lost, so that all is told again
            return
        self.outbox = self.outbox[len(reports):]
        for report in reports:
            if report.get("state") == "exited":
                ref = (report["server_id"], report["epoch"])
                self.directories.discard(ref)
                self.exits.pop(ref, None)
                self.over = [*self.over[-60:], (ref, report.get("token"))]
