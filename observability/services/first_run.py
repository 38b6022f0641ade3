"""What a new installation needs before anybody can use it: an organization, a project, a person and a key.

Several containers may run this at the same moment. It happens in one transaction, and the unique slug of the first
organization is the gate:

1. Whoever inserts the organization goes on to make the rest. A crash before the commit leaves nothing behind.
2. Whoever comes second waits in its insert until the first has committed, then finds the organization and does what
   every later run does: see that a given key exists. It learns no secret, so it prints none.
3. Later runs lock the project's row first, so that two of them cannot both miss the key.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.utils.text import slugify

from observability.models import ApiKey, Membership, Organization, Project, Role, Scope, User
from observability.models.tenancy import DEMO_KEY_NAME
from observability.services.accounts import create_person, find_person
from observability.services.keys import NewKey, create_key, find_active_key, has_secret, revoke_key

FIRST_SCOPES = [Scope.INGEST.value, Scope.READ.value, Scope.RERUN.value]
"""What it takes to send, to read, and to run again what was sent."""
DEMO_SCOPES = [*FIRST_SCOPES, Scope.DEBUG.value]
"""The demo's extension prints, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRun:
    """What the operator asked for; empty secrets are made at random."""

    organization: str = "My organization"
    project: str = "Default"
    admin_email: str = "admin@localhost"
    admin_password: str = ""
    api_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRunResult:
    """What was made. `password` is here only when it was made at random just now, `key` only when it was made.

    `problem` is a sentence for the operator about a given key that cannot be used.
    """

    is_first: bool
    project: Project | None
    admin_email: str = ""
    password: str = ""
    key: NewKey | None = None
    problem: str = ""


@transaction.atomic
def prepare_first_run(asked: FirstRun) -> FirstRunResult:
    """Make the first tenant, or on later runs only a given key that is missing. Idempotent, safe to run twice at once.

    Raises `InvalidError` naming the value that cannot be used; then nothing was made.
    """
    if Organization.objects.exists():
        return _ensure_given_key(asked)
    slug = slugify(asked.organization)[:60] or "organization"
    organization, is_first = Organization.objects.get_or_create(slug=slug, defaults={"name": asked.organization})
    if not is_first:
        return _ensure_given_key(asked)
    project = Project.objects.create(
        organization=organization, name=asked.project, slug=slugify(asked.project)[:60] or "default"
    )
    owner, password = _ensure_admin(asked)
    Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    key = create_key(
        project=project, name="First key", scopes=FIRST_SCOPES, created_by=owner, text=asked.api_key or None
    )
    return FirstRunResult(is_first=True, project=project, admin_email=owner.email, password=password, key=key)


def _ensure_admin(asked: FirstRun) -> tuple[User, str]:
    """Return the first admin, and the password if one was made at random."""
    found = find_person(asked.admin_email)
    if found is not None:
        found.is_staff = found.is_superuser = found.is_active = True
        found.save(update_fields=["is_staff", "is_superuser", "is_active"])
        return found, ""
    password = asked.admin_password or secrets.token_urlsafe(12)
    user = create_person(email=asked.admin_email, password=password, is_admin=True)
    return user, "" if asked.admin_password else password


def _ensure_given_key(asked: FirstRun) -> FirstRunResult:
    project = _lock_first_project(asked)
    if project is None or not asked.api_key:
        return FirstRunResult(is_first=False, project=project)
    public_id, _, secret = asked.api_key.partition(".")
    found = ApiKey.objects.filter(public_id=public_id).first()
    if found is None:
        key = create_key(project=project, name="Given key", scopes=FIRST_SCOPES, text=asked.api_key)
        return FirstRunResult(is_first=False, project=project, key=key)
    problem = ""
    if not has_secret(found, secret):
        problem = f"The given API key has the public id of the existing key {public_id}, but another secret."
    elif found.state != "active":
        problem = f"The given API key {public_id} is {found.state}; it stays so. Give another one."
    return FirstRunResult(is_first=False, project=project, problem=problem)


def _lock_first_project(asked: FirstRun) -> Project | None:
    """Return the project that was asked for at the first run, or else the oldest one."""
    projects = Project.objects.select_for_update(of=("self",)).order_by("id")
    asked_for = projects.filter(slug=slugify(asked.project), organization__slug=slugify(asked.organization)).first()
    return asked_for or projects.first()


@transaction.atomic
def ensure_demo_key(file: Path) -> NewKey | None:
    """See that the file holds a working key for the demo agents; return the key if one had to be made.

    Made anew when the file is missing, or its key no longer works or may do less than the agents do; the keys that it
    held before are revoked, since nobody needs them. The file is readable by its owner only. Returns None as well when
    there is no project.
    """
    project = Project.objects.select_for_update().order_by("id").first()
    if project is None or _holds_working_key(file):
        return None
    for old in ApiKey.objects.filter(project=project, name=DEMO_KEY_NAME, created_by=None, revoked_at=None):
        revoke_key(key=old)
    key = create_key(project=project, name=DEMO_KEY_NAME, scopes=DEMO_SCOPES)
    _write_secret(file, key.text)
    return key


def _holds_working_key(file: Path) -> bool:
    try:
        found = find_active_key(file.read_text().strip())
    except OSError:
        return False
    return found is not None and set(DEMO_SCOPES) <= set(found.scopes)


def _write_secret(file: Path, text: str) -> None:
    """Put the whole text in place at once: whoever reads sees the old file or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # `mkstemp` makes it readable by its owner only.
    handle, path = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "w") as opened:
        opened.write(f"{text}\n")
    Path(path).replace(file)
