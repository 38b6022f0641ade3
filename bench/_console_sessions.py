"""Sessions of the debug console for a benchmark, opened as the API opens them, for more viewers than a person may have.

    python -m bench._console_sessions VIEWERS LINES_PER_SECOND

Prints JSON: tenant, extension, its number, and sessions as [[session, ticket]]. Run with the product's data folder in
`PLAYHEAD_DATA`.
"""

from __future__ import annotations

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

# Imported after Django is set up: they reach models.
from debugconsole.models import DebugPolicy, Extension  # noqa: E402
from debugconsole.services.extensions import create_extension  # noqa: E402
from debugconsole.services.policies import create_policy  # noqa: E402
from debugconsole.services.sessions import MOST_OF_USER, Viewer, Wish, open_session  # noqa: E402
from observability.models import Membership, Project, Role, User  # noqa: E402

_EXTENSION = "bench-extension"


def main(viewers: int, lines_per_second: int) -> None:
    """Open the sessions and print their tickets."""
    project = Project.objects.select_related("organization").earliest("id")
    extension = _make_extension(project, viewers, lines_per_second)
    people = [_make_person(project, number) for number in range(-(-viewers // MOST_OF_USER))]
    opened = [
        open_session(
            viewer=Viewer(user=people[number // MOST_OF_USER], transport="ws"),
            extension=extension,
            wish=Wish(tail=0, reason="benchmark"),
        )
        for number in range(viewers)
    ]
    found = {
        "tenant": str(project.organization.tenant_id),
        "extension": extension.extension_id,
        "number": extension.pk,
        "sessions": [[str(one.session.pk), one.ticket] for one in opened],
    }
    print(json.dumps(found))


def _make_extension(project: Project, viewers: int, lines_per_second: int) -> Extension:
    found = Extension.objects.filter(project=project, extension_id=_EXTENSION).first()
    extension = found or create_extension(project=project, extension_id=_EXTENSION)
    DebugPolicy.objects.filter(extension=extension).delete()
    create_policy(
        created_by=None,
        scope="extension",
        extension=extension,
        effect="allow",
        reason="benchmark",
        require_capability="",
        ttl_minutes=60,
        hard_ttl_minutes=60,
        # And a page.
        max_viewers=viewers + 1,
        lines_per_second=lines_per_second,
    )
    return extension


def _make_person(project: Project, number: int) -> User:
    user, _ = User.objects.get_or_create(email=f"viewer-{number}@example.com")
    Membership.objects.get_or_create(organization=project.organization, user=user, defaults={"role": Role.ENGINEER})
    return user


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
