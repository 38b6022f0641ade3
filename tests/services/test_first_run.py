from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from observability.models import ApiKey, Membership, Organization, Project, Role, User
from observability.services.first_run import FirstRun, FirstRunResult, ensure_demo_key, prepare_first_run
from observability.services.keys import check_key, find_active_key, revoke_key
from observability.services.partitions import count_days_ahead

GIVEN_KEY = "ed_compose.0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _no_given_values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("INIT_ORGANIZATION", "INIT_PROJECT", "INIT_API_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD", "DEMO"):
        monkeypatch.delenv(f"PLAYHEAD_{name}", raising=False)
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)


def _init(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    call_command("init", *arguments)
    return capsys.readouterr()


@pytest.mark.django_db
def test_init__empty_database__makes_and_prints_what_works(capsys: pytest.CaptureFixture[str]) -> None:
    output, _ = _init(capsys)

    lines = dict(line.strip().split("  ", 1) for line in output.splitlines() if line.startswith("    "))
    shown = {label: value.strip() for label, value in lines.items()}
    user = User.objects.get(email=shown["Sign in as"])
    assert user.check_password(shown["Password"])
    assert user.is_superuser and user.is_staff
    assert Membership.objects.get(user=user).role == Role.OWNER
    identity = check_key(shown["API key"])
    assert identity is not None
    assert identity.scopes == {"ingest", "read", "rerun"}
    assert identity.project_id == Project.objects.get().pk
    assert count_days_ahead() == settings.PARTITION_DAYS_AHEAD


@pytest.mark.django_db
def test_init__second_run__prints_and_makes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _init(capsys)

    output, errors = _init(capsys)

    assert (output, errors) == ("", "")
    assert ApiKey.objects.count() == Organization.objects.count() == User.objects.count() == 1


@pytest.mark.django_db
def test_init__everything_given__is_used_and_not_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_INIT_ORGANIZATION", "Acme Ltd")
    monkeypatch.setenv("PLAYHEAD_INIT_PROJECT", "Support desk")
    monkeypatch.setenv("PLAYHEAD_INIT_API_KEY", GIVEN_KEY)
    monkeypatch.setenv("PLAYHEAD_ADMIN_EMAIL", "Ops@Example.com")
    monkeypatch.setenv("PLAYHEAD_ADMIN_PASSWORD", "a-long-enough-passphrase")

    output, errors = _init(capsys)

    assert Organization.objects.get().slug == "acme-ltd"
    assert Project.objects.get().slug == "support-desk"
    assert check_key(GIVEN_KEY) is not None
    assert User.objects.get(email__iexact="ops@example.com").check_password("a-long-enough-passphrase")
    assert "a-long-enough-passphrase" not in output + errors
    assert GIVEN_KEY not in output + errors
    assert errors == ""


@pytest.mark.django_db
def test_init__weak_password_given__is_used_with_a_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_ADMIN_PASSWORD", "admin")

    _, errors = _init(capsys)

    assert User.objects.get().check_password("admin")
    assert "PLAYHEAD_ADMIN_PASSWORD is weak" in errors


@pytest.mark.django_db
def test_init__key_given_later__is_made_once_in_the_first_project(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _init(capsys)
    monkeypatch.setenv("PLAYHEAD_INIT_API_KEY", GIVEN_KEY)

    first, _ = _init(capsys)
    second, errors = _init(capsys)

    assert "Made the given API key ed_compose" in first
    assert GIVEN_KEY not in first
    assert (second, errors) == ("", "")
    assert check_key(GIVEN_KEY) is not None


@pytest.mark.django_db
def test_init__given_key_was_revoked__stays_revoked_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_INIT_API_KEY", GIVEN_KEY)
    _init(capsys)
    revoke_key(key=ApiKey.objects.get())

    _, errors = _init(capsys)

    assert "ed_compose is revoked" in errors
    assert ApiKey.objects.get().state == "revoked"


@pytest.mark.django_db
def test_init__given_key_has_another_secret__says_so_and_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_INIT_API_KEY", GIVEN_KEY)
    _init(capsys)
    monkeypatch.setenv("PLAYHEAD_INIT_API_KEY", f"{GIVEN_KEY}x")

    _, errors = _init(capsys)

    assert "another secret" in errors
    assert check_key(GIVEN_KEY) is not None


@pytest.mark.django_db
def test_init__unusable_key_given__is_refused_and_nothing_is_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_INIT_API_KEY", "not-a-key")

    with pytest.raises(CommandError, match="api key: give it as"):
        _init(capsys)

    assert not Organization.objects.exists()
    assert not User.objects.exists()


@pytest.mark.django_db
def test_init__unusable_address_given__is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_ADMIN_EMAIL", "nobody")

    with pytest.raises(CommandError, match="email: 'nobody' is not an email address"):
        _init(capsys)


def test_init__person_exists__becomes_owner_and_keeps_the_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stranger: User
) -> None:
    monkeypatch.setenv("PLAYHEAD_ADMIN_EMAIL", "Stranger@example.com")

    output, _ = _init(capsys)

    before = stranger.password
    stranger.refresh_from_db()
    assert stranger.is_superuser
    assert stranger.password == before
    assert "unchanged" in output


@pytest.mark.django_db
def test_init__json__is_one_line_a_script_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(_init(capsys, "--json")[0])
    second = json.loads(_init(capsys, "--json")[0])

    assert check_key(first["api_key"]) is not None
    assert first["is_first"] and not second["is_first"]
    assert (second["api_key"], second["password"]) == ("", "")


@pytest.mark.django_db
def test_init__demo__writes_a_working_key_that_only_its_owner_reads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLAYHEAD_DEMO", "1")

    _init(capsys)

    file = tmp_path / "demo_key"
    assert check_key(file.read_text().strip()) is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_ensure_demo_key__file_holds_a_working_key__leaves_it(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "demo_key"
    ensure_demo_key(file)
    before = file.read_text()

    assert ensure_demo_key(file) is None
    assert file.read_text() == before


def test_ensure_demo_key__key_of_an_earlier_release__is_replaced_by_one_that_may_do_more(
    project: Project, tmp_path: Path
) -> None:
    first = ensure_demo_key(tmp_path / "demo_key")
    assert first is not None
    ApiKey.objects.filter(pk=first.key.pk).update(scopes=["ingest", "read"])

    second = ensure_demo_key(tmp_path / "demo_key")

    assert second is not None
    assert second.key.scopes == ["ingest", "read", "rerun", "debug"]
    assert find_active_key(first.text) is None


def test_ensure_demo_key__file_lost__makes_a_new_key_and_revokes_the_lost_one(project: Project, tmp_path: Path) -> None:
    first = ensure_demo_key(tmp_path / "demo_key")
    (tmp_path / "demo_key").unlink()

    second = ensure_demo_key(tmp_path / "demo_key")

    assert first is not None and second is not None
    assert check_key(first.text) is None
    assert check_key(second.text) is not None


def test_ensure_demo_key__key_was_revoked__makes_a_new_one(project: Project, tmp_path: Path) -> None:
    first = ensure_demo_key(tmp_path / "demo_key")
    assert first is not None
    revoke_key(key=first.key)

    second = ensure_demo_key(tmp_path / "demo_key")

    assert second is not None
    assert (tmp_path / "demo_key").read_text().strip() == second.text


@pytest.mark.django_db(transaction=True)
def test_prepare_first_run__four_containers_at_once__one_is_first_and_all_succeed() -> None:
    asked = FirstRun(organization="Acme", api_key=GIVEN_KEY)
    results: list[FirstRunResult] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        try:
            results.append(prepare_first_run(asked))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [result.problem for result in results] == [""] * 4
    assert sum(result.is_first for result in results) == 1
    assert Organization.objects.count() == Project.objects.count() == ApiKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_prepare_first_run__four_restarts_with_a_new_key__it_is_made_once(project: Project) -> None:
    asked = FirstRun(api_key=GIVEN_KEY)
    results: list[FirstRunResult] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        try:
            results.append(prepare_first_run(asked))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(result.key is not None for result in results) == 1
    assert ApiKey.objects.count() == 1
