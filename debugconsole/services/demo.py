"""The extension of `up --demo`, so that the console has something to show at once."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from debugconsole.models import DebugPolicy, Extension
from debugconsole.models.extensions import DEBUG_CAPABILITY
from debugconsole.services.extensions import create_extension
from debugconsole.services.policies import create_policy
from observability.models import Project

EXTENSION_ID = "shop-orders"
"""As `demo.extension` calls itself."""
PRODUCTION_DAYS = 30


@transaction.atomic
def ensure_demo_extension() -> Extension | None:
    """Register the demo's extension in the oldest project, where the demo's key is, and let engineers watch it.

    Returns it when it had to be made. Done once: what an operator changes stays changed.
    """
    project = Project.objects.select_for_update().order_by("id").first()
    if (
        project is None
        or Extension.objects.filter(organization_id=project.organization_id, extension_id=EXTENSION_ID).exists()
    ):
        return None
    capabilities = ["cap:context.read", "cap:log.emit", DEBUG_CAPABILITY]
    made = create_extension(
        project=project, extension_id=EXTENSION_ID, name="Shop orders (demo)", capabilities=capabilities
    )
    until = timezone.now() + timedelta(days=PRODUCTION_DAYS)
    create_policy(
        created_by=None,
        scope=DebugPolicy.Scope.EXTENSION,
        extension=made,
        effect=DebugPolicy.Effect.ALLOW,
        allows_export=True,
        reason="The demo's extension: nothing that it prints is anybody's.",
        # Where lasting permission is frowned upon, a demo does not ask for any.
        expires_at=until if settings.IS_PRODUCTION else None,
    )
    return made
