"""A program on the published elasticdash client that takes reruns: runs one workflow, then waits to be triggered.

Each line of stdout is a JSON object: that it is ready, and every call of its tools. Ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from elasticdash_sdk import ed_tool
from elasticdash_sdk.observability import ObservabilityOptions, end_trace, init_observability, start_trace


def tell(what: str, data: Any) -> None:
    print(json.dumps({"what": what, "data": data}), flush=True)  # noqa: T201 - what the test reads


@ed_tool
def look_up(order: dict[str, Any]) -> dict[str, Any]:
    """A tool whose input holds what is redacted where it is shown."""
    tell("look_up", order)
    return {"order": order["id"], "has_secret": order["api_key"] == "sk-live-0123456789abcdef0123456789"}


calls_of_take: list[str] = []


@ed_tool
def take(item: str) -> str:
    """A tool that works once: the client does not record a call that raises."""
    calls_of_take.append(item)
    if len(calls_of_take) > 1:
        raise RuntimeError("out of stock")
    return item


async def main() -> None:
    handle = await init_observability(
        ObservabilityOptions(
            server_url=os.environ["ELASTICDASH_SERVER_URL"],
            api_key=os.environ["ELASTICDASH_API_KEY"],
            session_id=os.environ["SDK_SESSION"],
            batch_interval_ms=200,
            # The client's own would hide the key before it is sent.
            redact_keys=[],
        )
    )
    start_trace("acceptRerun")
    look_up({"id": 7, "api_key": "sk-live-0123456789abcdef0123456789"})
    take("tarp")
    end_trace()
    await asyncio.sleep(1)
    tell("ready", None)
    await asyncio.to_thread(sys.stdin.read)
    await handle.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
