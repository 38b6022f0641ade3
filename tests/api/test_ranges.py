from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.api.ranges import ByteRange, UnsatisfiableRangeError, parse_range
from observability.models import Project, User
from tests.api.conftest import Api
from tests.records import make_event, make_log, write

SMALL = json.dumps({"lines": ["ü" * 40] * 20}, ensure_ascii=False).encode()
HUGE = json.dumps([f"row {number}: käse" for number in range(90_000)], ensure_ascii=False).encode()
INPUT = "traces/t/events/root/values/input"
OUTPUT = "traces/t/events/root/values/output"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=2-5", ByteRange(2, 6)),
        ("bytes=7-", ByteRange(7, 10)),
        ("bytes=7-999", ByteRange(7, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-99", ByteRange(0, 10)),
        ("BYTES=0-1", ByteRange(0, 2)),
        (None, None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
    ],
)
def test_parse__header__the_range_or_all(header: str | None, expected: ByteRange | None) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=11-12", 10), ("bytes=-0", 10), ("bytes=-1", 0)]
)
def test_parse__nothing_there__unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, size)


@pytest.fixture
def stored(store: None, project: Project, owner: User) -> Api:
    write(project.pk, make_event("t", input=SMALL, output=HUGE), make_log("t", "a", fields=HUGE[:0] + b'{"n": [1, 2]}'))
    return Api(user=owner)


def _read(api: Api, path: str, header: str, **headers: str) -> tuple[int, bytes, str | None]:
    response: Any = api.client.get(f"/api/observability/{path}", headers={"range": header, **headers})
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return response.status_code, content, response.headers.get("Content-Range")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=st.sampled_from([(INPUT, SMALL), (OUTPUT, HUGE)]))
def test_ranges__any_split__concatenates_to_the_value(
    stored: Api, data: st.DataObject, value: tuple[str, bytes]
) -> None:
    path, content = value
    cuts = sorted(data.draw(st.sets(st.integers(1, len(content) - 1), max_size=4)))
    bounds = [0, *cuts, len(content)]

    answers = [_read(stored, path, f"bytes={start}-{stop - 1}") for start, stop in pairwise(bounds)]

    assert b"".join(part for _, part, _ in answers) == content
    assert {status for status, _, _ in answers} == {206}
    assert answers[0][2] == f"bytes 0-{bounds[1] - 1}/{len(content)}"


def test_ranges__headers__say_size_hash_and_what_is_there(stored: Api) -> None:
    whole = stored.get(OUTPUT)
    tag = f'"{hashlib.sha256(HUGE).hexdigest()}"'

    assert (whole["ETag"], whole["Accept-Ranges"], whole["Content-Length"]) == (tag, "bytes", str(len(HUGE)))
    assert stored.get(INPUT)["ETag"] == f'"{hashlib.sha256(SMALL).hexdigest()}"'
    assert _read(stored, OUTPUT, "bytes=-4") == (206, HUGE[-4:], f"bytes {len(HUGE) - 4}-{len(HUGE) - 1}/{len(HUGE)}")
    assert _read(stored, OUTPUT, "bytes=0-3", **{"if-range": tag})[:2] == (206, HUGE[:4])
    assert _read(stored, INPUT, "bytes=0-3", **{"if-range": '"of another value"'})[:2] == (200, SMALL)
    assert _read(stored, "traces/t/logs/1/fields", "bytes=0-3")[0] == 404


def test_ranges__after_the_end__refused_with_the_size(stored: Api) -> None:
    status, content, content_range = _read(stored, INPUT, f"bytes={len(SMALL)}-")

    assert (status, content_range) == (416, f"bytes */{len(SMALL)}")
    assert json.loads(content)["code"] == "range_not_satisfiable"


def test_ranges__teammate_and_stranger__read_and_nothing(
    stored: Api, teammate: User, stranger: User, foreign_project: Project
) -> None:
    assert _read(Api(user=teammate), OUTPUT, "bytes=5-9")[:2] == (206, HUGE[5:10])
    assert _read(Api(user=stranger), OUTPUT, "bytes=5-9")[0] == 404
