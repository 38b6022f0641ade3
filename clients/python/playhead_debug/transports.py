"""Ways for lines to leave: straight into the stream, or over HTTP. Both connect when they are first used.

`send` takes lines as dicts of texts, in the names of the wire, and returns how many from the front are dealt with.
It raises `UnreachableError` when it cannot tell, or none is.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Dict, List, Protocol

Line = Dict[str, str]

ORDER = ("ts", "level", "stream", "tenant", "extension", "install", "request", "version", "message", "truncated")
"""The runner's order of fields; others follow."""
TIMEOUT_SECONDS = 1.0


class UnreachableError(Exception):
    """Nothing was sent, or nobody can say what was."""


class Transport(Protocol):
    """What a producer sends through, from one thread."""

    def send(self, lines: List[Line]) -> int: ...

    def close(self) -> None: ...


class RedisTransport:
    """XADD, as an extension runner writes it. Needs the package `redis`."""

    def __init__(
        self, url: str, *, tenant: str, extension: str, prefix: str = "ext-debug:", maxlen: int = 2_000
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._maxlen = maxlen
        self._whose = {"tenant": tenant, "extension": extension}
        self._key = prefix + ":".join(_lower_ascii(part) for part in (tenant, extension))
        self._client: Any = None

    def send(self, lines: List[Line]) -> int:
        """Publish in one round trip."""
        import redis

        try:
            client = self._client or self._connect()
            with client.pipeline(transaction=False) as pipe:
                for line in lines:
                    pipe.execute_command(*self._build(line))
                answers = pipe.execute(raise_on_error=False)
        except (redis.RedisError, OSError) as error:
            self.close()
            raise UnreachableError(str(error)) from error
        for place, answer in enumerate(answers):
            if isinstance(answer, Exception):
                # Full, forbidden or read-only: it will say so again at once.
                if place == 0:
                    raise UnreachableError(str(answer))
                return place
        return len(lines)

    def close(self) -> None:
        """Give up the connection; the next `send` makes another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> Any:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._client = redis.Redis.from_url(
            self._url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        return self._client

    def _build(self, line: Line) -> List[str]:
        said = {**line, **self._whose}
        command = ["XADD", self._key, "MAXLEN", "~", str(self._maxlen), "*"]
        for name in [*(name for name in ORDER if name in said), *(name for name in said if name not in ORDER)]:
            command += [name, said[name]]
        return command


class HttpTransport:
    """`POST /api/debug/ingest`. Needs nothing but the standard library."""

    def __init__(self, url: str, *, api_key: str, extension: str, timeout: float = 5.0) -> None:
        self._address = url.rstrip("/") + "/api/debug/ingest"
        self._key = api_key
        self._extension = extension
        self._timeout = timeout

    def send(self, lines: List[Line]) -> int:
        """Post in one request. Lines that are refused for what they are will not be taken another time either."""
        body = json.dumps({"extension": self._extension, "events": [_to_json(line) for line in lines]}).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is the caller's own
            self._address, data=body, headers={"api-key": self._key, "content-type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                said = json.load(answer)
        except (OSError, ValueError) as error:
            raise UnreachableError(str(error)) from error
        unpublished = [item["index"] for item in said.get("rejected", ()) if item.get("code") == "not_published"]
        return min(unpublished, default=len(lines))

    def close(self) -> None:
        """Nothing is held open."""


def _to_json(line: Line) -> Dict[str, Any]:
    said: Dict[str, Any] = dict(line)
    if "fields" in said:
        said["fields"] = json.loads(said["fields"])
    if "seq" in said:
        said["seq"] = int(said["seq"])
    return said


def _lower_ascii(text: str) -> str:
    return "".join(letter.lower() if "A" <= letter <= "Z" else letter for letter in text)
