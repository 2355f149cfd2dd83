"""Which calls with strange values succeed, and why that is right: the table of test_bad_verbs.py."""

import re
import typing

HUGE = 5000          # a value of more characters succeeds only where that is said
MISSING = "missing"  # the value of a member that a document lacks


def plain(value):
    """Is it, as a text, one that a person could mean?"""
    return not isinstance(value, str) or 0 < len(value) <= HUGE and not re.search(r"[\x00-\x1f\x7f]", value)


class Right(typing.NamedTuple):
    """Why a call succeeds and does no harm, for which values, and what it writes: None is what a right call does. Empty texts,
    control characters and huge ones are among the values only when `odd`."""
    why: str
    values: typing.Callable = lambda value: True
    writes: typing.Optional[frozenset] = None
    odd: bool = False


NOTHING = frozenset()


def is_null(value):
    return value is None


def one_of(*values):
    return lambda value: any(value is other or value == other and type(value) is type(other) for other in values)


def text_member(value):
    """A member of a document that is taken as its text: anything but none."""
    return value not in (None, MISSING)


ONE_CLUSTER = Right("the login's, or the only one that is not stopped", is_null)
ODD_NAME = Right("some of the odd ones are names", one_of("nobody", "NULL"))
ANY_STATE = "state: cluster stopped, state: cluster starting, state: cluster shutting_down, state: cluster stopping"
AGENT_STATE = "state: agent draining, state: agent lost, state: agent stopped"
ANY_STATE_DOES = "it may be done to a cluster in any state"
NAMES_NOBODY = Right("what names nobody is answered with null, as a wrong code is, so that names cannot be found out", writes=NOTHING, odd=True)
NO_ENTRIES = Right("nothing is asked", one_of("[]"), writes=NOTHING)
REF = Right("it is given back as it is", odd=True)
COUNTED = Right("what names nobody is answered as a name without a password is, and counted as well", writes=frozenset({"login_limit"}), odd=True)
ADDRESS = Right("words by which attempts are counted, an address or not", lambda value: isinstance(value, str) and value != MISSING and len(value) <= 100)
NONE_WAITS = Right("nobody waits for nothing", writes=NOTHING)
WORDS = Right("words that are shown as they are, up to a length and without control characters")
CUT = Right("words that are shown: cut, control characters made blanks", odd=True)
UNREAD = Right("members that are not known mean nothing", odd=True)
STALE = Right("entries that are not of the caller's sessions mean nothing", writes=NOTHING)
STALE_REPORT = Right("what is not this agent's is ignored with an event", writes=frozenset({"event"}))
READS = Right("only reads", writes=NOTHING)
GONE = frozenset({"agent", "agent_heartbeat", "allocation", "server", "port", "session", "session_secret", "command", "event", "placement"})
TOLD = Right("what is wrong is told in the answer", writes=NOTHING, odd=True)
SHUT = "state: cluster shutting_down, state: cluster stopping"
PLAYED = "who plays goes on until the deadline"
# function -> "where", or several that are split by ", " -> Right
MAY_SUCCEED = {
    "account_active_set": {"p_cluster": ONE_CLUSTER, ANY_STATE: Right(ANY_STATE_DOES)},
    "account_create": {"p_cluster": ONE_CLUSTER, "p_password_hash": Right("a one-time code is made", is_null), "p_name": ODD_NAME,
                       ANY_STATE: Right(ANY_STATE_DOES)},
    "account_ban": {"p_cluster": ONE_CLUSTER, "p_reason": WORDS, "p_seconds": Right("for good", is_null), ANY_STATE: Right(ANY_STATE_DOES)},
    "account_code": {"p_cluster": ONE_CLUSTER, ANY_STATE: Right(ANY_STATE_DOES)},
    "account_unban": {"p_cluster": ONE_CLUSTER, SHUT: Right(ANY_STATE_DOES)},
    "account_password_set": {"p_name, p_one_time_code": NAMES_NOBODY._replace(writes=frozenset({"login_limit"})), "p_address": WORDS,
                             "state: server of a cluster shutting_down, state: server of a cluster stopping": Right("the account outlives it")},
    "agent_drain": {"p_seconds": Right("null: until it is empty; 0: now", one_of(None, 0)),
                    AGENT_STATE: Right("nothing is to be placed on it when it is back; a second one replaces the deadline")},
    "agent_fence": {"state: agent lost": Right("that is what it is for", writes=frozenset({"agent", "agent_heartbeat", "event"}))},
    "agent_heartbeat": {
        "p_inventory": Right("null: not sent; [] when nothing runs", one_of(None, "[]"), writes=GONE),
        "p_inventory.server_id, p_inventory.epoch, p_inventory starting.server_id, p_inventory starting.epoch":
            Right("the agent is told to stop what is not known", one_of(-1, 2 ** 31), writes=GONE),
        "p_inventory.state, p_inventory starting.state": Right("what is not ready is not made ready", odd=True),
        "p_inventory.pid, p_inventory starting.pid": Right("is only shown", one_of(None, MISSING, -1)),
        "p_inventory.unknown, p_inventory starting.unknown, p_load.unknown": UNREAD,
        "p_inventory twice, p_inventory starting twice": Right("said twice it is the same"),
        "p_load": Right("none is as good as 0", lambda value: value is None or value[:1] == "{", odd=True),
        "p_load.cpu": Right("none is as good as 0", one_of(None, MISSING, 0.5)),
        "p_load.memory_used_bytes": Right("none is as good as 0", one_of(None, MISSING, 2 ** 31)),
        AGENT_STATE: Right("it is heard, and asked what it runs", writes=frozenset({"agent", "agent_heartbeat", "event"}))},
    "agent_register": {
        "p_name": ODD_NAME,
        "p_machine.host, p_machine.version, p_machine.public_address, p_machine.private_address":
            Right("taken as its text, up to 255 characters", text_member),
        "p_machine.clusters": Right("it may hold none, and of such that are not made yet", one_of([], ["x"])),
        "p_machine.memory_bytes": Right("2 GB is a size", one_of(2 ** 31)),
        "p_machine.lineage": Right("refused without an error: another database's", one_of(2 ** 31, 2 ** 70), writes=frozenset({"event"})),
        "p_machine.labels": Right("none", one_of(None, MISSING, {})),
        "p_machine.servers_max": Right("as many as fit", one_of(None, MISSING)),
        "p_machine.unknown": UNREAD,
        AGENT_STATE: Right("it is up again")},
    "agent_release": {"state: agent lost, state: agent stopped": Right("that is what it is for", writes=frozenset({"agent", "agent_heartbeat", "event"}))},
    "agent_report": {
        "p_reports": Right("[] tells nothing", one_of("[]"), writes=NOTHING),
        "p_reports done.command_id, p_reports not done.command_id, p_reports ready.server_id, p_reports exited.server_id":
            STALE_REPORT._replace(values=one_of(-1, 2 ** 31)),
        "p_reports ready.epoch, p_reports exited.epoch": STALE_REPORT._replace(values=one_of(None, MISSING, -1, 2 ** 31)),
        "p_reports ready.state, p_reports exited.state": STALE_REPORT._replace(odd=True),
        "p_reports done.ok": Right("so it is", one_of(True)),
        "p_reports not done.ok": Right("then it is done", one_of(True), writes=frozenset({"command", "server", "event"})),
        "p_reports ready.pid": Right("is only shown", one_of(None, MISSING, -1)),
        "p_reports exited.by_agent, p_reports exited.by_lease": Right("by itself, then", one_of(None, MISSING, True)),
        "p_reports exited.reason, p_reports not done.error": CUT,
        "p_reports exited.exit_code, p_reports exited.signal": Right("stand in the reason in words, and are not read", odd=True),
        "p_reports done.unknown, p_reports not done.unknown, p_reports ready.unknown, p_reports exited.unknown, p_reports stopping.unknown": UNREAD,
        "p_reports done twice, p_reports not done twice, p_reports ready twice, p_reports exited twice, p_reports stopping twice":
            Right("said twice it is done once"),
        AGENT_STATE: STALE_REPORT},
    "agent_resume": {"state: agent draining": Right("that is what it is for")},
    "agent_waits_for": {"all, p_agent_id": NONE_WAITS, AGENT_STATE: NONE_WAITS},
    "allocation_confirm": {"p_cluster": ONE_CLUSTER, SHUT: Right(PLAYED), "state: allocation confirmed": Right("said twice it is the same", writes=NOTHING)},
    "allocation_release": {
        "p_cluster": ONE_CLUSTER, SHUT: Right("what is given back is not needed"),
        "state: allocation released": Right("said twice it is the same", writes=NOTHING),
        "state: allocation waiting": Right("it waits no more", writes=frozenset({"allocation", "event"})),
        "state: allocation confirmed": Right("that is what it is for")},
    "ban_words": {"all, p_until, p_reason": Right("makes words of whatever it is given", writes=NOTHING, odd=True)},
    "character_create": {"p_cluster": ONE_CLUSTER, "p_key": Right("of a kind without a world function, whose keys all exist"), "p_name": Right("a player's choice"),
                         ANY_STATE: Right(ANY_STATE_DOES)},
    "chat_ban": {"p_why": WORDS, "p_seconds": Right("for good", is_null), "p_cluster": ONE_CLUSTER, SHUT: Right(ANY_STATE_DOES)},
    "chat_channel_drop": {"p_cluster": ONE_CLUSTER, SHUT: Right(ANY_STATE_DOES)},
    "chat_channels": {"p_sessions": NO_ENTRIES, "p_sessions.ref": REF, "p_sessions.unknown": UNREAD, "p_sessions twice": Right("said twice it is the same")},
    "chat_join": {
        "p_joins": NO_ENTRIES, "p_joins.ref": REF, "p_joins.unknown": UNREAD, "p_joins twice": Right("once"),
        "p_joins.name": Right("a player's choice; taken as its text, up to 32 characters", text_member, writes=frozenset({"chat_channel", "chat_member"})),
        "p_joins.create": Right("what is not true makes none, and he is in it already", odd=True)},
    "chat_leave": {
        "p_leaves": NO_ENTRIES, "p_leaves.ref": REF, "p_leaves.unknown": UNREAD, "p_leaves twice": Right("once"),
        "p_leaves.channel_id": Right("of one where he is not he is gone", one_of(2 ** 31), writes=NOTHING)},
    "chat_mute": {"p_why": WORDS, "p_seconds": Right("for good", is_null), "p_channel": Right("everywhere", is_null), "p_cluster": ONE_CLUSTER,
                  SHUT: Right(ANY_STATE_DOES)},
    "chat_pardon": {"p_cluster": ONE_CLUSTER, SHUT: Right(ANY_STATE_DOES)},
    "chat_read": {
        "p_after": NO_ENTRIES, "p_after.ref": REF, "p_after.unknown": UNREAD, "p_after twice": Right("said twice it is the same"),
        "p_after.after": Right("no number: the last ones", odd=True)},
    "chat_say": {
        "p_messages": NO_ENTRIES, "p_messages.ref, p_messages direct.ref": REF, "p_messages.unknown, p_messages direct.unknown": UNREAD,
        "p_messages twice, p_messages direct twice": Right("once"),
        "p_messages.message_id, p_messages direct.message_id": Right("its own choice", one_of(2 ** 31)),
        "p_messages.text, p_messages direct.text": Right("what players say", lambda value: isinstance(value, str) and value != MISSING)},
    "cluster_create": {"p_cluster": ODD_NAME},
    "cluster_grant": {"p_cluster": Right("every one", one_of("*"), writes=frozenset({"cluster_login", "event"})),
                      ANY_STATE: Right(ANY_STATE_DOES)},
    "cluster_key_publish": {"state: server of a cluster shutting_down, state: server of a cluster stopping": Right("it may just have started")},
    "cluster_key_retire": {"p_cluster": ONE_CLUSTER, SHUT: Right(ANY_STATE_DOES)},
    "cluster_key_rotate": {"all, p_cluster": ONE_CLUSTER, ANY_STATE: Right(ANY_STATE_DOES)},
    "cluster_keys": {"state: server of a cluster shutting_down, state: server of a cluster stopping": READS},
    "device_enrol": {"p_name": WORDS, "state: session waiting": Right("who waits has logged in"), "state: server of a cluster shutting_down, "
                     "state: server of a cluster stopping": Right("the account outlives it")},
    "device_forget": {"state: server of a cluster shutting_down, state: server of a cluster stopping": Right("the account outlives it")},
    "device_revoke": {"p_cluster": ONE_CLUSTER, SHUT: Right(ANY_STATE_DOES)},
    "cluster_resolve": {"all, p_cluster, p_stopped": READS._replace(values=is_null), "p_statement": Right("only for a HINT", writes=NOTHING, odd=True),
                        ANY_STATE: READS},
    "cluster_shutdown": {"p_cluster": ONE_CLUSTER, "p_seconds": Right("now", one_of(0)),
                         "state: cluster starting": Right("it may be thought better of"),
                         "state: cluster shutting_down": Right("a second one replaces the deadline")},
    "cluster_shutdown_cancel": {"state: cluster shutting_down": Right("that is what it is for")},
    "cluster_start": {"all, p_cluster": Right("the only one that is stopped", is_null, writes=frozenset({"cluster", "server", "placement", "event"})),
                      "state: cluster stopped": Right("that is what it is for")},
    "counted": {"all, p_count, p_noun": Right("makes words of whatever it is given", writes=NOTHING, odd=True)},
    "fleet_counts": {"all, p_fleet": READS},
    "fleet_drop": {"p_cluster": ONE_CLUSTER, SHUT: Right(ANY_STATE_DOES)},
    "fleet_resume": {"p_cluster": ONE_CLUSTER, SHUT: Right(ANY_STATE_DOES)},
    "fleet_set": {
        "p_cluster": ONE_CLUSTER, "p_fleet": ODD_NAME, SHUT: Right(ANY_STATE_DOES),
        "p_spec.policy, p_spec.size_min, p_spec.size_max, p_spec.cooldown_ms, p_spec.surge, p_spec.unavailable_max": Right("its default", one_of(MISSING)),
        "p_spec.kind, p_spec.policy_args": Right("what it leaves out stays as it is", one_of(MISSING)),
        "p_spec": Right("what it leaves out stays as it is", one_of("{}"), writes=frozenset({"fleet", "event"}))},
    "fleet_try": {
        "p_cluster": ONE_CLUSTER, "p_policy": Right("the fleet's own", is_null, writes=NOTHING),
        "p_args": TOLD._replace(values=lambda value: value is None or value[:1] == "{"), "p_args.size": TOLD, SHUT: READS},
    "login_begin": {
        "p_attempts": NO_ENTRIES, "p_attempts.ref, p_attempts device.ref": REF, "p_attempts.unknown, p_attempts device.unknown": UNREAD,
        "p_attempts.name": COUNTED, "p_attempts.address, p_attempts device.address": ADDRESS,
        "p_attempts device.name": COUNTED._replace(why="of nobody, or the key alone decides"),
        "p_attempts device.device_key": Right("a password, then", one_of(None, MISSING), writes=frozenset({"login_limit"})),
        "p_attempts twice, p_attempts device twice": Right("two attempts", writes=frozenset({"login_limit"})),
        "state: server of a cluster shutting_down, state: server of a cluster stopping": COUNTED},
    "server_allocate": {
        "p_cluster": ONE_CLUSTER, "p_request": Right("the caller's own key", lambda value: len(value) <= 200),
        "p_selector": Right("any", one_of("{}")),
        "p_selector.fleet, p_selector.kind": Right("any", one_of(MISSING)),
        "p_selector.labels, p_selector labels.labels, p_selector.counters, p_selector counters.counters": Right("any", one_of(MISSING, {})),
        "p_selector.shared": Right("it may be so, or not", one_of(MISSING, True)),
        "p_wait_ms": Right("does not wait", one_of(0))},
    "hook_set": {"p_replace": Right("as without it", is_null)},
    "news_add": {"p_cluster": ONE_CLUSTER, "p_key": Right("of a kind without a world function, whose keys all exist"),
                 "p_body": Right("the game's own", one_of("{}", '{"x":1}')), "p_body.x": Right("the game's own", odd=True), ANY_STATE: Right(ANY_STATE_DOES)},
    "server_checkpoint": {
        "p_world": Right("null: it stays; the game's own", lambda value: value in (None, "null") or value[:1] == "{", odd=True), "p_world.x, p_world.unknown": Right("the game's own", odd=True),
        "p_sessions": STALE._replace(values=lambda value: value == "[]" or value[:2] == "[{", writes=frozenset({"world"}), odd=True), "p_sessions.unknown": UNREAD,
        "p_sessions.session_id, p_sessions.epoch": STALE._replace(values=one_of(None, MISSING, -1, 2 ** 31), writes=frozenset({"world"})),
        "p_sessions.state": Right("the game's own; what is no object is not kept", odd=True), "p_sessions twice": Right("said twice it is the same"),
        "state: server starting, state: server stopping": Right("the key is its own")},
    "server_counters_set": {
        "p_counters": Right("what it leaves out stays as it is", one_of("{}")), "p_counters.players": Right("what it leaves out stays as it is", one_of(MISSING, {})),
        "p_labels": Right("null: they stay; none", one_of(None, "{}")), "p_labels.map": Right("words, or none", lambda value: value == MISSING or len(value) <= 63),
        "state: server starting, state: server stopping, state: server of a cluster shutting_down, state: server of a cluster stopping":
            Right("it says what is on it")},
    "server_kind_set": {
        "p_kind": ODD_NAME,
        "p_spec": Right("what it leaves out stays as it is", one_of("{}"), writes=frozenset({"server_kind", "event"})),
        "p_spec limits.limits": Right("none", one_of(MISSING, {})),
        "p_spec.command": Right("an executable that is missing is told of when it is started", lambda value: value == MISSING or isinstance(value, str)),
        "p_spec.args": Right("words, or none", one_of(MISSING, [], ["x"])),
        "p_spec.env": Right("names and values, or none", one_of(MISSING, {})),
        "p_spec.limits": Right("none", one_of(MISSING, {})),
        "p_spec ready.ready_pattern": Right("a regular expression that a line may match or not", lambda value: isinstance(value, str) and
                                            value != MISSING and len(value) <= 1000, odd=True),
        "p_spec.always_on_key": Right("taken as its text; null: none"),
        "p_spec.role, p_spec.cpu_millis, p_spec.sessions_max, p_spec.ready_deadline_ms, p_spec.stop_grace_ms, p_spec.start_attempts_max, p_spec.on_isolation, "
        "p_spec.log_files": Right("what it leaves out stays as it is", one_of(MISSING)),
        "p_spec.memory_bytes, p_spec.log_bytes_max": Right("2 GB is a size", one_of(MISSING, 2 ** 31)),
        "p_spec.public_port, p_spec.idle_stop_ms, p_spec.watchdog_ms, p_spec.world_function": Right("null: none", one_of(None, MISSING)),
        ANY_STATE: Right(ANY_STATE_DOES)},
    "server_request": {"p_cluster": ONE_CLUSTER, "p_key": Right("of a kind without a world function, whose keys all exist"),
                       "state: cluster starting, state: cluster shutting_down": Right(PLAYED)},
    "server_start_info": {"state: server starting, state: server stopping, state: server of a cluster shutting_down, state: server of a cluster stopping": READS},
    "server_stop": {"p_reason": WORDS, "state: server starting, state: server requested, state: server of a cluster shutting_down, "
                    "state: server failed": Right("there is something to stop, or to give up")},
    "server_sync": {
        "p_taken": STALE._replace(values=lambda value: value == "[]" or value.startswith("[{"), odd=True),
        "p_taken.session_id, p_taken.epoch": STALE._replace(values=one_of(None, MISSING, -1, 2 ** 31)), "p_taken.role": STALE._replace(odd=True),
        "p_taken.unknown": UNREAD, "p_taken twice": Right("said twice it is the same"), "p_news_after": Right("all after it; null: none is asked for"),
        "state: server starting, state: server stopping, state: server of a cluster shutting_down, state: server of a cluster stopping":
            Right("it is told what it has to know")},
    "server_waits_for": {"all, p_server_id": NONE_WAITS},
    "server_waits_for_room": {"all, p_server_id": NONE_WAITS},
    "session_command": {
        "p_commands": NO_ENTRIES, "p_commands.ref": REF, "p_commands.unknown": UNREAD, "p_commands twice": Right("said twice it is done once"),
        "p_commands.id": Right("its own choice", one_of(2 ** 31))},
    "session_end": {
        "p_ends": STALE._replace(values=one_of("[]")),
        "p_ends.session_id, p_ends.epoch": STALE._replace(values=one_of(None, MISSING, -1, 2 ** 31)),
        "p_ends.detail": CUT, "p_ends.state": Right("the game's own; what is no object is not kept", odd=True), "p_ends.unknown": UNREAD,
        "p_ends twice": Right("said twice it is done once"),
        "state: server starting, state: server stopping": STALE,
        "state: server of a cluster shutting_down, state: server of a cluster stopping": Right("that is how they log out")},
    "session_hand_off": {
        "p_hands": NO_ENTRIES, "p_hands.ref": REF, "p_hands.unknown": UNREAD, "p_hands twice": Right("once"),
        "p_hands.state": Right("the game's own; without one the place is asked for, and nothing changes", lambda value: value == MISSING or isinstance(value, dict)),
        "p_hands.key": Right("of a kind without a world function, whose keys all exist",
                             lambda value: isinstance(value, str) and value != MISSING and len(value) <= 200,
                             writes=frozenset({"placement", "server", "event", "port", "command"}))},
    "session_kick": {"p_reason": WORDS, "state: session waiting, state: session playing elsewhere": Right("wherever it is")},
    "session_open": {
        "p_opens": NO_ENTRIES, "p_opens.ref, p_opens device.ref": REF, "p_opens.unknown, p_opens device.unknown": UNREAD,
        "p_opens.address, p_opens device.address": Right("words that are shown, or none", lambda value: value in (None, MISSING) or isinstance(value, str) and len(value) <= 100),
        "p_opens device.device_id": Right("he has shown his password, then", one_of(None, MISSING)),
        "p_opens twice, p_opens device twice": Right("the second waits for the first"),
        "state: server of a cluster shutting_down": Right(PLAYED),
        "state: account in play": Right("it is released first", writes=frozenset({"session", "command", "event"}))},
    "session_renew": {
        "p_renewals": STALE._replace(odd=True), "p_renewals.session_id, p_renewals.epoch": STALE._replace(odd=True), "p_renewals.unknown": UNREAD,
        "p_renewals twice": Right("said twice it is the same"),
        "state: session ended, state: session playing elsewhere, state: server starting, state: server stopping": STALE,
        "state: session waiting, state: server of a cluster shutting_down, state: server of a cluster stopping": Right("who is here goes on")},
    "session_resolve": {
        "p_resolves": NO_ENTRIES, "p_resolves.ref": REF, "p_resolves.unknown": UNREAD, "p_resolves.address": ADDRESS,
        "p_resolves.session_id": COUNTED._replace(values=one_of(-1, 2 ** 31)), "p_resolves.again": Right("what is not true is false", writes=frozenset({"login_limit"}), odd=True),
        "p_resolves twice": Right("asked twice it is answered twice"),
        "state: server of a cluster shutting_down, state: server of a cluster stopping": Right(PLAYED)},
    "session_select": {"p_selects": NO_ENTRIES, "p_selects.ref": REF, "p_selects.unknown": UNREAD, "p_selects twice": Right("once"),
                       "state: server of a cluster shutting_down": Right(PLAYED)},
    "skill_train": {"p_cluster": ONE_CLUSTER, ANY_STATE: Right(ANY_STATE_DOES)},
    "tick": {"all, p_continuous_since": Right("since now", is_null)},
    "timer_cancel": {"p_cluster": ONE_CLUSTER, "p_key, p_kind": Right("there is none", writes=NOTHING, odd=True),
                     ANY_STATE: Right(ANY_STATE_DOES)},
    "timer_kind_set": {"p_comment, p_kind": WORDS},
    "timer_schedule": {"p_cluster": ONE_CLUSTER, "p_due_at": Right("in the past: at once"), "p_key": WORDS,
                       "p_payload, p_payload.x, p_payload.unknown": Right("the game's own", odd=True),
                       ANY_STATE: Right(ANY_STATE_DOES)},
}
MAY_SUCCEED["placement_explain"] = {
    where: right._replace(writes=NOTHING) for where, right in MAY_SUCCEED["server_kind_set"].items() if where.startswith(("p_spec", "state"))}
# What cannot be right in a cluster that runs with an agent that is up.
NEVER_RIGHT = {"agent_release right", "agent_resume right", "agent_fence right", "cluster_shutdown_cancel right", "cluster_start right"}
for function in ("server_waits_for", "server_waits_for_room", "server_why"):
    MAY_SUCCEED.setdefault(function, {})[", ".join(f"state: server {state}" for state in (
        "starting", "stopping", "stopped", "failed", "requested", "of a cluster shutting_down", "of a cluster stopping"))] = READS
MAY_SUCCEED_AT = {(function, where): right for function, rights in MAY_SUCCEED.items() for wheres, right in rights.items() for where in wheres.split(", ")}
