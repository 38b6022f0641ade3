"""A program that uses the published elasticdash client in every way it offers, against whatever server it is given.

Two workflows, tools in both kinds, intercepted and wrapped model calls, http, db, values of every shape JSON knows,
text that servers stumble over, keys the client itself redacts, and an event outside any workflow.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
from elasticdash_sdk import ed_tool
from elasticdash_sdk.interceptors import wrap_ai
from elasticdash_sdk.interceptors.db import wrap_db
from elasticdash_sdk.observability import ObservabilityOptions, end_trace, init_observability, start_trace

MODEL_URL = os.environ["SENDER_MODEL_URL"]
GATEWAY = f"{MODEL_URL}/gateway/api.openai.com/v1/chat/completions"
PLAIN = f"{MODEL_URL}/v1/chat/completions"
SHAPES: list[Any] = [
    None,
    True,
    0,
    -7,
    1.5,
    12345678901234567890,
    "",
    "text",
    [],
    {},
    [1, [2, [3]]],
    {"a": {"b": [None]}},
]
TEXTS = [
    "naïve café",
    "日本語 🎏",
    "مرحبا",
    'quotes " and \\ backslash',
    "line\nbreak\ttab",
    "nul \x00 inside",
    "\u2028 \ufeff",
]


class Shelf:
    """A database client the program wraps."""

    def query(self, sql: str, *parameters: object) -> list[int]:
        return list(range(len(parameters)))

    def execute(self, sql: str) -> int:
        return 3


@ed_tool
def echo(value: Any) -> Any:
    """Return what is given."""
    return value


@ed_tool(name="look.up/order #1")
async def look_up(order_id: str, *, deep: bool = False) -> dict[str, Any]:
    """A tool with a name that is awkward in an address."""
    await asyncio.sleep(0.02)
    return {"order_id": order_id, "deep": deep, "password": "hunter2", "token": "abc", "lines": [{"sku": "A", "n": 2}]}


@ed_tool
def fail(reason: str) -> dict[str, str]:
    """A tool that reports an error as clients do."""
    return {"error": reason}


async def chat(http: httpx.AsyncClient, url: str, **options: Any) -> None:
    messages = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "What is a tarp? 🏕️"}]
    response = await http.post(url, json={"model": "gpt-4o-mini", "messages": messages, **options})
    response.raise_for_status()


async def answer_locally(messages: list[dict[str, str]], *, temperature: float) -> dict[str, Any]:
    usage = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
    return {"text": messages[-1]["content"].upper(), "temperature": temperature, "usage": usage}


async def run_first_workflow(http: httpx.AsyncClient) -> None:
    start_trace("acceptChat")
    for value in [*SHAPES, *TEXTS]:
        echo(value)
    echo({"text": "long " * 60_000})
    await asyncio.gather(look_up("KO-1"), look_up("KO-2", deep=True))
    fail("no such order")
    await chat(http, GATEWAY)
    await chat(http, GATEWAY, stream=True)
    local = wrap_ai("local-small", answer_locally, provider="local")
    await local([{"role": "user", "content": "hello"}], temperature=0.5)
    shelf = Shelf()
    wrap_db(shelf, ["query", "execute"], label="shelf")
    shelf.query("SELECT * FROM books WHERE id IN (?, ?)", 1, 2)
    shelf.execute("DELETE FROM books")
    await http.get(f"{MODEL_URL}/shop/search", params={"q": "stove"})
    end_trace()


async def run_second_workflow(http: httpx.AsyncClient) -> None:
    start_trace("acceptOrder")
    await http.get(f"{MODEL_URL}/shop/orders/KO-0")
    # The same endpoint without the gateway's host name: recorded both as http and as a model call.
    await chat(http, PLAIN)
    end_trace()


async def main() -> None:
    handle = await init_observability(
        ObservabilityOptions(
            server_url=os.environ["SENDER_URL"],
            api_key=os.environ["SENDER_KEY"],
            branch="feature/acceptance",
            batch_interval_ms=200,
            heartbeat_interval_ms=300,
        )
    )
    async with httpx.AsyncClient(timeout=20) as http:
        await run_first_workflow(http)
        await asyncio.sleep(0.5)
        await run_second_workflow(http)
        await asyncio.sleep(0.5)
        echo("outside any workflow")
    await asyncio.sleep(1)
    await handle.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
