"""What `manage.py doctor` looks at: one function per dependency, each returning findings that a person can act on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError as QueueError

from config.celery import app
from config.env import DATA_DIR
from config.health import TIMEOUT_SECONDS, list_pending_migrations
from observability.ingest import native
from observability.ingest.native import build
from observability.services.heartbeat import LATE_AFTER, get_last_heartbeat
from observability.services.partitions import list_partitions
from observability.sql.store import PARTITIONED

OLDEST_POSTGRES = 15
OLDEST_VALKEY = (6, 2)
NEEDED_BYTES = 200 * 2**20
START = "start it with `python3 manage.py up`"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer. `remedy` is empty when there is nothing to do; an advice says what would be better."""

    name: str
    detail: str
    remedy: str = ""
    is_advice: bool = False

    @property
    def is_ok(self) -> bool:
        """Tell whether everything works."""
        return self.is_advice or not self.remedy


def diagnose() -> Iterator[Finding]:
    """Yield the findings in the order in which the parts depend on one another.

    What needs the database is not asked when that is down: its answer would only repeat the first.
    """
    postgres = check_postgres()
    yield postgres
    if postgres.is_ok:
        yield from _guard("migrations", check_migrations)
        yield from _guard("partitions", check_partitions)
    valkey = check_valkey()
    yield valkey
    if valkey.is_ok:
        yield from _guard("worker", check_worker)
    if postgres.is_ok and valkey.is_ok:
        yield from _guard("beat", check_beat)
        yield from _guard("queue", check_queue)
    yield check_native(build.find_library())
    yield check_keys()
    yield check_disk()


def check_postgres() -> Finding:
    """Reach it and read its version."""
    try:
        with psycopg.connect(settings.DATABASE_URL, connect_timeout=TIMEOUT_SECONDS) as database:
            version = database.info.server_version
    except psycopg.Error as error:
        return Finding("Postgres", _first_line(error), f"{START}, or correct DATABASE_URL")
    detail = f"{version // 10000}.{version % 10000} at {_describe_place(settings.DATABASE_URL)}"
    is_old = version // 10000 < OLDEST_POSTGRES
    return Finding("Postgres", detail, f"upgrade it to {OLDEST_POSTGRES} or newer" if is_old else "")


def check_migrations() -> Iterator[Finding]:
    """Compare code and database."""
    pending = list_pending_migrations()
    detail = f"{len(pending)} pending, first {pending[0]}" if pending else "all applied"
    yield Finding("migrations", detail, "run `python3 manage.py prepare`" if pending else "")


def check_partitions() -> Iterator[Finding]:
    """Count the days ahead that have a partition, table by table."""
    wanted = settings.PARTITION_DAYS_AHEAD
    for table in PARTITIONED:
        ahead = _count_days_ahead(table)
        # Beat makes them hourly, so one day short is a matter of minutes after midnight.
        is_short = ahead < wanted - 1
        detail = f"{ahead} days ahead" if ahead >= 0 else "none for today"
        yield Finding(
            f"partitions of {table}", detail, "run `python3 manage.py init`; beat makes them hourly" * is_short
        )


def check_valkey() -> Finding:
    """Reach it, read its version, and see that it never drops a task to make room."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        ) as client:
            info = client.info()
    except redis.RedisError as error:
        return Finding("Valkey", _first_line(error), f"{START}, or correct REDIS_URL")
    version = str(info.get("valkey_version") or info["redis_version"])
    detail = f"{version} at {_describe_place(settings.REDIS_URL)}"
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VALKEY:
        return Finding("Valkey", detail, "upgrade it to Valkey 7.2 or Redis 6.2 or newer")
    if info["maxmemory_policy"] != "noeviction":
        return Finding("Valkey", f"{detail}, {info['maxmemory_policy']}", "set its maxmemory-policy to noeviction")
    return Finding("Valkey", detail)


def check_worker() -> Iterator[Finding]:
    """Ask the workers to answer a ping."""
    answers = app.control.ping(timeout=1.5)
    detail = f"{len(answers)} answering" if answers else "no answer"
    yield Finding("worker", detail, "" if answers else f"{START}, or `celery --app config worker`")


def check_beat() -> Iterator[Finding]:
    """See when beat last sent the heartbeat; it writes that to the database each time."""
    sent = PeriodicTask.objects.filter(name="heartbeat").values_list("last_run_at", flat=True).first()
    yield Finding(
        "beat", _describe_age("sent", sent), "" if _is_recent(sent) else f"{START}, or `celery --app config beat`"
    )


def check_queue() -> Iterator[Finding]:
    """See when a worker last did the heartbeat, and how many tasks wait."""
    with app.connection_for_read() as connection:
        channel: Any = connection.default_channel
        waiting = channel.client.llen(app.conf.task_default_queue)
    done = get_last_heartbeat()
    detail = f"{_describe_age('done', done)}, {waiting} tasks waiting"
    yield Finding(
        "queue", detail, "" if _is_recent(done) else "see that worker and beat run and that tasks do not hang"
    )


def check_native(library: Path) -> Finding:
    """See whether ingest has its steps in C. It works without, so no container is unwell for that."""
    if native.is_compiled():
        return Finding("ingest", "compiled")
    note = build.find_note(library)
    reason = note.read_text().splitlines()[0] if note.exists() else "never compiled"
    return Finding("ingest", f"in Python, at a lower speed: {reason}", build.REMEDY, is_advice=True)


def check_keys() -> Finding:
    """See that the keys are there and well formed; they are not shown."""
    try:
        settings.SECRET_KEY  # noqa: B018 - Django raises for an empty one
    except ImproperlyConfigured:
        return Finding("keys", "no secret key", "start `python3 manage.py up` once, or set PLAYHEAD_SECRET_KEY")
    try:
        keys = [Fernet(key) for key in settings.ENCRYPTION_KEYS]
    except ValueError:
        return Finding("keys", "a malformed encryption key", "set PLAYHEAD_ENCRYPTION_KEYS to Fernet keys")
    if not keys:
        return Finding("keys", "no encryption key", "set PLAYHEAD_ENCRYPTION_KEYS")
    return Finding("keys", f"secret key and {len(keys)} encryption key{'s' * (len(keys) > 1)}")


def check_disk(folder: Path = DATA_DIR) -> Finding:
    """See how much room the data folder has."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    remedy = "make room: below 200 MB `up` does not start" if free < NEEDED_BYTES else ""
    return Finding("disk", f"{free / 2**30:,.1f} GB free for {folder}", remedy)


def _guard(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Turn a failure of the thing looked at into a finding."""
    try:
        yield from check()
    except (DatabaseError, redis.RedisError, QueueError, OSError) as error:
        yield Finding(name, _first_line(error), "see the lines above")


def _count_days_ahead(table: str) -> int:
    """Return how many days after today have a partition without a gap; -1 when today has none."""
    partitions = list_partitions(table)
    ahead, day = -1, timezone.now().date()
    while any(partition.covers(day) for partition in partitions):
        ahead, day = ahead + 1, day + timedelta(days=1)
    return ahead


def _is_recent(moment: datetime | None) -> bool:
    return moment is not None and timezone.now() - moment < LATE_AFTER


def _describe_age(what: str, moment: datetime | None) -> str:
    if moment is None:
        return f"no heartbeat {what} yet"
    return f"heartbeat {what} {(timezone.now() - moment).total_seconds():,.0f} s ago"


def _describe_place(url: str) -> str:
    """Return where a server is, without user and password."""
    if url.startswith(("unix:", "postgres://playhead@/")):
        return "a socket of this machine"
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}{f':{parts.port}' if parts.port else ''}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
