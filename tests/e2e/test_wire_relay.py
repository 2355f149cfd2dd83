#!/usr/bin/python3
"""Players behind bad networks: real sockets between network namespaces, through relay.py; all scenarios at once, over one cluster.

Each scenario has players of its own in a namespace of its own, and a policy of the relay's. One agent's servers are reached over IPv4, the
other's over IPv6, so that every player's login, zone and chat use one or the other. Environment:
    ORRERY_RELAY_SEED       of every decision of the relay's (1)
    ORRERY_RELAY_SECONDS    how long they play so (22); the storm ends 6 s before
    ORRERY_RELAY_BOTS       of each scenario (4)
    ORRERY_RELAY_SCENARIOS  names; all
    ORRERY_RELAY_CAPTURE    a directory for captures, one file a scenario, and the key log keys.log: tests/conformance/decode reads them.
                            What is not there is two keys of each login, its sides' own: logins are not opened.
"""

import collections
import json
import math
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import threading
import time

from harness import ROOT, Stack, check, finish, say, wait_until
from lab import Lab
from relay import Fates, Policy, flipped

SEED = int(os.environ.get("ORRERY_RELAY_SEED", "1"))
SECONDS = float(os.environ.get("ORRERY_RELAY_SECONDS", "22"))
BOTS = int(os.environ.get("ORRERY_RELAY_BOTS", "4"))
CAPTURE = os.environ.get("ORRERY_RELAY_CAPTURE")
PORTS, LOGIN_PORTS = (20000, 20039), (7777, 7780)  # the agents' and, of each, those that login servers have for good
DATAGRAM_BYTES_MAX = 1200
CALM_S, CUT_AFTER_S = 6.0, 2.0  # the storm's end before the end; the cuts' begin

# A line is one piece on its way to everybody, and 32 may follow one that is not acknowledged: what is said in a storm beyond these must fit the
# queue until it is over. And in a run that is long lines must be rare, not to be taken for a stream (relay.py).
CHAT_EVERY_S = 6 if SECONDS <= 60 else 30
WAYS = "to_servers", "to_clients"
CLEAN = {}
STORM = {"loss": 0.4, "delay_ms": [0, 1000], "double": 0.1}


class Scenario:
    """policy: from the first datagram on; login: until all play; troubled: while they play, until it is calm; cut_s: nothing passes for
    so long, again and again, or one way only. blind_s: how long a player may see nothing new; drops: the cut is longer than a client
    waits before it looks for its session; lapses: the cut logs them out, and comes once."""

    def __init__(self, policy, blind_s, login=None, troubled=None, cut_s=0.0, way=None, drops=False, lapses=False, hz_least=4.0):
        self.policy, self.blind_s, self.login, self.troubled, self.hz_least = policy, blind_s, login or policy, troubled, hz_least
        self.cut_s, self.ways, self.drops, self.lapses = cut_s, (way,) if way else WAYS, drops, lapses
        self.bots = self.first = self.since_ms = self.report = None


SCENARIOS = {
    "clean": Scenario(CLEAN, 1.0, hz_least=12),
    "lossy": Scenario({"loss": 0.1, "delay_ms": [100, 100]}, 1.5),
    "storm": Scenario(CLEAN, 4.0, troubled=STORM, hz_least=2.0),
    "double": Scenario({"double": 1.0}, 1.0, hz_least=12),
    "flip": Scenario({"flip": 0.05}, 1.0),
    "rebind": Scenario({"rebind_ms": [2000, 4000]}, 1.0, hz_least=10),
    "hard": Scenario(CLEAN, 1.0, login=STORM, hz_least=1.0),
    "cut3": Scenario(CLEAN, 3 + 1.5, cut_s=3.0, drops=True),
    "deaf": Scenario(CLEAN, 3 + 1.5, cut_s=3.0, way="to_clients", drops=True),
    "mute": Scenario(CLEAN, 1.0, cut_s=3.0, way="to_servers"),
    "cut15": Scenario(CLEAN, 15, cut_s=15.0, drops=True, lapses=True, hz_least=0),
}
if os.environ.get("ORRERY_RELAY_SCENARIOS"):
    SCENARIOS = {name: SCENARIOS[name] for name in os.environ["ORRERY_RELAY_SCENARIOS"].replace(",", " ").split()}
NUMBER = {name: number for number, name in enumerate([*SCENARIOS, "person"])}
# orrery-play beside the players: what is typed, a line each half second; at the second login not the password.
PERSON = {"loss": 0.05, "delay_ms": [20, 80], "rebind_ms": [1500, 2500]}
TYPED = ["w", "d", "s", "a", "", "", "/good evening", "w", "", ""]
print(f"# seed {SEED}, {SECONDS:.0f} s: ORRERY_RELAY_SEED={SEED} ORRERY_RELAY_SECONDS={SECONDS:.0f} ORRERY_RELAY_BOTS={BOTS} "
      f"ORRERY_RELAY_SCENARIOS={','.join(SCENARIOS)}", flush=True)


class Asked:
    """relay.py in its namespace: a JSON line in, a JSON line out."""

    def __init__(self, wrap, directory, configuration):
        self.process = subprocess.Popen(wrap(["/usr/bin/python3", str(directory / "relay.py"), json.dumps(configuration)]),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        self.ready = json.loads(self.process.stdout.readline() or "{}")
        self.lock = threading.Lock()

    def ask(self, **said):
        with self.lock:
            self.process.stdin.write(json.dumps(said) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(10)


def fates(seed, policy, number=2000):
    made = Fates(seed)
    return [vars(made.next(policy)) for _ in range(number)]


def host_of(name, family):
    return f"198.51.100.{100 + NUMBER[name]}" if family == 4 else f"2001:db8:2::{100 + NUMBER[name]:x}"


def outward_of(name):
    """Where the servers see the players of a scenario: each rebind takes the next of a family."""
    return [form.format(20 + 2 * NUMBER[name] + turn) for form in ("192.0.2.{}", "2001:db8:1::{:x}") for turn in (0, 1)]


storm = Policy(**STORM)
check("the relay's fates are the seed's, and another seed's others", fates("1", storm) == fates("1", storm) != fates("2", storm))
check("a flipped datagram differs in one bit", all(
    sum((a ^ b).bit_count() for a, b in zip(b"datagram", flipped(b"datagram", where / 64))) == 1 for where in range(64)))
check("the nth fate is the same whatever the policy was before", (lambda a, b: [a.next(Policy()) for _ in range(9)] and [
    b.next(storm) for _ in range(9)] and a.next(storm) == b.next(storm))(Fates("1"), Fates("1")))

say("the stack: two agents, one public over IPv4 and one over IPv6, both behind the relay")
stack = Stack()
for script in ("relay.py", "sniff.py"):
    shutil.copy(ROOT / "tests" / "e2e" / script, stack.dir / script)
lab = Lab(
    stack,
    "a1 inside public0 192.0.2.11/24 private private0 10.77.0.11/24",
    "a2 inside public0 2001:db8:1::12/64 private private0 10.77.0.12/24",
    "relay inside inside0 " + ",".join(f"{host}/{64 if ':' in host else 24}" for name in NUMBER for host in outward_of(name)) +
    " outside outside0 198.51.100.11/24,2001:db8:2::12/64",
    *(f"{name} outside public0 {host_of(name, 4)}/24,{host_of(name, 6)}/64" for name in NUMBER))
captures = pathlib.Path(CAPTURE or stack.dir / "captures")
captures.mkdir(exist_ok=True)
captures.chmod(0o777)
relay = Asked(lab.within("relay"), stack.dir, {
    "seed": SEED,
    "fronts": [{"front": "198.51.100.11", "server": "192.0.2.11", "ports": [PORTS, LOGIN_PORTS]},
               {"front": "2001:db8:2::12", "server": "2001:db8:1::12", "ports": [PORTS, LOGIN_PORTS]}],
    "groups": {name: {"hosts": [host_of(name, 4), host_of(name, 6)], "outward": outward_of(name),
                      "policy": SCENARIOS[name].login if name in SCENARIOS else PERSON,
                      **({"capture": str(captures / f"{name}.jsonl")} if CAPTURE or name == "clean" else {})}
               for name in NUMBER}})
check("the relay stands for every port of both agents",
      relay.ready.get("ready") == 2 * sum(last - first + 1 for first, last in (PORTS, LOGIN_PORTS)), str(relay.ready))
sniffer = subprocess.Popen(
    lab.within("switch")(["/usr/bin/python3", str(stack.dir / "sniff.py"), "inside=192.0.2.0/24,2001:db8:1::/64",
                          "outside=198.51.100.0/24,2001:db8:2::/64", "private=10.77.0.0/24"]),
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
check("the sniffer listens", sniffer.stdout.readline().strip() == "ready")
stack.at_stop[:0] = [relay.stop, lambda: (sniffer.stdin.close(), sniffer.wait(10))]

ports = ("--ports", f"{PORTS[0]}-{PORTS[1]}")
stack.start_agent("a1", "192.0.2.11", "10.77.0.11", wrap=lab.within("a1", user=1000), extra=("--public-advertise", "198.51.100.11", *ports))
stack.start_agent("a2", "2001:db8:1::12", "10.77.0.12", wrap=lab.within("a2", user=1000), extra=("--public-advertise", "2001:db8:2::12", *ports))
check("both agents are up", stack.agents_up("a1", "a2"))
check("the cluster starts", stack.start_cluster())
places = [(row["kind"], row["key"]) for row in
          stack.owner("select kind, key from space.place where cluster = %s order by kind desc, key", stack.cluster)]
places = [place for place in places if place[0] == "grid"][:2] + [place for place in places if place[0] == "station"][:2]
stack.accounts("bot", BOTS * len(SCENARIOS) + 1, places)
first_of = {name: 1 + BOTS * number for name, number in NUMBER.items()}
accounts = {name: [f"bot{first + number:04d}" for number in range(BOTS if name in SCENARIOS else 1)] for name, first in first_of.items()}


def sessions(name):
    """Every session that the scenario's accounts ever had, the oldest first, with how often it ended."""
    return stack.owner(
        "select a.name, s.session_id, s.state, s.reason, (select count(*)::int from orrery.event e where e.noun = 'session' "
        "and e.noun_id = s.session_id::text and e.to_state = 'ended') as ends from orrery.session s "
        "join orrery.account a using (account_id) where a.name = any (%s) order by s.session_id", accounts[name])


def playing():
    return stack.value("select count(*)::int from session_status where state = 'playing'")


def per_bot(events, name, value=lambda event: event):
    found = {account: [] for account in accounts[name]}
    for event in events:
        found[event["bot"]].append(value(event))
    return found


def person_plays(connect, told):
    """Twice with orrery-play: by password, which enrols the device, and by the device's key. `told`: (status, output) of each."""
    key = stack.dir / "person.key"
    for lines in (["correct horse battery staple", *TYPED, "q"], [*TYPED, "q"]):
        done = subprocess.run(lab.within("person")([str(stack.dir / "bin" / "orrery-play"), connect, accounts["person"][0], str(key)]),
                              input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, cwd=stack.dir, timeout=60)
        told.append((done.returncode, done.stdout + done.stderr))


# --- they log in, each over its network ---

say(f"{len(SCENARIOS)} scenarios of {BOTS} players log in")
for name, scenario in SCENARIOS.items():
    scenario.bots = stack.start_bots(name, BOTS, "--ramp", "10", "--for", "0", "--chat-every", str(CHAT_EVERY_S), "--report", "json", first=first_of[name],
                                     wrap=lab.within(name))
if not check("everybody plays", wait_until("all to play", lambda: playing() == BOTS * len(SCENARIOS), 90), f"{playing()} do"):
    say(json.dumps(relay.ask(counts=True)))
    finish()
for name, scenario in SCENARIOS.items():
    check(f"{name}: everybody is attached to chat", wait_until("all to attach", lambda scenario=scenario: len(
        scenario.bots.bots_with(event="entered", role="chat")) == BOTS, 20))
    check(f"{name}: everybody hears chat", wait_until("all to hear", lambda scenario=scenario: len(
        scenario.bots.bots_with(event="chat")) == BOTS, 20))
owners = stack.owner("select distinct a.name from orrery.session s join orrery.server v using (server_id) join orrery.agent a using (agent_id) "
                     "where s.state = 'playing'")
check("zones stand on the agent of IPv4 and on that of IPv6", len(owners) == 2, str(owners))

# --- they play, and their networks get worse ---

for name, scenario in SCENARIOS.items():
    relay.ask(group=name, policy=scenario.policy)
began = time.monotonic()
say(f"{SECONDS:.0f} s of play")
counts_before = relay.ask(counts=True)
for name, scenario in SCENARIOS.items():
    scenario.first = {row["name"]: row["session_id"] for row in sessions(name)}
    # Who had a hard login may have needed more than one.
    scenario.since_ms = 0 if scenario.login == scenario.policy else max(event["at_ms"] for event in scenario.bots.events())
captures.joinpath("keys.log").write_text("".join(
    [f"CLUSTER {stack.cluster}\n"] +
    [f"STATIC {row['key']}\n" for row in stack.owner("select encode(static_key, 'hex') as key from orrery.cluster_key")] +
    [f"ROOT {row['session_id']} {row['root']}\n" for row in stack.owner("select session_id, encode(root, 'hex') as root from orrery.session_secret where root is not null")]))
person_told = []
person = threading.Thread(target=person_plays, daemon=True, args=(
    stack.value("select connect from cluster_status where cluster = %s", stack.cluster), person_told))
person.start()
plan = []  # (seconds after `began`, what the relay is told)
for name, scenario in SCENARIOS.items():
    if scenario.troubled:
        plan += [(0.0, {"group": name, "policy": scenario.troubled}), (SECONDS - CALM_S, {"group": name, "policy": scenario.policy})]
    if scenario.cut_s:
        at = CUT_AFTER_S
        while True:
            plan += [(at, {"group": name, "cut_s": scenario.cut_s, "way": way}) for way in scenario.ways]
            at += 3 * scenario.cut_s
            if scenario.lapses or at + scenario.cut_s > SECONDS - CALM_S:
                break
calm = {}  # what had passed when a scenario's trouble was over
for after, said in sorted(plan, key=lambda step: step[0]):
    time.sleep(max(0, began + after - time.monotonic()))
    if "policy" in said and after > 0:
        calm[said["group"]] = relay.ask(counts=True)[said["group"]]
    relay.ask(**said)
time.sleep(max(0, began + SECONDS - time.monotonic()))
counts = relay.ask(counts=True)
lasted = time.monotonic() - began
passed = {name: {way: {what: count - counts_before[name][way][what] for what, count in calm.get(name, counts[name])[way].items()} for way in WAYS}
          for name in NUMBER}
relay_cpu = counts["relay"]["cpu_s"] - counts_before["relay"]["cpu_s"]
arrived = sum(passed[name][way]["arrived"] for name in NUMBER for way in WAYS)
say(f"the relay: {arrived / lasted:.0f} datagrams a second, {1e6 * relay_cpu / max(arrived, 1):.0f} us of a core each")

# --- what became of them ---


def judge_while_on(name, scenario):
    rows = sessions(name)
    if scenario.lapses:
        check(f"{name}: each was logged out once, as lapsed",
              len(rows) == BOTS and all(row["state"] == "ended" and row["ends"] == 1 and row["reason"].startswith("lapse") for row in rows), str(rows))
        told = per_bot(scenario.bots.events(event="logged_out"), name, lambda event: event["reason"])
        check(f"{name}: each player was told once, and why", all(reasons == ["lapse"] for reasons in told.values()), str(told))
        return
    check(f"{name}: nobody was logged out, and each plays in the session of before", {
        row["name"]: row["session_id"] for row in rows if row["state"] == "playing"} == scenario.first and len(scenario.first) == BOTS, str(rows))
    told = [event for event in scenario.bots.events() if event.get("event") in ("logged_in", "logged_out") and event["at_ms"] >= scenario.since_ms]
    check(f"{name}: nobody was told otherwise", not any(event["event"] == "logged_out" for event in told) and (
        scenario.since_ms > 0 or len(told) == BOTS), str(told))


def judge_drops(name, scenario):
    """The client said that the owner was silent, and that it was back; not without a reason."""
    dropped, resumed = (per_bot(scenario.bots.events(event=event), name) for event in ("dropped", "resumed"))
    if STORM in (scenario.login, scenario.troubled):
        return  # it may well be silent for as long as that
    if not scenario.drops:
        check(f"{name}: nobody was dropped", not scenario.report["drops"], str(dropped))
    else:
        check(f"{name}: everybody was dropped and, unless it lapsed, resumed", all(
            len(dropped[bot]) > 0 and len(resumed[bot]) == (0 if scenario.lapses else len(dropped[bot])) for bot in accounts[name]), f"{dropped} {resumed}")
        gaps = [event["gap_ms"] / 1000 for events in resumed.values() for event in events]
        check(f"{name}: gaps were the cut's", all(scenario.cut_s - 0.5 < gap < scenario.blind_s for gap in gaps), str(gaps))


def judge_play(name, scenario):
    """What the players saw and heard, and how their sessions ended."""
    rows = [row for row in sessions(name) if row["session_id"] >= scenario.first[row["name"]]]
    check(f"{name}: each session ended once, by its player's logout", len(rows) == BOTS and all(
        row["state"] == "ended" and row["ends"] == 1 and row["reason"].startswith("logout") for row in rows), str(rows))
    sees = scenario.bots.events(event="sees")
    ended_ms = max(event["at_ms"] for event in sees)
    played_s = sum(ended_ms - event["at_ms"] for event in scenario.bots.events(event="entered", role="owner")) / 1000
    hz = scenario.report["snapshots"] / played_s
    check(f"{name}: snapshots came", hz > scenario.hz_least, f"{hz:.1f} a second")
    # told each second: what is told after one second was seen since
    blind_s = max(event["blind_ms"] for event in sees if event["at_ms"] >= (scenario.since_ms and scenario.since_ms + 1000)) / 1000
    check(f"{name}: nobody was blind for long", blind_s < scenario.blind_s, f"{blind_s} s")
    chat = scenario.report["chat"]
    check(f"{name}: every line of chat came, in order and once", chat["repeated"] == 0 == chat["missed"] and chat["received"] > 0, str(chat))
    say(f"{name}: {hz:.1f} snapshots a second, none for at most {blind_s:.2f} s, {chat['received']} lines heard, {scenario.report['drops']} drops")


def judge_network(name, scenario):
    """The relay did what it was told."""
    ways = passed[name]
    say(f"{name}: " + "; ".join(f"{way.replace('_', ' ')} " + ", ".join(
        f"{what} {count}" for what, count in was.items() if count and what != "bytes_max") for way, was in ways.items()))
    check(f"{name}: datagrams passed both ways", all(was["delivered"] > 0 for was in ways.values()), str(ways))
    policy = scenario.troubled or scenario.policy
    for what, member in (("lost", "loss"), ("doubled", "double"), ("flipped", "flip")):
        chance = policy.get(member, 0)
        for was in ways.values():
            tried = max(was["arrived"] - (was["lost"] if what != "lost" else 0), 1)
            # what chance passes once in a million
            bound = 5 * math.sqrt(chance * (1 - chance) / tried)
            check(f"{name}: {what} were as many as was set", abs(was[what] / tried - chance) <= bound, f"{was[what] / tried}, {chance}, {bound}")
    if policy == STORM:
        check(f"{name}: datagrams overtook each other both ways", all(was["overtaken"] > was["arrived"] * 0.02 for was in ways.values()), str(ways))
    if scenario.cut_s:
        check(f"{name}: what was cut off did not pass", all((was["cut"] > 0) == (way in scenario.ways) for way, was in ways.items()), str(ways))
    if scenario.policy.get("rebind_ms"):
        rebinds, gaps = counts[name]["rebinds"], counts[name]["gaps_ms"]
        least = BOTS * SECONDS * 1000 / scenario.policy["rebind_ms"][1] / 2
        check(f"{name}: clients' addresses changed", rebinds >= least and len(gaps) >= least / 2, f"{rebinds} times, {len(gaps)} gaps")
        check(f"{name}: no stream stopped for more than a second", gaps and max(gaps) < 1000, str(sorted(gaps)[-5:]))
        if gaps:
            say(f"{name}: {rebinds} changes; a stream paused {statistics.median(gaps):.0f} ms in the median, at most {max(gaps):.0f} ms; "
                f"{counts[name]['stale']} datagrams went to an address of before")


def judge_capture():
    """The decoder opens what the players of a clean network and their zones and chat server said to each other, and finds nothing wrong."""
    with open(captures / "clean.jsonl", encoding="ascii") as file:
        flows = collections.Counter(line["from"] for line in map(json.loads, file) if line["from"].rsplit(":", 1)[0].strip("[]") in outward_of("clean"))
    chosen = [next((flow for flow, _ in flows.most_common() if flow.startswith("[") == is_v6), None) for is_v6 in (False, True)]
    only = [word for flow in chosen if flow for word in ("--only", flow)]
    began = time.monotonic()
    done = subprocess.run(["/usr/bin/python3", str(ROOT / "tests" / "conformance" / "decode"), str(captures / "clean.jsonl"), "--keys",
                           str(captures / "keys.log"), "--quiet", "--json", *only], capture_output=True, text=True, timeout=120)
    found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 and done.stdout else {"opened": {}, "not_opened": {}, "violations": [done.stderr]}
    say(f"decoded in {time.monotonic() - began:.1f} s: {found.get('types')}, opened {found['opened']}, not opened {found['not_opened']}")
    opened, closed = found["opened"].get("Data", 0), found["not_opened"].get("Data", 0)
    check("the decoder opens the capture's Data, but for logins", opened > 500 and closed < 0.05 * opened, f"{opened}, not {closed}")
    check("and finds nothing that breaks the page", not found["violations"], json.dumps(found["violations"][:5]))


def judge_below_udp():
    sniffer.stdin.close()
    sniffed = json.loads(sniffer.stdout.read() or "{}")
    ports = sniffed.get("ports", {})
    say(f"{sniffed.get('seen')} packets seen, {sniffed.get('dropped')} more were not")
    check("every host was heard on its networks", set(ports) - {"private.a1", "private.a2"} == {
        "inside.a1", "inside.a2", "inside.relay", "outside.relay", *(f"outside.{name}" for name in NUMBER)}, str(sorted(ports)))
    check("servers spoke to each other on the private network", any(port.startswith("private.") for port in ports), str(sorted(ports)))
    for who, hosts in (("players", [f"outside.{name}" for name in NUMBER]), ("servers", ["inside.a1", "inside.a2"])):
        sent = [ports.get(host, {}) for host in hosts]
        check(f"no datagram of {who} is above {DATAGRAM_BYTES_MAX} bytes", all(0 < one.get("bytes_max", 0) <= DATAGRAM_BYTES_MAX for one in sent), str(sent))
        check(f"no datagram of {who} may be cut into fragments, or is one", all(one.get("may_be_cut") == 0 == one.get("fragments") for one in sent), str(sent))
    check("some datagrams are as large as may be", ports.get("outside.relay") and max(one["bytes_max"] for one in ports.values()) == DATAGRAM_BYTES_MAX)
    check("nothing private was sent on a public network, nor anything public on the private one", all(not one["foreign"] for one in ports.values()), str(ports))


for name, scenario in SCENARIOS.items():
    judge_while_on(name, scenario)
person.join(60)
check("a person plays in a terminal, by password and by the device's key that it enrolled", [
    status for status, _ in person_told] == [0, 0] and all("in sight" in text for _, text in person_told), str(person_told)[-1500:])
check("the device is enrolled, once", stack.value("select count(*)::int from device_status where account = %s", accounts["person"][0]) == 1)
check("the person was logged in twice, and logged out both times", [(row["ends"], row["reason"].split(":")[0]) for row in sessions("person")]
      == [(1, "logout")] * 2, str(sessions("person")))
say("they leave")
for scenario in SCENARIOS.values():
    scenario.bots.kill(signal.SIGINT)
for name, scenario in SCENARIOS.items():
    check(f"{name}: the players leave", scenario.bots.wait(10) == 0, scenario.bots.tail(3))
    scenario.report = next((event for event in scenario.bots.events() if "snapshots" in event), {"snapshots": 0, "chat": {"sent": 0, "received": 0}})
wait_until("the ends", lambda: playing() == 0, 15)
for name, scenario in SCENARIOS.items():
    if not scenario.lapses:
        judge_play(name, scenario)
    judge_drops(name, scenario)
    judge_network(name, scenario)

# The database numbers what is said. A player's last line may have been under way when he left; of those who were cut off, or had
# to log in again, more.
said = sum(scenario.report["chat"]["sent"] for scenario in SCENARIOS.values()) + len(person_told)
certain = sum(scenario.report["chat"]["sent"] - BOTS for scenario in SCENARIOS.values() if not scenario.lapses and scenario.since_ms == 0)
told = stack.owner("select coalesce(sum(last_number), 0)::int as n from orrery.chat_channel")[0]["n"]
check("what was said was told once, and all of it", certain <= told <= said, f"{told} of {said}, at least {certain}")
judge_below_udp()
if "clean" in SCENARIOS:
    judge_capture()
check("the relay knew everybody, and sent all it meant to", counts["relay"]["strangers"] == 0 == counts["relay"]["unsent"], str(counts["relay"]))
for file in sorted(captures.glob("*.jsonl")):
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    check(f"{file.stem}: the capture holds what arrived", sum(not line.get("forged") for line in lines) >= sum(
        counts[file.stem][way]["arrived"] for way in WAYS), f"{len(lines)} lines")
    if file.stem in SCENARIOS:
        check(f"{file.stem}: over IPv4 and IPv6", {True, False} == {line["from"].startswith("[") for line in lines})
    if CAPTURE:
        say(f"capture: {file}")
finish()
