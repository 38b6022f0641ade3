"""How to start an SDK that takes reruns, with this installation's address and the project's own key filled in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from observability.models import Role, Scope
from observability.selectors.access import ProjectAccess
from observability.selectors.keys import find_sending_key


def make_start_context(access: ProjectAccess) -> dict[str, Any]:
    """Return what `reruns/_start.html` shows. One query."""
    key = find_sending_key(access.project.pk, Scope.RERUN)
    shown = f"{key.public_id}.SECRET" if key else "YOUR_KEY"
    lines = (
        f"export ELASTICDASH_SERVER_URL={settings.PUBLIC_URL.rstrip('/')}",
        f"export ELASTICDASH_API_KEY={shown}",
        "export ELASTICDASH_ACCEPT_RERUNS=1",
        "python your_agent.py",
    )
    return {
        "start_command": "\n".join(lines),
        "start_public_id": key.public_id if key else "",
        "start_may_make_keys": access.may(Role.ADMIN),
        "start_keys_url": reverse(
            "observability:settings-keys", args=[access.project.organization.slug, access.project.slug]
        ),
    }
