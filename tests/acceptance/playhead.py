"""A whole Playhead of its own: the ASGI application under uvicorn in another process, on a database of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import psycopg

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "acceptance"
START_SECONDS = 60.0
NOT_VISITED = ("*.map", "admin", "unfold", "rest_framework", "drf_spectacular_sidecar")
"""Static files of pages that are not visited here; collecting them takes seconds."""
MAKE_KEY = """
from observability.models import Project
from observability.services.keys import create_key
print(create_key(project=Project.objects.get(), name="SDK", scopes=["ingest", "read", "rerun"]).text)
"""
PAGE_SIZE = "100"
"""Smaller than the default, so that paging is part of every comparison."""


@dataclass(frozen=True)
class LivePlayhead:
    """A running server, a key that may send and read, one that may rerun as well, and a person who may sign in."""

    url: str
    key: str
    rerun_key: str
    email: str
    password: str
    client: httpx.Client

    def get(self, path: str, **parameters: str) -> Any:
        """Return the JSON of an API path; any answer but 200 fails the test."""
        response = self.client.get(f"/api/observability/{path}", params=parameters)
        assert response.status_code == 200, f"{response.url}: {response.status_code} {response.text[:500]}"
        return json.loads(response.text)

    def list_items(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """Return the items of all pages of a list."""
        items: list[dict[str, Any]] = []
        page = self.get(path, limit=PAGE_SIZE, **parameters)
        items.extend(page["items"])
        while page["next_cursor"]:
            page = self.get(path, limit=PAGE_SIZE, cursor=page["next_cursor"], **parameters)
            items.extend(page["items"])
        return items

    def get_trace(self, trace_id: str) -> dict[str, Any]:
        trace: dict[str, Any] = self.get(f"traces/{_quote(trace_id)}")
        return trace

    def list_events(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the events of a trace as its timeline shows them."""
        return self.list_items(f"traces/{_quote(trace_id)}/events")

    def list_details(self, trace_id: str) -> list[dict[str, Any]]:
        """Return every event stored under this trace id, with its values whole; inferred ones are left out."""
        shown = [event for event in self.list_events(trace_id) if not event.get("inferred")]
        return [self.get_event(trace_id, event["span_id"]) for event in shown]

    def get_event(self, trace_id: str, span_id: str) -> dict[str, Any]:
        """Return an event with its values; one that is too large to come along is fetched on its own."""
        path = f"traces/{_quote(trace_id)}/events/{_quote(span_id)}"
        event: dict[str, Any] = self.get(path)
        for field in ("input", "output", "attributes", "extra"):
            if event[field]["state"] == "too_large":
                event[field] = {"state": "present", "value": self.get(f"{path}/values/{field}")}
        return event

    def list_logs(self, trace_id: str) -> list[dict[str, Any]]:
        return self.list_items(f"traces/{_quote(trace_id)}/logs")


def _quote(text: str) -> str:
    return quote(text, safe="")


@contextmanager
def run_playhead(data: Path) -> Iterator[LivePlayhead]:
    """Make a database, prepare it, and serve until the block ends."""
    environment = _build_environment(data)
    made = _prepare(environment)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    command = [sys.executable, "-m", "config.serve", "--fd", str(listener.fileno())]
    environment = environment | {"PLAYHEAD_PUBLIC_URL": url}
    with (data / "web.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, pass_fds=[listener.fileno()], stdout=log, stderr=subprocess.STDOUT
        )
        listener.close()
        try:
            with httpx.Client(base_url=url, headers={"api-key": made["api_key"]}, timeout=30) as client:
                _wait_until_ready(client, process, log=data / "web.log")
                yield LivePlayhead(
                    url=url,
                    key=made["api_key"],
                    rerun_key=made["rerun_key"],
                    email=made["admin_email"],
                    password=made["password"],
                    client=client,
                )
        finally:
            process.terminate()
            process.wait(timeout=20)


def _build_environment(data: Path) -> dict[str, str]:
    given = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": given._replace(path=f"/{DATABASE}").geturl(),
        "PLAYHEAD_DATA": str(data),
        "PLAYHEAD_SECRET_KEY": "acceptance",
        "PLAYHEAD_ENCRYPTION_KEYS": (Path(os.environ["PLAYHEAD_DATA"]) / "encryption_keys").read_text().strip(),
        "PLAYHEAD_INIT_ORGANIZATION": "Kestrel Outdoor",
        "PLAYHEAD_INIT_PROJECT": "Acceptance",
    }


def _prepare(environment: dict[str, str]) -> dict[str, str]:
    _run_command("migrate", "--verbosity", "0", environment=environment)
    ignored = [part for name in NOT_VISITED for part in ("--ignore", name)]
    _run_command("collectstatic", "--no-input", "--verbosity", "0", *ignored, environment=environment)
    answer: dict[str, str] = json.loads(_run_command("init", "--json", environment=environment).splitlines()[-1])
    return answer | {
        "rerun_key": _run_command("shell", "--verbosity", "0", "-c", MAKE_KEY, environment=environment).strip()
    }


def _run_command(*arguments: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "django", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_until(is_so: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait for what follows a commit."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.1)


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_alive(client):
        assert process.poll() is None, f"the server ended with status {process.returncode}:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the server does not answer:\n{log.read_text()}"
        time.sleep(0.1)


def _is_alive(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
