from __future__ import annotations

import pytest

from observability.ingest.fingerprints import fingerprint_error, normalize_message


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("card declined", "card declined"),
        ("timed out after 30s (attempt 2 of 5)", "timed out after <n>s (attempt <n> of <n>)"),
        ("took 1.5 s, limit 1,000 ms, at 10:30:05", "took <n> s, limit <n> ms, at <n>"),
        ("no order ord_8123", "no order ord_<n>"),
        ("abc1 is a name", "abc1 is a name"),
        ("KeyError: 'customer_id'", "KeyError: <text>"),
        ('model "gpt-4o" said `no`', "model <text> said <text>"),
        ("can't connect, won't retry", "can't connect, won't retry"),
        ("job 7f1f3f3e-7f4e-4a9e-8d55-0f3b7f0d9a11 failed", "job <uuid> failed"),
        ("pointer 0x7FFE12 in deadbeef01", "pointer <hex> in <hex>"),
        ("cannot open /srv/app/data/7.json", "cannot open <path>"),
        (r"cannot open C:\Users\me\a.txt", "cannot open <path>"),
        ("GET https://api.example.com/v1/orders/7?x=1 gave 502", "GET https://api.example.com/<path> gave <n>"),
        ("at 2026-11-20T20:04:37.943Z", "at <time>"),
        ("since 2026-11-20 20:04:37+01:00", "since <time>"),
        ("request req_011CQdGjD2kLrT9vXyZ failed", "request <id> failed"),
        ("  two\n lines\t", "two lines"),
        ("", ""),
        ("x" * 5_000, "x" * 300),
    ],
)
def test_normalize__message__keeps_what_is_the_same_each_time(message: str, template: str) -> None:
    assert normalize_message(message) == template
    assert normalize_message(template) == template


def test_fingerprint__same_but_for_numbers__same() -> None:
    first, template = fingerprint_error("tool", "refund", "order 7 not found")

    assert (first, template) == fingerprint_error("tool", "refund", "order 8123 not found")
    assert len(first) == 16
    assert template == "order <n> not found"


def test_fingerprint__name_is_a_url__its_path_does_not_tell_errors_apart() -> None:
    first = fingerprint_error("http", "https://shop.example.com/shipments/YA83", "HTTP 503")

    assert first == fingerprint_error("http", "https://shop.example.com/shipments/KO17?try=2", "HTTP 503")
    assert first != fingerprint_error("http", "https://other.example.com/shipments/YA83", "HTTP 503")


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [("ai", "refund", "no"), ("tool", "Refund", "no"), ("tool", "refund", "yes"), ("tool", "refundno", "")],
)
def test_fingerprint__other_kind_name_or_message__another(kind: str, name: str, message: str) -> None:
    assert fingerprint_error(kind, name, message)[0] != fingerprint_error("tool", "refund", "no")[0]


def test_normalize__quotes_that_only_open__are_left_as_they_are() -> None:
    assert normalize_message("“" * 2_000) == "“" * 300
    assert normalize_message("no “a” but “b”") == "no <text> but <text>"


def test_fingerprint__lone_surrogate__no_failure() -> None:
    assert fingerprint_error("tool", "a", "\ud800")[1] == "\ud800"
