"""Organizations and projects: make and rename them. A slug never changes by itself, since addresses name it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db import IntegrityError, models, transaction
from django.utils.text import slugify

from observability.errors import InvalidError
from observability.models import Membership, Organization, Project, Role, User

_SLUG_LENGTH = 60

Row = TypeVar("Row", bound=models.Model)


@transaction.atomic
def create_organization(
    *, name: str, owner: User | None = None, plan: str = Organization.Plan.FREE, slug: str = ""
) -> Organization:
    """Make an organization, owned by a person at once. Raises `InvalidError` naming the field.

    Without a slug one is made from the name, with a number behind it when it is taken.
    """
    name = _check_name(name)
    if plan not in Organization.Plan.values:
        raise InvalidError(f"plan: choose from {', '.join(Organization.Plan.values)}")
    organization = _insert_with_slug(
        lambda free: Organization(name=name, plan=plan, slug=free), name=name, slug=slug, fallback="organization"
    )
    if owner is not None:
        Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    return organization


@transaction.atomic
def create_project(*, organization: Organization, name: str, slug: str = "") -> Project:
    """Make a project of the organization. Raises `InvalidError` naming the field; slugs as in `create_organization`."""
    name = _check_name(name)
    return _insert_with_slug(
        lambda free: Project(organization=organization, name=name, slug=free), name=name, slug=slug, fallback="project"
    )


def rename_organization(*, organization: Organization, name: str) -> None:
    """Change the name that people read; addresses stay. Raises `InvalidError`."""
    organization.name = _check_name(name)
    organization.save(update_fields=["name"])


def rename_project(*, project: Project, name: str, slug: str = "") -> None:
    """Change the name that people read, and with a slug the addresses too. Raises `InvalidError` naming the field."""
    project.name = _check_name(name)
    if not slug or slug == project.slug:
        project.save(update_fields=["name"])
        return
    if slugify(slug) != slug or len(slug) > _SLUG_LENGTH:
        raise InvalidError(f"slug: only small letters, digits, - and _, at most {_SLUG_LENGTH}")
    project.slug = slug
    try:
        with transaction.atomic():
            project.save(update_fields=["name", "slug"])
    except IntegrityError as error:
        raise InvalidError(f"slug: {slug!r} is taken") from error


def change_plan(*, organization: Organization, plan: str) -> None:
    """Put the organization on another plan. Raises `InvalidError`."""
    if plan not in Organization.Plan.values:
        raise InvalidError(f"plan: choose from {', '.join(Organization.Plan.values)}")
    organization.plan = plan
    organization.save(update_fields=["plan"])


def _check_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 100 or "\x00" in name:
        raise InvalidError("name: give 1 to 100 characters")
    return name


def _insert_with_slug(make: Callable[[str], Row], *, name: str, slug: str, fallback: str) -> Row:
    """Insert the row with the given slug, or with the first free one made from the name.

    The unique constraint decides what is free, so two requests at once get two slugs.
    """
    if slug and slugify(slug) != slug:
        raise InvalidError("slug: only small letters, digits, - and _")
    for candidate in [slug] if slug else _list_slugs(name, fallback):
        row = make(candidate[:_SLUG_LENGTH])
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            continue
        return row
    raise InvalidError(f"slug: {slug!r} is taken")


def _list_slugs(name: str, fallback: str) -> Iterator[str]:
    """Yield `acme`, `acme-2` to `acme-9`, then `acme-` and a random end."""
    base = slugify(name)[: _SLUG_LENGTH - 10].strip("-_") or fallback
    yield base
    yield from (f"{base}-{number}" for number in range(2, 10))
    yield f"{base}-{secrets.token_hex(4)}"
