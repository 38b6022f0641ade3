"""Asking a model over HTTP: one POST, bounded in time and size, to an endpoint that a project's admin chose.

Redirects are not followed, so the key goes nowhere else. The time is bounded as a whole: when it is over the socket is
shut, whatever the other side is sending.
"""

from __future__ import annotations

import http.client
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import msgspec

TIMEOUT_SECONDS = 60.0
CONNECT_SECONDS = 10.0
MOST_REPLY_BYTES = 1_000_000


class JudgeUnavailableError(Exception):
    """The endpoint did not answer as it should; the message says how, for people."""


def ask_judge(*, base_url: str, key: str, body: dict[str, Any], timeout_seconds: float = TIMEOUT_SECONDS) -> bytes:
    """Return the reply to a chat completion. Raises `JudgeUnavailableError`."""
    address = urlsplit(base_url)
    connect = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=min(CONNECT_SECONDS, timeout_seconds))
    is_over = threading.Event()
    timer = threading.Timer(timeout_seconds, lambda: _cut(connection, is_over))
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        connection.sock.settimeout(timeout_seconds)
        return _exchange(connection, f"{address.path.rstrip('/')}/chat/completions", key=key, body=body)
    except (OSError, http.client.HTTPException) as error:
        if is_over.is_set() or isinstance(error, TimeoutError):
            raise JudgeUnavailableError(f"The judge did not answer within {timeout_seconds:g} seconds.") from error
        raise JudgeUnavailableError(f"The judge cannot be asked: {type(error).__name__}.") from error
    finally:
        timer.cancel()
        connection.close()


def _exchange(connection: http.client.HTTPConnection, path: str, *, key: str, body: dict[str, Any]) -> bytes:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    connection.request("POST", path, msgspec.json.encode(body), headers)
    response = connection.getresponse()
    reply = response.read(MOST_REPLY_BYTES + 1)
    if response.status != http.client.OK:
        raise JudgeUnavailableError(f"The judge answered {response.status} {response.reason}.")
    if len(reply) > MOST_REPLY_BYTES:
        raise JudgeUnavailableError(f"The judge answered more than {MOST_REPLY_BYTES} bytes.")
    return reply


def _cut(connection: http.client.HTTPConnection, is_over: threading.Event) -> None:
    is_over.set()
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
