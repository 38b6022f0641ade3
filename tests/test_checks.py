from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.test import override_settings

from config.single_sign_on import SingleSignOn

PROVIDER = SingleSignOn(issuer="https://login.example.com/realms/staff", client_id="playhead", secret="s")
BLOBS_ELSEWHERE = {"blobs": {"BACKEND": "no.such.Storage"}}


def _list_ids(**changed: Any) -> list[str]:
    with override_settings(**changed):
        return [str(message.id) for message in run_checks() if str(message.id).startswith("playhead.")]


def test_checks__settings_as_shipped__find_nothing() -> None:
    assert _list_ids(ENCRYPTION_KEYS=[Fernet.generate_key().decode()]) == []


@pytest.mark.parametrize("is_password_sign_in", [True, False])
def test_checks__provider_that_is_whole__find_nothing(is_password_sign_in: bool) -> None:
    keys = [Fernet.generate_key().decode()]

    assert _list_ids(SINGLE_SIGN_ON=PROVIDER, IS_PASSWORD_SIGN_IN=is_password_sign_in, ENCRYPTION_KEYS=keys) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"SECRET_KEY": ""}, "playhead.E001"),
        ({"ENCRYPTION_KEYS": ["too short"]}, "playhead.E002"),
        ({"ENCRYPTION_KEYS": []}, "playhead.W001"),
        ({"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}}, "playhead.E003"),
        ({"REDIS_URL": "localhost:6379"}, "playhead.E004"),
        ({"PUBLIC_URL": "playhead.example.com"}, "playhead.E005"),
        ({"PUBLIC_URL": "https://playhead.example.com/app"}, "playhead.E005"),
        ({"PUBLIC_URL": "http://localhost:port"}, "playhead.E005"),
        ({"PUBLIC_URL": "ftp://localhost"}, "playhead.E005"),
        ({"PUBLIC_URL": "https://playhead.example.com"}, "playhead.W002"),
        ({"INGEST_QUEUE_BYTES": 0}, "playhead.E006"),
        ({"INGEST_MAX_INFLIGHT_BYTES": 1}, "playhead.E007"),
        ({"PARTITION_DAYS_AHEAD": 0}, "playhead.E008"),
        ({"RETENTION_SHARE": 0}, "playhead.E014"),
        ({"RETENTION_SHARE": 1.5}, "playhead.E014"),
        ({"STORAGES": BLOBS_ELSEWHERE}, "playhead.E009"),
        ({"SINGLE_SIGN_ON": replace(PROVIDER, client_id="")}, "playhead.E010"),
        ({"SINGLE_SIGN_ON": replace(PROVIDER, secret="")}, "playhead.E010"),
        ({"SINGLE_SIGN_ON": replace(PROVIDER, issuer="http://login.example.com")}, "playhead.E011"),
        ({"SINGLE_SIGN_ON": replace(PROVIDER, issuer="login.example.com")}, "playhead.E011"),
        ({"SINGLE_SIGN_ON": replace(PROVIDER, role="owner")}, "playhead.E012"),
        ({"SINGLE_SIGN_ON": replace(PROVIDER, role="boss")}, "playhead.E012"),
        ({"IS_PASSWORD_SIGN_IN": False}, "playhead.E013"),
        ({"SINGLE_SIGN_ON": replace(PROVIDER, creates_accounts=True)}, "playhead.W003"),
    ],
)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")  # Nothing connects while it is wrong.
def test_checks__wrong_setting__is_named_alone_and_has_a_hint(changed: dict[str, Any], expected: str) -> None:
    keys = [Fernet.generate_key().decode()]

    with override_settings(**({"ENCRYPTION_KEYS": keys} | changed)):
        found = [message for message in run_checks() if str(message.id).startswith("playhead.")]

    assert [message.id for message in found] == [expected]
    assert found[0].hint


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000", "https://app.example.com:8443"]
)
def test_check_public_url__address_of_a_site__is_fine(url: str) -> None:
    keys = [Fernet.generate_key().decode()]

    assert (
        _list_ids(
            PUBLIC_URL=url, ALLOWED_HOSTS=[".example.com", "localhost", "[::1]", "127.0.0.1"], ENCRYPTION_KEYS=keys
        )
        == []
    )
