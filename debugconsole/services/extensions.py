"""Registering what may be watched."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from debugconsole.models import Extension, ExtensionInstall
from debugconsole.services.audit import write_audit
from observability.errors import InvalidError
from observability.models import Project, User

_ID = re.compile(r"[!-~]{1,200}")
_CAPABILITY = re.compile(r"[a-z][a-z0-9_.:-]{0,59}")
MOST_CAPABILITIES = 50


@transaction.atomic
def create_extension(
    *,
    project: Project,
    extension_id: str,
    name: str = "",
    capabilities: list[str] | None = None,
    created_by: User | None = None,
) -> Extension:
    """Register an extension of a project. Raises `InvalidError` naming the field."""
    if not _ID.fullmatch(extension_id):
        raise InvalidError("extension_id: give 1 to 200 printable ASCII characters without spaces")
    made = Extension(
        project=project,
        organization=project.organization,
        extension_id=extension_id,
        name=_check_name(name),
        created_by=created_by,
    )
    if capabilities is not None:
        made.capabilities = _check_capabilities(capabilities)
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        raise InvalidError(f"extension_id: {extension_id} is registered in this organization already") from error
    write_audit("extension.created", actor=created_by, extension=made, target=extension_id, name=made.name)
    return made


@transaction.atomic
def update_extension(
    *,
    extension: Extension,
    name: str | None = None,
    capabilities: list[str] | None = None,
    is_enabled: bool | None = None,
    updated_by: User | None = None,
) -> Extension:
    """Change it; None leaves a value alone. Whoever watches what is switched off is stopped within seconds."""
    locked = Extension.objects.select_for_update().get(pk=extension.pk)
    if name is not None:
        locked.name = _check_name(name)
    if capabilities is not None:
        locked.capabilities = _check_capabilities(capabilities)
    if is_enabled is not None:
        locked.is_enabled = is_enabled
    locked.save(update_fields=["name", "capabilities", "is_enabled"])
    write_audit(
        "extension.changed",
        actor=updated_by,
        extension=locked,
        target=locked.extension_id,
        capabilities=locked.capabilities,
        is_enabled=locked.is_enabled,
    )
    return locked


@transaction.atomic
def set_install(
    *,
    extension: Extension,
    install_id: str,
    capabilities: list[str] | None = None,
    is_enabled: bool = True,
    updated_by: User | None = None,
) -> ExtensionInstall:
    """Say how an install differs from the extension. Raises `InvalidError` naming the field."""
    if not _ID.fullmatch(install_id):
        raise InvalidError("install_id: give 1 to 200 printable ASCII characters without spaces")
    found = (
        ExtensionInstall.objects.select_for_update().filter(extension=extension, install_id__iexact=install_id).first()
    )
    install = found or ExtensionInstall(extension=extension, install_id=install_id)
    install.capabilities = None if capabilities is None else _check_capabilities(capabilities)
    install.is_enabled = is_enabled
    install.save()
    write_audit(
        "install.changed",
        actor=updated_by,
        extension=extension,
        target=install_id,
        capabilities=install.capabilities,
        is_enabled=is_enabled,
    )
    return install


@transaction.atomic
def delete_extension(*, extension: Extension, deleted_by: User | None) -> None:
    """Remove an extension with its rules, grants and sessions. The audit stays."""
    write_audit("extension.deleted", actor=deleted_by, extension=extension, target=extension.extension_id)
    extension.delete()


def _check_name(name: str) -> str:
    name = name.strip()
    if len(name) > 100 or "\x00" in name:
        raise InvalidError("name: give at most 100 characters, without NUL")
    return name


def _check_capabilities(capabilities: list[str]) -> list[str]:
    for capability in capabilities:
        if not _CAPABILITY.fullmatch(capability):
            raise InvalidError(f"capabilities: {capability[:60]!r} is no capability, such as cap:debug.logs")
    if len(capabilities) > MOST_CAPABILITIES:
        raise InvalidError(f"capabilities: give at most {MOST_CAPABILITIES}")
    return list(dict.fromkeys(capabilities))
