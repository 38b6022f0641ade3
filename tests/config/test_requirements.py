"""The locks: pinned by hash, free of addresses, one inside the other."""

from __future__ import annotations

import re

import pytest

from config.env import BASE_DIR

LOCKS = ("base", "demo", "test")
ALL = (*LOCKS, "compiler")


def read_lock(name: str) -> str:
    return (BASE_DIR / "requirements" / f"{name}.txt").read_text()


def list_pins(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9][^ ]*==[^ ]+)", read_lock(name), re.MULTILINE))


@pytest.mark.parametrize("name", ALL)
def test_lock__of_any_size__names_no_address(name: str) -> None:
    assert not re.search(r"://|--index|--find-links|--extra|-i ", read_lock(name))


@pytest.mark.parametrize("name", ALL)
def test_lock__of_any_size__pins_every_package_by_hash(name: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", read_lock(name), flags=re.MULTILINE)[1:]

    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)


def test_locks__one_inside_the_other__agree_on_every_version() -> None:
    base, demo, test = (list_pins(name) for name in LOCKS)

    assert base < demo < test


def test_compiler_lock__beside_the_others__holds_nothing_that_goes_into_the_environment() -> None:
    [pin] = list_pins("compiler")

    assert pin.startswith("ziglang==")
    assert "ziglang" not in read_lock("test")
