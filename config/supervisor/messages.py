"""What the operator reads."""

from __future__ import annotations

import sys
from contextlib import suppress

from config.supervisor.options import Options


def say(text: str) -> None:
    """Print now, also into a pipe; into a closed terminal print nothing, the children are kept all the same."""
    with suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def describe_first_run(made: dict[str, str]) -> str:
    """Return what was made at the first start, secrets included; they are shown this once."""
    password = made["password"] or "as given"
    return f"""
Made the first organization, project, sign-in and API key. Secrets are shown this once.

    Sign in as    {made["admin_email"]}
    Password      {password}
    API key       {made["api_key"] or "as given"}
"""


def describe_ready(options: Options, *, address: str, key: str) -> str:
    """Return the address and a quickstart that can be pasted into a shell."""
    key = key or "<API key>"
    return f"""
Playhead runs at {address}   (data in {options.data}; Ctrl-C stops it)

  Send a first event:

    curl {address}/api/observability/events -H 'api-key: {key}' -H 'content-type: application/json' -d '{{
      "sessionId": "quickstart", "events": [{{"id": 1, "type": "tool", "name": "hello", "traceId": "quickstart::1::a",
      "input": {{"name": "world"}}, "output": "Hello, world", "durationMs": 12, "timestamp": '$(date +%s)'000}}]}}'

  Or point an SDK at it:

    export ELASTICDASH_SERVER_URL={address} ELASTICDASH_API_KEY='{key}'
    export OTEL_EXPORTER_OTLP_ENDPOINT={address} OTEL_EXPORTER_OTLP_HEADERS='x-api-key={key}'
"""
