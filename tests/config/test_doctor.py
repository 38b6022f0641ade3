"""`manage.py doctor`. With worker and beat alive it is run in test_up.py."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pytest_django import Settings

from config.diagnosis import check_disk, check_keys, check_native
from observability.ingest import native
from observability.services.heartbeat import get_last_heartbeat, record_heartbeat
from observability.services.partitions import drop_partitions, ensure_current_partitions

pytestmark = pytest.mark.django_db


def run_doctor() -> tuple[int, dict[str, str]]:
    """Return the exit code, and the text of each line by the name it begins with."""
    out = StringIO()
    try:
        call_command("doctor", stdout=out, no_color=True)
        code = 0
    except SystemExit as end:
        code = int(str(end.code))
    blocks = out.getvalue().replace("\n       ", " ").splitlines()
    return code, {line[7:37].strip(): line[:5].strip() + " " + line[38:].strip() for line in blocks if line}


def test_doctor__without_worker_and_beat__says_what_is_wrong_and_what_to_do() -> None:
    ensure_current_partitions()

    code, lines = run_doctor()

    assert code == 1
    assert lines["Postgres"].startswith("ok")
    assert lines["migrations"] == "ok all applied"
    assert lines["partitions of events"] == f"ok {configured.PARTITION_DAYS_AHEAD} days ahead"
    assert lines["Valkey"].startswith("ok")
    assert lines["worker"].startswith("WRONG no answer")
    assert "manage.py up" in lines["worker"]
    assert lines["beat"].startswith("WRONG no heartbeat sent yet")


def test_doctor__of_ingest__says_whether_it_is_compiled_and_finds_it_well_either_way() -> None:
    _, lines = run_doctor()

    assert lines["ingest"].startswith("ok compiled" if native.is_compiled() else "ok in Python, at a lower speed")


@pytest.mark.parametrize(
    ("notes", "reason"),
    [({"kernels.failed": "no compiler works here\ncc: error\n"}, "no compiler works here"), ({}, "never compiled")],
)
def test_check_native__of_what_is_not_compiled__names_reason_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: dict[str, str], reason: str
) -> None:
    monkeypatch.setattr(native, "_library", None)
    for name, text in notes.items():
        (tmp_path / name).write_text(text)

    finding = check_native(tmp_path / "kernels.so")

    assert finding.detail == f"in Python, at a lower speed: {reason}"
    assert finding.remedy == "install a C compiler (gcc or clang) and run `python3 manage.py setup`"
    assert finding.is_ok


def test_doctor__with_a_recent_heartbeat__finds_beat_and_queue_well() -> None:
    every, _ = IntervalSchedule.objects.get_or_create(every=15, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="heartbeat", task="heartbeat", interval=every, last_run_at=timezone.now())
    record_heartbeat()

    _, lines = run_doctor()

    assert lines["beat"].startswith("ok heartbeat sent")
    assert lines["queue"].startswith("ok heartbeat done")
    assert get_last_heartbeat() is not None


def test_doctor__without_partitions__says_which_table_lacks_them() -> None:
    ensure_current_partitions()
    drop_partitions(timezone.now().date() + timedelta(days=100))

    _, lines = run_doctor()

    assert lines["partitions of log_records"].startswith("WRONG none for today")
    assert "manage.py init" in lines["partitions of log_records"]


def test_doctor__without_postgres__does_not_repeat_itself(settings: Settings) -> None:
    settings.DATABASE_URL = "postgres://playhead@/playhead?host=/nonexistent"

    code, lines = run_doctor()

    assert code == 1
    assert lines["Postgres"].startswith("WRONG")
    assert "correct DATABASE_URL" in lines["Postgres"]
    assert "migrations" not in lines
    assert lines["Valkey"].startswith("ok")


def test_doctor__without_valkey__goes_on_with_the_rest(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"

    code, lines = run_doctor()

    assert code == 1
    assert "correct REDIS_URL" in lines["Valkey"]
    assert "worker" not in lines
    assert lines["disk"].startswith("ok")


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [([], "set PLAYHEAD_ENCRYPTION_KEYS"), (["short"], "set PLAYHEAD_ENCRYPTION_KEYS to Fernet keys")],
)
def test_check_keys__that_are_missing_or_malformed__names_the_setting(
    settings: Settings, keys: list[str], remedy: str
) -> None:
    settings.ENCRYPTION_KEYS = keys

    assert check_keys().remedy == remedy


def test_check_keys__without_a_secret_key__says_so(settings: Settings) -> None:
    settings.SECRET_KEY = ""

    assert "set PLAYHEAD_SECRET_KEY" in check_keys().remedy


def test_check_disk__of_a_folder_yet_to_be_made__looks_at_where_it_would_be() -> None:
    assert check_disk(configured.BASE_DIR / "not" / "there" / "yet").is_ok
