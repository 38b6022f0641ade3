"""How lines get here, with this installation's address, tenant and key filled in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from debugconsole.wire.keys import stream_key
from observability.models import ApiKey, Project, Scope
from observability.selectors.keys import find_active_key

_AUTHOR = """\
import logging
from playhead_debug import DebugHandler, HttpTransport, Producer, capture_output, request_context

producer = Producer(HttpTransport("{url}", api_key="{key}", extension="{extension}"))
logging.getLogger().addHandler(DebugHandler(producer))
capture_output(producer)  # stdout and stderr, line by line; they are still written

with request_context(request="req-7"):
    logging.warning("looking up order %s", 7)"""
_INSTALL = "pip install ./clients/python"
_CURL = """\
curl {url}/api/debug/ingest -H 'api-key: {key}' -H 'content-type: application/json' -d '
{body}'"""
_RUNNER = """\
export RUNNER_DEBUG_REDIS_URL=redis://runner:PASSWORD@HOST:6379
export RUNNER_DEBUG_REDIS_STREAM_PREFIX={prefix}
export RUNNER_DEBUG_REDIS_MAXLEN=2000       # entries kept, about
export RUNNER_DEBUG_MAX_EVENT_BYTES=8192    # a longer message is cut"""
_ACL = """\
ACL SETUSER runner on >PASSWORD resetkeys ~{prefix}* -@all +xadd +select +ping +hello +auth +client|setinfo"""


@dataclass(frozen=True, slots=True)
class Guide:
    """One way to send lines: parts of words and code. `key` chooses it in the page's own style sheet."""

    key: str
    title: str
    parts: tuple[tuple[str, str], ...]


def make_start_context(project: Project, *, extension_id: str = "") -> dict[str, Any]:
    """Return what `debugconsole/_start.html` shows. One query."""
    key = find_active_key(project.pk, Scope.DEBUG)
    extension_id = extension_id or "orders"
    tenant = str(project.organization.tenant_id)
    return {
        "guides": _list_guides(extension_id=extension_id, key=key, tenant=tenant),
        "start_public_id": key.public_id if key else "",
        "start_keys_url": reverse("observability:settings-keys", args=[project.organization.slug, project.slug]),
    }


def _list_guides(*, extension_id: str, key: ApiKey | None, tenant: str) -> tuple[Guide, ...]:
    url, prefix = settings.PUBLIC_URL.rstrip("/"), settings.DEBUG_STREAM_PREFIX
    shown = f"{key.public_id}.SECRET" if key else "YOUR_KEY"
    line = {"level": "warn", "message": "hello from curl", "request": "req-7"}
    body = json.dumps({"extension": extension_id, "events": [line]})
    stream = stream_key(prefix, tenant=tenant, extension=extension_id)
    curl = _CURL.format(url=url, key=shown, body=body)
    author = _AUTHOR.format(url=url, key=shown, extension=extension_id)
    runner, rights = _RUNNER.format(prefix=prefix), _ACL.format(prefix=prefix)
    return (
        Guide("curl", "curl", (("One line, from anywhere. The answer says what became of it.", curl),)),
        Guide(
            "python",
            "Python",
            (
                ("In your program; it never waits for the console and never fails with it.", _INSTALL),
                ("What it logs and prints:", author),
            ),
        ),
        Guide(
            "runner",
            "Runner",
            (
                ("In the runner's environment. Without an address it publishes nothing.", runner),
                ("A user of the streams' Valkey or Redis who can add lines, and nothing else:", rights),
                ("Lines of this extension then go into this stream, which is read as they come:", stream),
            ),
        ),
    )
