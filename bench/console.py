"""How late lines are at the viewers of the debug console, and whether each can account for every one of them.

    python3 manage.py bench console [--viewers 25] [--rate 2000] [--minutes 5] [--limit 2500] [--json FILE]

An emulated runner publishes lines at a rate into one stream of the whole product, and so many viewers follow it over
WebSockets, as the page does: they read what they are sent and grant credit. A line is late by what passes between its
runner's clock and its arrival at a viewer, all on one machine. `--limit` is the rate that the policy lets one session
be sent; below `--rate` the rest must be counted as not shown. At the end every viewer's lines and counts must make up
what was published, and no line may have come twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from bench._product import ROOT, Product, run_product
from bench.seed import say

_EVERY_S = 10.0
_SETTLE_S = 30.0
_BAR_MS = 300

Figures = dict[str, Any]


class _Line(msgspec.Struct):
    n: int
    ts: str


class _Notice(msgspec.Struct):
    count: int = 0
    cause: str = ""


class _Message(msgspec.Struct):
    op: str
    events: list[_Line] = []
    notices: list[_Notice] = []
    reason: str = ""


_decode = msgspec.json.Decoder(_Message).decode


@dataclass
class Viewer:
    """One viewer's account, and how many lines were late by how many milliseconds."""

    delivered: int = 0
    last: int = 0
    repeated: int = 0
    not_shown: Counter[str] = field(default_factory=Counter)
    late_ms: Counter[int] = field(default_factory=Counter)

    def count(self) -> int:
        """Return how many lines it can account for."""
        return self.delivered + self.not_shown.total()

    def take(self, message: _Message) -> None:
        """Account for a message."""
        now = time.time()
        for line in message.events:
            self.repeated += line.n <= self.last
            self.last = line.n
            self.late_ms[round((now - datetime.fromisoformat(line.ts).timestamp()) * 1000)] += 1
        self.delivered += len(message.events)
        for notice in message.notices:
            self.not_shown[notice.cause] += notice.count
        if message.op == "end":
            raise SystemExit(f"a session ended: {message.reason}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="manage.py bench console", description=__doc__)
    parser.add_argument("--viewers", type=int, default=25)
    parser.add_argument("--rate", type=int, default=2_000, help="lines a second")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--limit", type=int, default=2_500, help="lines a second that one session is sent")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as folder:
        data = Path(folder) / "data"
        # Twenty-five viewers sit in one organization; the stream is as long as a second's flood.
        with run_product(data=data, environment={"DEBUG_CONSOLE_ENABLED": "true"}) as product:
            figures = asyncio.run(measure(product, data, given))
    print(make_table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


async def measure(product: Product, data: Path, given: argparse.Namespace) -> Figures:
    """Return how late lines were, what was accounted for, and what the web process held and used."""
    environment = os.environ | {"PLAYHEAD_DATA": str(data)}
    opened = json.loads(
        _run([sys.executable, "-m", "bench._console_sessions", given.viewers, given.limit], environment)
    )
    viewers = [Viewer() for _ in opened["sessions"]]
    sockets = [await _connect(product, *session) for session in opened["sessions"]]
    following = [asyncio.create_task(_follow(*pair)) for pair in zip(sockets, viewers, strict=True)]
    say(f"{given.viewers} viewers, {given.rate:,} lines a second for {given.minutes:g} minutes")
    command = [
        sys.executable,
        "manage.py",
        "debug_emit",
        "--tenant",
        opened["tenant"],
        "--extension",
        opened["extension"],
    ]
    command += ["--rate", given.rate, "--seconds", given.minutes * 60]
    cpu, began = product.read_cpu_seconds(), time.monotonic()
    emitter = await asyncio.create_subprocess_exec(
        *map(str, command), env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    saying = asyncio.create_task(emitter.communicate())
    memory = [product.read_memory_mb()["web"]]
    while not saying.done():
        await asyncio.wait([saying], timeout=_EVERY_S)
        memory.append((await asyncio.to_thread(product.read_memory_mb))["web"])
    seconds = time.monotonic() - began
    spent = {name: now - cpu.get(name, 0.0) for name, now in product.read_cpu_seconds().items()}
    published = int(saying.result()[0].split()[0])
    settled = await _settle(viewers, published)
    for task in following:
        task.cancel()
    for ended in await asyncio.gather(*following, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return _summarize(viewers, published, settled) | {
        "cpus": os.cpu_count(),
        "viewers": given.viewers,
        "limit": given.limit,
        "wanted_rate": given.rate,
        "seconds": seconds,
        "web_mb": memory,
        "cpu_seconds": spent,
    }


async def _connect(product: Product, session: str, ticket: str) -> ClientConnection:
    netloc = urlsplit(product.url).netloc
    address = f"ws://{netloc}/ws/debug/sessions/{session}?ticket={ticket}"
    return await connect(address, origin=Origin(product.url), max_size=2**22)


async def _follow(socket: ClientConnection, viewer: Viewer) -> None:
    """Read what comes, and grant credit for it."""
    async for text in socket:
        message = _decode(text)
        viewer.take(message)
        if message.events:
            await socket.send(json.dumps({"op": "ack", "n": viewer.delivered}))


async def _settle(viewers: list[Viewer], published: int) -> float:
    """Wait until everybody can account for everything; return how long that took."""
    began = time.monotonic()
    while time.monotonic() - began < _SETTLE_S and any(viewer.count() != published for viewer in viewers):
        await asyncio.sleep(0.1)
    return time.monotonic() - began


def _summarize(viewers: list[Viewer], published: int, settled: float) -> Figures:
    late: Counter[int] = Counter()
    not_shown: Counter[str] = Counter()
    for viewer in viewers:
        late.update(viewer.late_ms)
        not_shown.update(viewer.not_shown)
    return {
        "published": published,
        "delivered": sum(viewer.delivered for viewer in viewers),
        "not_shown": dict(not_shown),
        "repeated": sum(viewer.repeated for viewer in viewers),
        "unaccounted": [published - viewer.count() for viewer in viewers if viewer.count() != published],
        "settled_s": settled,
        "late_ms": {name: find_late(late, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
        | {"worst": max(late, default=0)},
    }


def find_late(late: Counter[int], share: float) -> int:
    """Return the milliseconds that this share of the lines does not exceed."""
    left = late.total() * share
    for ms in sorted(late):
        left -= late[ms]
        if left <= 0:
            return ms
    return 0


def _run(command: list[Any], environment: dict[str, str]) -> str:
    done = subprocess.run(
        list(map(str, command)), env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-2000:]}")
    return done.stdout.splitlines()[-1]


def make_table(figures: Figures) -> str:
    """Return the figures as a table in Markdown."""
    late, memory, seconds = figures["late_ms"], figures["web_mb"], figures["seconds"]
    causes = ", ".join(f"{count:,} {cause}" for cause, count in figures["not_shown"].items()) or "none"
    share = figures["cpu_seconds"].get("web", 0.0) / seconds
    middle = memory[len(memory) // 2]
    rows = [
        "| | | bar |",
        "|---|---|---|",
        f"| lines published, a second | {figures['published']:,}, {figures['published'] / seconds:,.0f} | |",
        f"| lines delivered to {figures['viewers']} viewers, a second | {figures['delivered']:,}, "
        f"{figures['delivered'] / seconds:,.0f} | |",
        f"| counted as not shown | {causes} | |",
        f"| unaccounted / come twice | {figures['unaccounted'] or 0} / {figures['repeated']} | 0 / 0 |",
        f"| late, p50 / p95 / p99 / worst | {late['p50']} / {late['p95']} / {late['p99']} / {late['worst']} ms "
        f"| p99 {_BAR_MS} ms |",
        f"| web process at first / halfway / at last | {memory[1]:.0f} / {middle:.0f} / {memory[-1]:.0f} MB | flat |",
        f"| processor of the web process | {share:.2f} of a core | |",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
