from __future__ import annotations

import pytest

from debugconsole.wire.lines import EntryId
from debugconsole.wire.tokens import Position, TokenError, read_token, write_token

POSITION = Position(EntryId(1732147200999, 12), 4711)


def _write() -> str:
    return write_token(POSITION, secret=b"s", session="one", key="ext-debug:t:e")


def test_token__of_this_session_and_stream__is_the_position() -> None:
    assert read_token(_write(), secret=b"s", session="one", key="ext-debug:t:e") == POSITION
    assert _write().startswith("1732147200999-12~4711~")


@pytest.mark.parametrize("moved", [{"session": "two"}, {"key": "ext-debug:t:f"}, {"secret": b"other"}])
def test_token__moved_elsewhere__is_refused(moved: dict[str, object]) -> None:
    place: dict[str, object] = {"secret": b"s", "session": "one", "key": "ext-debug:t:e", **moved}

    with pytest.raises(TokenError, match="after"):
        read_token(_write(), **place)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "token", ["", "$", "5-1", "5-1~1", "5-1~1~", "~~", "ü~1~x", "x" * 500, "1732147200999-12~9999~"]
)
def test_token__none_of_ours__is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        read_token(token, secret=b"s", session="one", key="ext-debug:t:e")
