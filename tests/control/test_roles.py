#!/usr/bin/python3
"""Who may do what, and that nobody reaches across clusters: every function, view, table and sequence of the catalog, by every role.

What is new is tried without anyone adding it here: privileges are compared with the grants that stand in sql/, and each function
that a role may call is called from a login of cluster b with arguments, found by name and type, that point at rows of
cluster a. Then nothing of a has changed, and no mark of a stands in any result, notice or error. The same calls from a's own
logins do change and show them, else the arguments would prove nothing.

--seed: what is drawn of the arguments; printed.
"""

import argparse
import contextlib
import json
import random
import re

import psycopg2

from database import ROOT, Database, check, finish, say
from world import ID_BASE, SCHEMAS, World, routines

ROLES = ("admin", "viewer", "agent", "session", "space_owner", "bare")
GROUPS = ("orrery_admin", "orrery_viewer", "orrery_agent", "orrery_session", "orrery_cron", "orrery_space_owner")
SETS = 25            # argument sets a function and role
MARK = re.compile(rf"cnrya\w*|\b{str(ID_BASE)[:4]}\d{{6}}\b")
# They loop until the minute ends.
NOT_CALLED = {"tick_loop"}
# What a's own logins cannot be seen to do with a's rows, and why not.
NEVER_REACHED = {
    "orrery.fail": "raises whatever it is given",
    "orrery.incarnation_raise": "concerns every cluster", "orrery.setting_set": "concerns every cluster", "orrery.tick": "concerns every cluster",
    "orrery.cluster_create": "concerns every cluster", "orrery.cluster_grant": "concerns every cluster", "orrery.hook_set": "concerns every cluster",
    "orrery.timer_kind_set": "concerns every cluster", "orrery.agent_drain": "concerns every cluster", "orrery.agent_fence": "concerns every cluster",
    "orrery.agent_resume": "concerns every cluster", "orrery.agent_release": "concerns every cluster",
    "orrery.event_partitions": "concerns every cluster", "orrery.lock_waits": "concerns every cluster", "orrery.cluster_start": "a is running", "orrery.cluster_shutdown_cancel": "a is running",
}


def granted():
    """(schema, routine or relation, role) as the files of sql/ grant them; roles of a group only."""
    found = {"execute": set(), "select": set()}
    for path in sorted((ROOT / "sql").glob("**/*.sql")):
        text = re.sub(r"--[^\n]*", "", path.read_text())
        for name, roles in re.findall(r"\bgrant\s+execute\s+on\s+(?:function|procedure)\s+([\w.\"]+)\s*\([^;]*?\)\s*to\s+([^;]+);", text, re.I):
            found["execute"] |= {(name.replace('"', ""), role.strip()) for role in roles.split(",")}
        for name, roles in re.findall(r"\bgrant\s+select\s+on\s+([\w.\"]+)\s+to\s+([^;]+);", text, re.I):
            found["select"] |= {(name.replace('"', ""), role.strip()) for role in roles.split(",")}
    return found


class Logins:
    """A real connection a login."""

    def __init__(self, database):
        self.database, self.connections = database, {}

    def code_of(self, login, statement):
        """SQLSTATE of a statement, or None; rolled back."""
        if login not in self.connections:
            self.connections[login] = self.database.connect(login)
        try:
            with self.connections[login].cursor() as cursor:
                cursor.execute(statement)
                return None
        except psycopg2.Error as error:
            return error.pgcode
        finally:
            self.connections[login].rollback()


def fingerprint(cursor, tables, world):
    """Table -> hash of what is the world's in it, and of what belongs to no cluster."""
    found = {}
    for table, has_cluster in tables:
        name = table.split(".")[1]
        where = "cluster = %(cluster)s" if has_cluster else {
            "agent": "name = %(agent)s", "agent_heartbeat": "agent_id = %(agent_id)s"}.get(name, "true")
        cursor.execute(f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t where {where}",
                       {"cluster": world.cluster, "agent": world.agent, "agent_id": world.agent_id})
        found[table] = cursor.fetchone()[0]
    return found


def changed(before, after):
    return sorted(table for table in before if before[table] != after[table])


def marks(said, given):
    return set(MARK.findall(said)) - set(MARK.findall(given))


def judged(error):
    """SQLSTATE of an error, with what is missing of it. 42501 is PostgreSQL's own, which gives neither."""
    code, diag = error.pgcode or "none", error.diag
    if code.startswith("OR") and not (diag.message_primary and diag.message_detail and diag.message_hint):
        return f"{code} without DETAIL or HINT: {diag.message_primary}"
    return code


def is_wrong(code, role):
    """Is it none of those with which a call may be refused?"""
    return code is not None and (not re.fullmatch(r"OR\d{3}", code) or code == "OR009") and not (role == "space_owner" and code == "42501")


class Session:
    """A superuser's connection that speaks as a login, sees what it did and takes it back."""

    def __init__(self, database, tables):
        self.connection = database.connect()
        self.tables = tables

    def attempt(self, login, routine, sets, world):
        """Calls a routine as `login`, each set of arguments after the other: (tables of `world` that changed, marks seen, calls that succeeded, codes)."""
        seen, succeeded, codes = {}, 0, set()
        with self.connection.cursor() as cursor:
            before = fingerprint(cursor, self.tables, world)
            cursor.execute("set local statement_timeout = '20s'")
            cursor.execute(f'set local session authorization "{login}"')
            for arguments in sets:
                said, error_code = self.call(cursor, routine, arguments)
                for mark in marks(said, json.dumps(arguments, default=str)):
                    seen.setdefault(mark, f"{routine.name} {arguments}: {said[:400]}")
                succeeded += error_code is None
                codes.add(error_code)
            cursor.execute("reset session authorization")
            after = fingerprint(cursor, self.tables, world)
        self.connection.rollback()
        return changed(before, after), seen, succeeded, codes

    def call(self, cursor, routine, arguments):
        """Everything that a call says: result, notices, error."""
        del self.connection.notices[:]
        cursor.execute("savepoint s")
        code, said = None, ""
        try:
            cursor.execute(routine.statement(), routine.values(arguments))
            said = str(cursor.fetchall()) if cursor.description else ""
            cursor.execute("release savepoint s")
        except psycopg2.Error as error:
            code = judged(error)
            said = " ".join(str(part) for part in (error, error.diag.message_detail, error.diag.message_hint, error.diag.context))
            cursor.execute("rollback to savepoint s")
        return said + " ".join(self.connection.notices), code


def check_privileges(database, functions, relations):
    """(1) The catalog grants what sql/ says and no more; what is not granted is refused when tried."""
    grants = granted()
    code_of = Logins(database).code_of
    check("sql/ grants something", len(grants["execute"]) > 50 and len(grants["select"]) > 8, str({k: len(v) for k, v in grants.items()}))
    wrong, tried = [], 0
    logins = {group: f"{group.removeprefix('orrery_')}_b" for group in GROUPS if group != "orrery_cron"} | {"orrery_cron": "orrery_cron", "nobody": "bare_b"}
    may = {(row["oid"], row["role"]): row for row in database.sql(
        "select p.oid, r.role, has_function_privilege(r.role, p.oid, 'execute') as may, pg_has_role(r.role, p.proowner, 'usage') as owns "
        "from pg_proc p, unnest(%s) r (role) where p.pronamespace = any (array['orrery', 'space']::regnamespace[])", list(logins.values()))}
    for routine in functions:
        for group, login in logins.items():
            row = may[routine.oid, login]
            expected = (f"{routine.schema}.{routine.name}", group) in grants["execute"] or row["owns"]
            if row["may"] != expected:
                wrong.append(f"{login} {'may' if row['may'] else 'may not'} call {routine}")
            if row["may"]:
                continue
            nulls = ", ".join(f"null::{type_name} as a{n}" for n, (_, type_name) in enumerate(routine.parameters))
            names = ", ".join(f"a{n}" for n in range(len(routine.parameters)))
            tried += 1
            # not of constants, which the planner would fold without asking for rights
            code = code_of(login, f"call {routine.schema}.{routine.name}({names and 'null'})" if routine.kind == "p" else
                           f'select {routine.schema}."{routine.name}"({names}) from (select {nulls or 1} offset 0) x')
            if code != "42501":
                wrong.append(f"{login} calls {routine}: {code}")
    check(f"functions: {len(functions)} by {len(logins)} roles are granted as sql/ says, and {tried} others refused", not wrong, "; ".join(wrong[:8]))

    wrong, tried = [], 0
    for relation in relations:
        name, kind = relation["name"], relation["relkind"]
        for group, login in logins.items():
            if group == "orrery_space_owner" and relation["nspname"] == "space":
                continue                       # its own
            if kind == "S":
                statements = [f"select nextval('{name}')", f"select setval('{name}', 1)", f"select last_value from {name}"]
            elif kind == "v":
                statements = [f"select * from {name}"]
                if (code_of(login, statements[0]) is None) != ((name, group) in grants["select"]):
                    wrong.append(f"{login} reads {name}: {code_of(login, statements[0])}")
                statements = [f"delete from {name}"]
            else:
                statements = [f"select * from {name}", f"insert into {name} default values", f"delete from {name}",
                              f"truncate {name}", f"lock {name}", f"copy {name} to stdout"]
                if relation["a_column"]:
                    statements.append(f"update {name} set \"{relation['a_column']}\" = default")
            for statement in statements:
                tried += 1
                code = code_of(login, statement)
                if code not in ("42501", "55000") or code == "55000" and kind != "v":
                    wrong.append(f"{login}: {statement}: {code}")
    check(f"tables, sequences and views: {len(relations)} by {len(logins)} roles, {tried} statements are refused", not wrong, "; ".join(wrong[:8]))


def check_functions(database, functions, tables, a, b, rng):
    """(2) A login of b reaches nothing of a by any function; a's own does."""
    session = Session(database, tables)
    executable = {(row["oid"], row["role"]) for row in database.sql(
        "select p.oid, r.role from pg_proc p, unnest(%s) r (role) where has_function_privilege(r.role, p.oid, 'execute')",
        [f"{role}_{world.cluster}" for role in ROLES for world in (a, b)])}
    calls, touched, leaked, wrong_code, unreached = 0, [], [], [], []
    effective = 0
    for routine in functions:
        if routine.name in NOT_CALLED:
            continue
        reached = False
        for role in ROLES:
            if (routine.oid, f"{role}_b") not in executable:
                continue
            sets = a.argument_sets(routine, SETS, rng)
            calls += len(sets)
            tables_changed, seen, _, codes = session.attempt(f"{role}_b", routine, sets, a)
            touched += [f"{role} by {routine.name}: {table}" for table in tables_changed]
            leaked += [f"{role}: {mark} by {said}" for mark, said in seen.items()]
            wrong_code += [f"{role}: {routine.name}: {code}" for code in codes if is_wrong(code, role)]
            tables_changed, seen, succeeded, own_codes = session.attempt(f"{role}_a", routine, sets, a)
            wrong_code += [f"{role} of its own cluster: {routine.name}: {code}" for code in own_codes if is_wrong(code, role)]
            effective += bool(tables_changed or seen)
            reached = reached or succeeded > 0
        if not reached and any((routine.oid, f"{role}_b") in executable for role in ROLES):
            unreached.append(f"{routine.schema}.{routine.name}")
    say(f"{calls} calls from logins of b; {effective} pairs of function and role change or show something of a when a's login calls")
    check("nothing of a is changed from b", not touched, "; ".join(touched[:10]))
    check("nothing of a is shown to b", not leaked, "; ".join(leaked[:5]))
    check("what is refused is refused with class OR, DETAIL and HINT", not wrong_code, "; ".join(wrong_code[:10]))
    surprising = sorted(set(unreached) - set(NEVER_REACHED))
    check("the arguments are right: a's own logins get every function to work on them", not surprising, ", ".join(surprising))
    check("and to change or show rows of a", effective >= 25, str(effective))

    # once more as a daemon or DBA would, over connections of their own, committed
    with contextlib.closing(database.connect()) as owner, owner.cursor() as cursor:
        before = fingerprint(cursor, tables, a)
    said, wrong_code = [], []
    for role in ROLES:
        with contextlib.closing(database.connect(f"{role}_b")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for routine in functions:
                    if (routine.oid, f"{role}_b") not in executable or routine.name in NOT_CALLED:
                        continue
                    arguments = a.arguments(routine)
                    try:
                        cursor.execute(routine.statement(), routine.values(arguments))
                        text = str(cursor.fetchall()) if cursor.description else ""
                    except psycopg2.Error as error:
                        wrong_code += [f"{role}: {routine.name}: {judged(error)}"] * is_wrong(judged(error), role)
                        text = f"{error} {error.diag.message_detail} {error.diag.message_hint} {error.diag.context}"
                    for mark in marks(text + " ".join(connection.notices), json.dumps(arguments, default=str)):
                        said.append(f"{role} {routine.name}: {mark}")
    with contextlib.closing(database.connect()) as owner, owner.cursor() as cursor:
        after = fingerprint(cursor, tables, a)
    check("nor by real logins that commit", not said and not changed(before, after), f"{changed(before, after)} {said[:5]}")
    check("who are refused as well", not wrong_code, "; ".join(wrong_code[:10]))


def check_views(database, relations, a):
    """(3) A view shows b nothing of a, not even to an operator that is evaluated before the rows are chosen."""
    leaky = "create function pg_temp.leak(p_row text) returns boolean language plpgsql cost 0.0000001 as $$begin raise notice '%', p_row; return true; end$$"
    leaked, blind = [], []
    for relation in relations:
        if relation["relkind"] != "v":
            continue
        for role in ("admin", "viewer"):
            for cluster in ("a", "b"):
                with contextlib.closing(database.connect(f"{role}_{cluster}")) as connection, connection.cursor() as cursor:
                    cursor.execute(leaky)
                    try:
                        cursor.execute(f"select * from {relation['name']} v where pg_temp.leak(v::text)")
                    except psycopg2.errors.InsufficientPrivilege:
                        continue               # judged above
                    said = str(cursor.fetchall()) + " ".join(connection.notices)
                    found = set(MARK.findall(said))
                    if cluster == "b" and found:
                        leaked.append(f"{role}: {relation['name']}: {sorted(found)[:5]}")
                    if cluster == "a" and not found and role == "admin":
                        blind.append(relation["name"])
    check("no view shows b anything of a, not by a leaky function either", not leaked, "; ".join(leaked))
    check("each view shows a its own", set(blind) <= {"orrery.setting_status", "orrery.lock_status", "space.place_list"}, ", ".join(blind))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10 ** 6))
    options = parser.parse_args()
    say(f"seed {options.seed}")
    database = Database()
    a = World(database, "a", "cnrya", high_numbers=True)
    b = World(database, "b", "cnryb")
    functions = routines(database)
    relations = database.sql("""
        select n.nspname, format('%%I.%%I', n.nspname, c.relname) as name, c.relkind,
          exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = 'cluster' and not t.attisdropped) and c.relname <> 'cluster_login' as has_cluster,
          (select t.attname from pg_attribute t where t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped and t.attgenerated = '' order by t.attnum limit 1) as a_column
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = any(%s) and c.relkind in ('r', 'p', 'v', 'S', 'm', 'f')
        order by 2""", list(SCHEMAS))
    tables = [(r["name"], r["has_cluster"]) for r in relations if r["relkind"] == "r"]
    check("every object is looked at", len(functions) > 80 and len(tables) > 25, f"{len(functions)} {len(tables)}")
    check_privileges(database, functions, relations)
    check_functions(database, functions, tables, a, b, random.Random(options.seed))
    check_views(database, relations, a)
    finish()


if __name__ == "__main__":
    main()
