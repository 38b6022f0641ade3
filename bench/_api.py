"""Reads of the API over one connection, timed."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from bench._product import Product


class Api:
    """Asks a product's API with its key."""

    def __init__(self, product: Product) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(product.url).netloc, timeout=120)
        self._headers = {"api-key": product.api_key}

    def read(self, address: str, **parameters: str) -> Any:
        """Return what an address answers; `days` asks for the last ones."""
        return json.loads(self._fetch(address, parameters))

    def time(self, address: str, parameters: dict[str, str]) -> tuple[float, bool]:
        """Return the milliseconds that an answer took, and whether it was a partial one."""
        started = time.perf_counter()
        body = self._fetch(address, parameters)
        taken = (time.perf_counter() - started) * 1000
        return taken, b'"is_partial":true' in body

    def find_cursor(self, pages: int, **parameters: str) -> str:
        """Return the cursor after so many pages of fifty of the list of traces."""
        cursor = ""
        for _ in range(pages // 10):
            given = parameters | ({"cursor": cursor} if cursor else {})
            cursor = self.read("traces", limit="500", **given)["next_cursor"] or cursor
        return cursor

    def _fetch(self, address: str, parameters: dict[str, str]) -> bytes:
        given = dict(parameters)
        if days := given.pop("days", None):
            until = time.time()
            moments = {"from": until - float(days) * 86_400, "to": until}
            given |= {name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for name, at in moments.items()}
        self._connection.request("GET", f"/api/observability/{address}?{urlencode(given)}", headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(f"{address} {given} answered {response.status}: {body[:300]!r}")
        return body


def find_percentile(taken: list[float], share: float) -> float:
    """Return the value that this share of the values does not exceed."""
    ordered = sorted(taken)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
