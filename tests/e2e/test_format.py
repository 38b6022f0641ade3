"""How figures and times are written in the browser: by the same cases as on the server."""

from __future__ import annotations

import json
from pathlib import Path

from observability.models import User
from tests.e2e.conftest import SignIn

CASES = json.loads((Path(__file__).parents[1] / "pages" / "format_cases.json").read_text())
WRITE_ALL = """async ([address, cases]) => {
  const format = await import(address);
  const write = (name, pairs) => pairs.map(([value]) => [value, format[name](value)]);
  return Object.fromEntries(Object.entries(cases).map(([name, pairs]) => [name, write(name, pairs)]));
}"""
FIND_MODULE = """() => performance.getEntriesByType("resource").map((entry) => entry.name)
  .find((name) => name.includes("/js/format."))"""


def test_format__cases__are_written_as_on_the_server(visit: SignIn, owner: User, base: str, store: None) -> None:
    page = visit(owner).page
    page.goto(f"{base}/traces/")
    address = page.evaluate(FIND_MODULE)

    written = page.evaluate(WRITE_ALL, [address, CASES])

    assert written == CASES
