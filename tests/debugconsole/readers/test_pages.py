"""Ordinals and loss, against a stream that is only a list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from debugconsole.readers.pages import NOTHING, Look, RawEntry, begin_again, is_other_stream, turn_page
from debugconsole.wire.lines import EntryId
from debugconsole.wire.tokens import START, Position


class Stream:
    """A stream as Redis keeps it: appended at one end, trimmed at the other."""

    def __init__(self, first_ms: int = 1) -> None:
        self.all: list[EntryId] = []
        self.trimmed = 0
        self._ms = first_ms

    def add(self, count: int) -> None:
        for _ in range(count):
            self._ms += 1
            self.all.append(EntryId(self._ms, 0))

    def trim(self, length: int) -> None:
        self.trimmed = max(self.trimmed, len(self.all) - length)

    def look(self, position: Position, count: int) -> Look:
        kept = self.all[self.trimmed :]
        following: list[RawEntry] = [(entry_id, []) for entry_id in kept if entry_id >= position.id]
        last = self.all[-1] if self.all else EntryId(0, 0)
        return Look(
            added=len(self.all), length=len(kept), first=kept[0] if kept else None, last=last, entries=following[:count]
        )


_COUNT = st.integers(0, 12)
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "trim"]), _COUNT) | st.tuples(st.just("read"), st.integers(2, 6)), max_size=40
)


@given(STEPS)
def test_pages__added_trimmed_and_read_in_any_order__account_for_every_entry_once(steps: list[tuple[str, int]]) -> None:
    stream, position = Stream(), START
    read: list[EntryId] = []
    lost = 0
    for step, number in [*steps, *[("read", 50)] * 20]:
        if step == "add":
            stream.add(number)
        elif step == "trim":
            stream.trim(number)
        else:
            look = stream.look(position, number)
            assert not is_other_stream(look, position)
            page = turn_page(look, position)
            ordinals = range(page.first_ordinal, page.first_ordinal + len(page.entries))
            assert [stream.all[ordinal - 1] for ordinal in ordinals] == [entry_id for entry_id, _ in page.entries]
            read += [entry_id for entry_id, _ in page.entries]
            lost += page.lost
            position = page.position

    assert len(read) + lost == len(stream.all) == position.ordinal
    assert read == sorted(set(read))


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30))
def test_pages__deleted_and_begun_again__everything_new_is_read_once(old: int, new: int, kept: int) -> None:
    stream = Stream()
    stream.add(old)
    position = Position(stream.all[-1], old)
    other = Stream(first_ms=10_000)
    other.add(new)
    other.trim(kept)
    look = other.look(position, 100) if new else NOTHING

    if is_other_stream(look, position):
        page = begin_again(look, position)
    else:
        # It has lost at least as many as were ever read: the same, as far as anybody can tell.
        assert other.trimmed >= old
        return

    assert page.is_reset
    assert [entry_id for entry_id, _ in page.entries] == other.all[other.trimmed :]
    assert page.position.ordinal == new
    assert page.lost + len(page.entries) in (new, 0)


def test_pages__a_server_that_forgot_the_newest__repeats_nothing() -> None:
    stream = Stream()
    stream.add(20)
    position = Position(stream.all[-1], 20)
    stream.all = stream.all[:15]
    stream.add(10)

    look = stream.look(position, 100)
    page = begin_again(look, position)

    assert is_other_stream(look, position)
    assert [entry_id for entry_id, _ in page.entries] == [entry_id for entry_id in stream.all if entry_id > position.id]
    assert page.position == Position(stream.all[-1], 25)
