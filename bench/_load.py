"""Sends encoded requests to a door, from other processes than anything measured, and says how each was answered.

Moments are of `time.perf_counter`, which all processes of a machine share.
"""

from __future__ import annotations

import http.client
import itertools
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.pool import AsyncResult
from typing import NamedTuple
from urllib.parse import urlsplit

_BUSY = (429, 503)
_AGAIN_SECONDS = 0.25
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Door:
    """Where requests go, and what they carry besides their body."""

    url: str
    headers: dict[str, str]


class Answer(NamedTuple):
    """When a request was sent, or should have been; milliseconds from then to its answer; and the answer's status."""

    moment: float
    ms: float
    status: int


@dataclass(frozen=True)
class Sent:
    """All answers; those to a request that was busy and sent again among them."""

    answers: list[Answer]

    @property
    def started(self) -> float:
        """Return when the first byte was sent."""
        return min(answer.moment for answer in self.answers)

    @property
    def ended(self) -> float:
        """Return when the last answer came."""
        return max(answer.moment + answer.ms / 1000 for answer in self.answers)

    @cached_property
    def statuses(self) -> Counter[int]:
        """Return how often there was each status."""
        return Counter(answer.status for answer in self.answers)

    @property
    def busy(self) -> int:
        """Return how many requests were to be sent again later."""
        return sum(self.statuses[status] for status in _BUSY)

    @property
    def errors(self) -> int:
        """Return how many requests were refused for good."""
        return sum(count for status, count in self.statuses.items() if not is_accepted(status)) - self.busy

    @property
    def latencies(self) -> list[float]:
        """Return the milliseconds of what was accepted."""
        return [answer.ms for answer in self.answers if is_accepted(answer.status)]


def is_accepted(status: int) -> bool:
    """Tell whether a status says that the request was taken."""
    return 200 <= status < 300


def send_all(door: Door, bodies: Sequence[bytes], *, connections: int) -> Sent:
    """Send as fast as answers come over so many kept connections: every one its share, busy ones again."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return Sent(pool.apply(_send_shares, (door, bodies, connections)))


def share_out(clients: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Order the bodies of several clients so that `send_all` gives each a connection of its own."""
    return list(itertools.chain.from_iterable(zip(*clients, strict=True)))


def send_at_rate(
    door: Door, templates: Sequence[Template], *, per_second: float, seconds: float, connections: int
) -> Iterator[Sent | None]:
    """Send fresh copies of the templates when they are due, whether or not others were answered, and nothing twice.

    Yields None about once a second while it lasts, at last what was sent. Latencies count from when a request was due.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        given = (door, templates, per_second, round(per_second * seconds), connections)
        sending: AsyncResult[list[Answer]] = pool.apply_async(_send_when_due, given)
        while not sending.ready():
            yield None
            sending.wait(1)
        yield Sent(sending.get())


class Template(NamedTuple):
    """A body, and the places of its trace ids' last eight bytes: with others there, its events are new ones."""

    body: bytes
    places: tuple[int, ...]

    def make(self, number: int) -> bytes:
        """Return the body with ids of its own."""
        made, ending = bytearray(self.body), number.to_bytes(8, "big")
        for place in self.places:
            made[place : place + 8] = ending
        return bytes(made)


def make_template(body: bytes, trace_ids: Sequence[bytes]) -> Template:
    """Return the template of an encoded request that holds events of these traces."""
    places = []
    for trace_id in trace_ids:
        place = body.find(trace_id)
        while place >= 0:
            places.append(place + 8)
            place = body.find(trace_id, place + 16)
    return Template(body, tuple(places))


# -- in the process that sends -----------------------------------------------------------------------------------------


def _send_shares(door: Door, bodies: Sequence[bytes], connections: int) -> list[Answer]:
    def run(first: int) -> Iterator[Answer]:
        client = _Client(door)
        for body in bodies[first::connections]:
            while True:
                answer = client.send(body, time.perf_counter())
                yield answer
                if answer.status not in _BUSY:
                    break
                time.sleep(_AGAIN_SECONDS)

    return _run_threads(run, connections)


def _send_when_due(
    door: Door, templates: Sequence[Template], per_second: float, count: int, connections: int
) -> list[Answer]:
    numbers, lock = iter(range(count)), threading.Lock()
    first_id, begin = time.time_ns(), time.perf_counter() + 0.1

    def run(_: int) -> Iterator[Answer]:
        client = _Client(door)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            body = templates[number % len(templates)].make(first_id + number)
            due = begin + number / per_second
            time.sleep(max(0.0, due - time.perf_counter()))
            yield client.send(body, due)

    return _run_threads(run, connections)


def _run_threads(run: Callable[[int], Iterator[Answer]], count: int) -> list[Answer]:
    outcomes: list[list[Answer]] = [[] for _ in range(count)]
    threads = [
        threading.Thread(target=lambda place=place: outcomes[place].extend(run(place))) for place in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(itertools.chain.from_iterable(outcomes))


class _Client:
    """One kept connection."""

    def __init__(self, door: Door) -> None:
        parts = urlsplit(door.url)
        self._headers, self._path = door.headers, parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)
        self._connection.connect()

    def send(self, body: bytes, since: float) -> Answer:
        """Send a request and read its answer; its milliseconds count from `since`. A lost connection has status 0."""
        try:
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            response.read()
            status = response.status
        except (OSError, http.client.HTTPException):
            self._connection.close()
            status = 0
        return Answer(since, (time.perf_counter() - since) * 1000, status)
