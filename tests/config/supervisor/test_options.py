"""The command line of `up`, and what its children are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.supervisor.options import parse_options
from config.supervisor.plans import build_environment


@pytest.fixture(autouse=True)
def _without_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLAYHEAD_PUBLIC_URL", "PLAYHEAD_ALLOWED_HOSTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("fd00::5", "http://[fd00::5]:8000"),
        ("desk.example", "http://desk.example:8000"),
    ],
)
def test_address__of_any_host__can_be_opened_in_a_browser(host: str, address: str) -> None:
    assert parse_options(["--host", host]).address == address


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_port__that_is_none__is_refused_with_the_range(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options([f"--port={port}"])

    assert "give a number from 1 to 65535" in capsys.readouterr().err


def test_data__relative_to_where_the_command_was_typed__is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert parse_options(["--data", "here"]).data == tmp_path / "here"


def test_environment__when_listening_to_others__answers_to_the_names_of_this_machine() -> None:
    hosts = build_environment(parse_options(["--host", "0.0.0.0"]), urls={})["PLAYHEAD_ALLOWED_HOSTS"].split(",")

    assert {"localhost", "127.0.0.1", "[::1]"} <= set(hosts)
    assert "*" not in hosts


def test_environment__with_settings_of_the_operator__keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_PUBLIC_URL", "https://playhead.example")
    monkeypatch.setenv("PLAYHEAD_ALLOWED_HOSTS", "playhead.example")

    environment = build_environment(parse_options([]), urls={"DATABASE_URL": "postgres://x"})

    assert environment["PLAYHEAD_PUBLIC_URL"] == "https://playhead.example"
    assert environment["PLAYHEAD_ALLOWED_HOSTS"] == "playhead.example"
    assert environment["DATABASE_URL"] == "postgres://x"
