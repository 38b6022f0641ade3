from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError
from observability.models import ApiKey, Organization, Project, Scope, User
from observability.services import keys
from observability.services.keys import NewKey, authenticate_key, check_key, create_key, revoke_key, rotate_key


class Clock:
    """The time, which passes when a test says so."""

    def __init__(self) -> None:
        self._start = timezone.now()
        self.seconds = 0.0

    def now(self) -> datetime:
        """Stand in for `timezone.now`."""
        return self._start + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Stand in for `time.monotonic`."""
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(timezone, "now", made.now)
    monkeypatch.setattr(keys, "time", made)
    return made


def test_create_key__random__text_is_public_id_and_secret_and_only_the_hash_is_stored(project: Project) -> None:
    new = create_key(project=project, name="CI", scopes=["ingest"])

    public_id, secret = new.text.split(".")
    stored = ApiKey.objects.get(public_id=public_id)
    assert stored.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert len(secret) == 48
    assert secret not in repr(ApiKey.objects.filter(pk=stored.pk).values())


def test_create_key__given_text__works(project: Project) -> None:
    create_key(project=project, name="Compose", scopes=["read"], text="ed_given.0123456789abcdef0123")

    identity = check_key("ed_given.0123456789abcdef0123")

    assert identity is not None
    assert identity.scopes == {"read"}


@pytest.mark.parametrize(
    "text", ["ed_short.secret", "nodot0123456789abcdef0123456789", f"{'x' * 41}.{'s' * 40}", f"ed_1.{'é' * 40}"]
)
def test_create_key__unusable_text__names_the_field(project: Project, text: str) -> None:
    with pytest.raises(InvalidError, match="api key: "):
        create_key(project=project, name="Bad", scopes=["read"], text=text)


@pytest.mark.parametrize("scopes", [[], ["everything"]])
def test_create_key__unusable_scopes__names_the_field(project: Project, scopes: list[str]) -> None:
    with pytest.raises(InvalidError, match="scopes: "):
        create_key(project=project, name="Bad", scopes=scopes)


def test_check_key__right_text__says_whom_it_speaks_for(
    api_key: NewKey, project: Project, organization: Organization
) -> None:
    identity = check_key(api_key.text)

    assert identity is not None
    assert identity.project_id == project.pk
    assert identity.organization_id == organization.pk
    assert identity.scopes == {Scope.INGEST, Scope.READ}


@pytest.mark.parametrize(
    "text",
    ["", ".", "ed_unknown.secret", "no dot", "\x00.\x00", "é.é", "\ud800.x", f"{'x' * 5000}.{'y' * 5000}"],
)
def test_check_key__unknown_text__speaks_for_nobody(project: Project, text: str) -> None:
    assert check_key(text) is None


def test_check_key__right_public_id_wrong_secret__speaks_for_nobody(api_key: NewKey) -> None:
    public_id = api_key.key.public_id

    assert check_key(f"{public_id}.{'0' * 48}") is None
    assert check_key(f"{public_id}.") is None
    assert check_key(f"{public_id}.{api_key.key.secret_hash}") is None


def test_check_key__used__remembers_when_at_most_once_a_minute(api_key: NewKey) -> None:
    check_key(api_key.text)
    first = ApiKey.objects.get(pk=api_key.key.pk).last_used_at
    keys.forget_keys()

    check_key(api_key.text)

    assert first is not None
    assert ApiKey.objects.get(pk=api_key.key.pk).last_used_at == first


def test_check_key__used_again_later__updates_last_used(api_key: NewKey) -> None:
    before = timezone.now() - timedelta(hours=1)
    ApiKey.objects.filter(pk=api_key.key.pk).update(last_used_at=before)

    check_key(api_key.text)

    last_used_at = ApiKey.objects.get(pk=api_key.key.pk).last_used_at
    assert last_used_at is not None
    assert last_used_at > before


def test_check_key__expired__speaks_for_nobody(project: Project) -> None:
    expired = create_key(project=project, name="Old", scopes=["read"], expires_at=timezone.now() - timedelta(seconds=1))

    assert check_key(expired.text) is None


def test_check_key__expires_while_remembered__stops_at_once(project: Project, clock: Clock) -> None:
    new = create_key(project=project, name="Short", scopes=["read"], expires_at=clock.now() + timedelta(seconds=2))
    assert check_key(new.text) is not None

    clock.seconds = 2

    assert check_key(new.text) is None


@pytest.mark.django_db(transaction=True)
def test_revoke_key__this_process__stops_at_once_and_for_good(api_key: NewKey) -> None:
    assert check_key(api_key.text) is not None

    revoke_key(key=api_key.key)
    revoke_key(key=api_key.key)

    assert check_key(api_key.text) is None
    assert ApiKey.objects.get(pk=api_key.key.pk).state == "revoked"


def test_check_key__revoked_by_another_process__works_on_no_longer_than_remembered(
    api_key: NewKey, clock: Clock
) -> None:
    assert check_key(api_key.text) is not None

    ApiKey.objects.filter(pk=api_key.key.pk).update(revoked_at=timezone.now())

    assert check_key(api_key.text) is not None
    clock.seconds = keys.REMEMBER_SECONDS + 1
    assert check_key(api_key.text) is None


def test_check_key__asked_twice__queries_once(
    api_key: NewKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    check_key(api_key.text)

    with django_assert_num_queries(0):
        check_key(api_key.text)


@pytest.mark.django_db(transaction=True)
def test_rotate_key__active__both_work_until_the_overlap_ends(api_key: NewKey, owner: User, clock: Clock) -> None:
    new = rotate_key(key=api_key.key, rotated_by=owner, overlap=timedelta(hours=1))

    assert check_key(api_key.text) is not None
    assert check_key(new.text) is not None
    assert new.text != api_key.text
    clock.seconds = 3600
    assert check_key(api_key.text) is None
    assert check_key(new.text) is not None


def test_rotate_key__active__successor_has_name_and_scopes_and_is_named(api_key: NewKey, owner: User) -> None:
    new = rotate_key(key=api_key.key, rotated_by=owner)

    old = ApiKey.objects.get(pk=api_key.key.pk)
    assert (new.key.name, new.key.scopes, new.key.created_by) == (old.name, old.scopes, owner)
    assert old.replaced_by == new.key


def test_rotate_key__expires_before_the_overlap_ends__keeps_its_own_end(project: Project) -> None:
    soon = timezone.now() + timedelta(hours=1)
    key = create_key(project=project, name="Short", scopes=["read"], expires_at=soon).key

    rotate_key(key=key, rotated_by=None)

    assert ApiKey.objects.get(pk=key.pk).expires_at == soon


def test_rotate_key__rotated_before__is_refused(api_key: NewKey, owner: User) -> None:
    rotate_key(key=api_key.key, rotated_by=owner)

    with pytest.raises(InvalidError, match="key: "):
        rotate_key(key=api_key.key, rotated_by=owner)


def test_rotate_key__revoked__is_refused(api_key: NewKey, owner: User) -> None:
    revoke_key(key=api_key.key)

    with pytest.raises(InvalidError, match="key: "):
        rotate_key(key=api_key.key, rotated_by=owner)


@pytest.mark.django_db(transaction=True)
async def test_authenticate_key__right_text__speaks_for_its_project(api_key: NewKey, project: Project) -> None:
    identity = await authenticate_key(api_key.text)

    assert identity is not None
    assert identity.project_id == project.pk
