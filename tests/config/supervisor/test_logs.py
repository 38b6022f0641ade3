"""Log files of bounded size."""

from __future__ import annotations

from pathlib import Path

from config.supervisor.logs import BoundedLog


def test_write__past_the_limit__keeps_two_files_of_bounded_size(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "web.log", max_bytes=1000)

    for number in range(1000):
        log.write(f"line {number}\n".encode())
    log.close()

    files = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(files) == {"web.log", "web.log.1"}
    assert max(files.values()) <= 1000
    assert (tmp_path / "web.log").read_text().endswith("line 999\n")


def test_take_tail__twice__tells_each_line_once(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "web.log")
    for number in range(100):
        log.write(f"line {number}\n".encode())

    first, second = log.take_tail(), log.take_tail()
    log.close()

    assert first[-1] == "line 99"
    assert len(first) == 15
    assert second == []


def test_write__when_the_disk_is_full__goes_on(tmp_path: Path) -> None:
    full = tmp_path / "web.log"
    full.symlink_to("/dev/full")
    log = BoundedLog(full)

    log.write(b"a last word\n")

    assert log.take_tail() == ["a last word"]
    log.close()
