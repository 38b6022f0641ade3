"""The stand-in for everything the demo agents call: an OpenAI-compatible model endpoint and the shop's API.

Run as `python -m demo.model_server`; it binds a free port of the loopback interface and says which on stdout. Also
an ordinary ASGI application (`build_application`).

- `POST .../v1/chat/completions` with or without `stream`. Anything may stand before `/v1`: agents call it as a gateway
  path that names the upstream, such as `/gateway/api.openai.com/v1`.
- `/shop/...`: see `shop_api`.

Failures are part of the demo: some requests are answered 429 or 500 (models) and 503 (carriers). Whether the n-th
sending of the same request fails follows from the seed, so a retry may succeed and a second run fails alike.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import hashlib
import json
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import uvicorn

from demo.catalogue import Shop, build_shop
from demo.completions import complete_chat, render_completion, render_stream
from demo.lifeline import report, watch_parent
from demo.shop_api import ShopRequest, answer_shop

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
JSON = [(b"content-type", b"application/json")]
SSE = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]


@dataclass
class StandIn:
    """Settings and memory of one stand-in: how often each request was seen."""

    seed: int
    pace: float
    """Factor on every latency; 0 answers at once."""
    failure_share: float
    shop: Shop
    seen: Counter[str] = field(default_factory=Counter)

    def fails(self, content: str, *, caller: str) -> bool:
        """Say whether this sending of a request fails; the answer differs from one sending of it to the next.

        Callers are told apart, so that two agents that run side by side fail alike in every run.
        """
        digest = hashlib.sha256(f"{self.seed} {caller} {content}".encode()).hexdigest()
        self.seen[digest] += 1
        return random.Random(f"{digest} {self.seen[digest]}").random() < self.failure_share

    async def wait(self, milliseconds: float) -> None:
        await asyncio.sleep(self.pace * milliseconds / 1000)


def build_application(*, seed: int = 0, pace: float = 0.0, failure_share: float = 0.0) -> Application:
    """Return the ASGI application of a stand-in for this seed, as of today."""
    stand_in = StandIn(
        seed=seed, pace=pace, failure_share=failure_share, shop=build_shop(seed, today=datetime.date.today())
    )

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        if scope["method"] == "POST" and scope["path"].endswith("/v1/chat/completions"):
            await _answer_chat(stand_in, scope, body, send)
        else:
            await _answer_shop(stand_in, scope, body, send)

    return application


async def _answer_chat(stand_in: StandIn, scope: Message, body: bytes, send: Send) -> None:
    try:
        request = json.loads(body)
        completion = complete_chat(request)
    except (ValueError, KeyError, TypeError) as error:
        await _send_json(send, 400, _describe_error("invalid_request_error", f"Not a chat request: {error!r}"))
        return
    if stand_in.fails(body.decode(), caller=_caller(scope)):
        status = 429 if completion.usage["prompt_tokens"] % 2 else 500
        kind, text = MODEL_FAILURES[status]
        await _send_json(send, status, _describe_error(kind, text))
        return
    await stand_in.wait(180 + min(completion.usage["prompt_tokens"], 2000) / 10)
    if request.get("stream"):
        includes_usage = bool((request.get("stream_options") or {}).get("include_usage"))
        await _send_events(send, stand_in, list(render_stream(completion, includes_usage=includes_usage)))
        return
    await stand_in.wait(8 * min(completion.usage["completion_tokens"], 200))
    await _send_json(send, 200, render_completion(completion))


MODEL_FAILURES = {
    429: ("rate_limit_exceeded", "Rate limit reached for requests per minute. Please try again in 400ms."),
    500: ("server_error", "The server had an error while processing your request."),
}


def _describe_error(kind: str, text: str) -> dict[str, Any]:
    return {"error": {"message": text, "type": kind, "param": None, "code": kind}}


async def _answer_shop(stand_in: StandIn, scope: Message, body: bytes, send: Send) -> None:
    path, query = unquote(scope["path"]), dict(parse_qsl(scope["query_string"].decode()))
    await stand_in.wait(35 + len(path))
    if path.startswith("/shop/shipments/") and stand_in.fails(path, caller=_caller(scope)):
        await _send_json(send, 503, {"error": "carrier_unavailable", "detail": "The carrier does not answer."})
        return
    request = ShopRequest(method=scope["method"], path=path, query=query, body=json.loads(body) if body else {})
    await _send_json(send, *answer_shop(stand_in.shop, request, seed=stand_in.seed))


def _caller(scope: Message) -> str:
    return next((value.decode() for name, value in scope["headers"] if name == b"user-agent"), "")


async def _read_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _send_json(send: Send, status: int, body: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": JSON})
    await send({"type": "http.response.body", "body": json.dumps(body, ensure_ascii=False).encode()})


async def _send_events(send: Send, stand_in: StandIn, events: list[bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": SSE})
    async for event in _paced(stand_in, events):
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _paced(stand_in: StandIn, events: list[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        await stand_in.wait(30)
        yield event


def main() -> None:
    """Serve until the parent goes or a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--failure-share", type=float, default=0.04)
    options = parser.parse_args()
    application = build_application(seed=options.seed, pace=options.pace, failure_share=options.failure_share)
    listener = socket.create_server(("127.0.0.1", 0))
    watch_parent()
    report(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    config = uvicorn.Config(application, log_level="warning", lifespan="off", ws="none", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
