"""The support desk's tools, registered with the elasticdash client by its decorator.

A tool that cannot do its work returns `{"error": ...}`: version 0.1.4 of the client records nothing of a tool that
raises.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
from elasticdash_sdk import ed_tool

from demo.catalogue import REFUND_WINDOW_DAYS
from demo.options import STAND_IN_VARIABLE

CARRIER_ATTEMPTS = 2
AGENT_HEADERS = {"User-Agent": "kestrel-support-desk/1.4"}


async def call_shop(method: str, path: str, **request: Any) -> dict[str, Any]:
    """Return the shop API's JSON answer; a failure is `{"error", "detail"}`."""
    async with httpx.AsyncClient(base_url=os.environ[STAND_IN_VARIABLE], headers=AGENT_HEADERS, timeout=10) as client:
        response = await client.request(method, path, **request)
    answer: dict[str, Any] = response.json()
    return answer


@ed_tool
async def lookup_order(order_id: str) -> dict[str, Any]:
    """Read an order with its items and status."""
    return await call_shop("GET", f"/shop/orders/{order_id}")


@ed_tool
async def track_shipment(tracking: str) -> dict[str, Any]:
    """Ask the carrier where a parcel is, twice if need be."""
    answer: dict[str, Any] = {}
    for attempt in range(CARRIER_ATTEMPTS):
        await asyncio.sleep(0.1 * attempt)
        answer = await call_shop("GET", f"/shop/shipments/{tracking}")
        if answer.get("error") != "carrier_unavailable":
            break
    return answer


@ed_tool
async def search_docs(query: str, limit: int = 3) -> list[dict[str, Any]]:
    """Search the help centre."""
    answer = await call_shop("GET", "/shop/search", params={"q": query, "limit": limit})
    results: list[dict[str, Any]] = answer["results"]
    return results


@ed_tool
def refund_policy(country: str) -> dict[str, Any]:
    """Return the refund rules of a country."""
    return {"country": country, "window_days": REFUND_WINDOW_DAYS, "automatic_limit_cents": 25000, "currency": "EUR"}


@ed_tool
async def issue_refund(order_id: str, amount_cents: int) -> dict[str, Any]:
    """Pay money back by the way it was paid."""
    return await call_shop("POST", "/shop/refunds", json={"order_id": order_id, "amount_cents": amount_cents})


@ed_tool
async def send_email(to: str, subject: str, body: str) -> dict[str, Any]:
    """Queue a mail to a customer."""
    return await call_shop("POST", "/shop/emails", json={"to": to, "subject": subject, "body": body})


TOOLS = {"lookup_order": lookup_order, "track_shipment": track_shipment, "search_docs": search_docs}
"""The tools a model may call, by name."""
