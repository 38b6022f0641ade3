"""The statement that counts the values of facets in a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Q

from observability.selectors.rows import Sql, join, run, spell_condition, spell_rows
from observability.selectors.trace_filters import COLUMNS, LISTS, USER
from observability.selectors.windows import DayForgottenError, Window

HASH = "hash"
MOST_HASHES = 5_000
MOST_IN_WINDOW = 1_000
"""Values of a field beyond the most frequent of a window are not worth a facet."""
_MATCHED = ("facets_hash", "user_id", "status", "started_at")
_EVERYTHING = Q()

# One pass over the rows, by all that the other fields add up to and by users: `traces_newest` knows both. A group of
# users has no hash.
_SCANNED = """
scanned AS (
    SELECT {columns}, max(started_at) AS started_at, count(*) AS counted
    FROM ({rows}) AS matches (facets_hash, user_id, status, started_at) GROUP BY GROUPING SETS ({sets})
)
"""
_SCANNED_HASHES = "SELECT facets_hash, started_at, counted FROM scanned WHERE facets_hash IS NOT NULL"
_SCANNED_USERS = "SELECT user_id, status, counted FROM scanned WHERE facets_hash IS NULL"
# Unnested where they are selected, which takes half as long as a join with the function.
_REMEMBERED_HASHES = """
SELECT unnest(facet_hashes), unnest(facet_latest), unnest(facet_traces)
FROM trace_days WHERE project_id = %s AND day = ANY(%s)
"""
_REMEMBERED_USERS = """
SELECT unnest(user_ids) AS user_id, {status} AS status, unnest(user_traces) AS counted
FROM trace_days WHERE project_id = %s AND day = ANY(%s)
"""
_DAYS = """
SELECT '' AS field, NULL AS value, count(*)::bigint FROM trace_days
WHERE project_id = %s AND day = ANY(%s) AND facet_hashes IS NOT NULL
"""
# The fields are read off one trace of each group, then counted each by itself: the columns that a group is not about
# are null in it. `kept0` says whether the group fulfils the first of the conditions.
_APART = """
grouped AS (
    SELECT found.facets_hash, counted, one.*
    FROM (
        SELECT facets_hash, max(started_at) AS started_at, sum(counted) AS counted
        FROM ({hashes}) AS each (facets_hash, started_at, counted) GROUP BY facets_hash
    ) AS found
    CROSS JOIN LATERAL (
        SELECT {columns}, {kept} FROM traces
        WHERE project_id = %s AND started_at = found.started_at AND facets_hash = found.facets_hash LIMIT 1
    ) AS one
),
apart AS (
    SELECT grouping({columns}) AS which, {columns}, {sums} FROM grouped GROUP BY GROUPING SETS ({each})
)
"""
# One more than are wanted says that there are more.
_FITTING = """(
    SELECT '{field}' AS field, facets_hash::text AS value, counted::bigint FROM grouped
    WHERE kept{place} LIMIT {most} + 1
)"""
_FOUND = """(
    SELECT '{field}' AS field, {column}::text AS value, counted::bigint FROM ({source}) AS found
    WHERE {column}::text <> '' AND counted > 0 ORDER BY counted DESC, {column}::text COLLATE "C" LIMIT {most}
)"""
_ONE = "SELECT {column}, counted{place} AS counted FROM apart WHERE which = {which}"
_ITEMS = """
SELECT item AS {column}, sum(counted{place}) AS counted
FROM apart CROSS JOIN unnest({column}) AS item WHERE which = {which} GROUP BY item
"""
_USERS = "SELECT user_id, sum(counted) AS counted FROM ({users}) AS traces WHERE {condition} GROUP BY user_id"


@dataclass(frozen=True, slots=True)
class Counting:
    """What to count of what there is: fields, the condition of each on `traces` if it has one, and how many values
    are enough of a field where all of it is counted at once.

    The field `HASH` stands for the hashes themselves, of which a window gives one more than `MOST_HASHES` at most.
    """

    fields: list[str]
    conditions: dict[str, Q] = field(default_factory=dict)
    enough: dict[str, int] = field(default_factory=dict)


def read_counts(project_id: int, window: Window, counting: Counting) -> list[tuple[str, str, int]]:
    """Return field, value and count, the frequent values first, of what is in the window. One statement.

    Raises `DayForgottenError` where one of the window's days has been forgotten.
    """
    days = [each.day for each in window.days]
    rows = spell_rows([each.values_list(*_MATCHED) for each in window.rows])
    if rows is None and not days:
        return []
    most = counting.enough if window.is_everything else {}
    hashed = [name for name in counting.fields if name not in (USER, HASH)]
    users = [counting.conditions.get(name, _EVERYTHING) for name in counting.fields if name == USER]
    parts: list[Sql] = []
    found: list[Sql] = []
    if rows is not None:
        groups = ["facets_hash"] * bool(hashed) + ["user_id, status" if kind else "user_id" for kind in users]
        parts.append(_spell_scanned(rows, groups))
    if hashed:
        given = {name: counting.conditions.get(name, _EVERYTHING) for name in counting.fields if name != USER}
        kinds = list(dict.fromkeys(given.values()))
        hashes = _add_days(rows and _SCANNED_HASHES, _REMEMBERED_HASHES, project_id, days)
        parts.append(_spell_apart(project_id, hashes, hashed, kinds))
        found += [_spell_field(name, hashed, kinds.index(given[name]), most) for name in hashed]
        if HASH in given:
            found.append((_FITTING.format(field=HASH, place=kinds.index(given[HASH]), most=MOST_HASHES), []))
    for kind in users:
        remembered = _REMEMBERED_USERS.format(status="unnest(user_statuses)" if kind else "NULL")
        found.append(_spell_users(_add_days(rows and _SCANNED_USERS, remembered, project_id, days), kind, most))
    if days:
        found.append((_DAYS, [project_id, days]))
    counted = run(join("", [("WITH " if parts else "", []), join(", ", parts), join(" UNION ALL ", found)]))
    if days and ("", None, len(days)) not in counted:
        raise DayForgottenError
    return [row for row in counted if row[0]]


def _spell_scanned(rows: Sql, groups: list[str]) -> Sql:
    """Return the part that counts rows by each of the groups; columns of none of them are null."""
    grouped = ", ".join(groups)
    types = {"facets_hash": "bigint", "user_id": "text", "status": "text"}
    columns = ", ".join(name if name in grouped else f"NULL::{kind} AS {name}" for name, kind in types.items())
    sets = ", ".join(f"({group})" for group in groups)
    return _SCANNED.format(columns=columns, rows=rows[0], sets=sets), rows[1]


def _add_days(scanned: object, remembered: str, project_id: int, days: list[date]) -> Sql:
    parts: list[Sql] = [(str(scanned), [])] if scanned else []
    return join(" UNION ALL ", [*parts, (remembered, [project_id, days])] if days else parts)


def _spell_apart(project_id: int, hashes: Sql, hashed: list[str], kinds: list[Q]) -> Sql:
    columns = ", ".join(COLUMNS[name] for name in hashed)
    conditions = [spell_condition(kind) for kind in kinds]
    text = _APART.format(
        columns=columns,
        sums=", ".join(f"sum(counted) FILTER (WHERE kept{place}) AS counted{place}" for place in range(len(kinds))),
        hashes=hashes[0],
        kept=", ".join(f"({condition}) AS kept{place}" for place, (condition, _) in enumerate(conditions)),
        each=", ".join(f"({COLUMNS[name]})" for name in hashed),
    )
    return text, [*hashes[1], *(each for _, parameters in conditions for each in parameters), project_id]


def _spell_field(name: str, hashed: list[str], place: int, most: Mapping[str, int]) -> Sql:
    # `grouping` has a bit for each column, the first one highest: set where the row is not about it.
    which = (1 << len(hashed)) - 1 - (1 << (len(hashed) - 1 - hashed.index(name)))
    source = (_ITEMS if name in LISTS else _ONE).format(column=COLUMNS[name], which=which, place=place)
    return _spell_found(name, source, most), []


def _spell_users(users: Sql, condition: Q, most: Mapping[str, int]) -> Sql:
    text, parameters = spell_condition(condition)
    source = _USERS.format(users=users[0], condition=text)
    return _spell_found(USER, source, most), [*users[1], *parameters]


def _spell_found(name: str, source: str, most: Mapping[str, int]) -> str:
    return _FOUND.format(field=name, column=COLUMNS[name], source=source, most=most.get(name, MOST_IN_WINDOW))
