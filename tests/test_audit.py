from __future__ import annotations

import pytest
from auditlog.models import LogEntry
from django.test import Client

from observability.models import ApiKey, Organization, Project, User
from observability.services.keys import NewKey, check_key, revoke_key
from observability.services.tenancy import rename_organization
from tests.fixtures import PASSWORD


def test_audit__row_changed__keeps_old_and_new(organization: Organization) -> None:
    rename_organization(organization=organization, name="Acme Two")

    entry = LogEntry.objects.get_for_object(organization).latest("timestamp")
    assert entry.changes_dict == {"name": ["Acme", "Acme Two"]}


def test_audit__key_made_used_and_revoked__knows_no_secret(api_key: NewKey) -> None:
    check_key(api_key.text)
    revoke_key(key=api_key.key)

    entries = LogEntry.objects.get_for_object(api_key.key).order_by("timestamp")
    assert [entry.action for entry in entries] == [LogEntry.Action.CREATE, LogEntry.Action.UPDATE]
    assert list(entries[1].changes_dict) == ["revoked_at"]
    assert ApiKey.objects.get().secret_hash not in str([entry.changes_dict for entry in entries])


def test_audit__password_changed__is_told_without_the_hash(owner: User) -> None:
    owner.set_password("another-long-passphrase")
    owner.save()

    entry = LogEntry.objects.get_for_object(owner).latest("timestamp")
    assert entry.changes_dict["password"] == ["(hidden)", "(hidden)"]


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "no address", "X-Correlation-ID": "x" * 300}])
def test_audit__changed_in_a_request__names_who_and_the_connection(
    operator: User, project: Project, headers: dict[str, str]
) -> None:
    client = Client()
    client.force_login(operator)

    client.post(
        f"/admin/observability/user/{operator.pk}/password/",
        {"password1": f"{PASSWORD}-2", "password2": f"{PASSWORD}-2"},
        headers=headers,
    )

    entry = LogEntry.objects.get_for_object(operator).latest("timestamp")
    assert entry.actor == operator
    assert entry.remote_addr == "127.0.0.1"
    assert entry.cid is None
