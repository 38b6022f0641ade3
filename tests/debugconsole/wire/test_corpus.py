"""Secrets as they stand in lines, and what only looks like them: how many are found, and what is hidden for nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from debugconsole.wire.lines import EntryId
from debugconsole.wire.prepare import Prepared, Preparer, Source
from debugconsole.wire.profiles import STANDARD, STRICT
from observability.ingest.redaction import compile_rules

TENANT = "0f8fad5b-d9cb-469f-a165-70867728950e"
SOURCE = Source(prefix="p:", key=f"p:{TENANT}:ext-1", tenant=TENANT, extension="ext-1")
RECALL, PRECISION = 1.0, 0.97
"""Least share of the secrets that is hidden, and of the hidden that is secret."""

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
A = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefgh"

# Kind, line, and what must not be read in it.
SECRETS = (
    ("credential", "> authorization was Bearer abcdefgh12345678", "abcdefgh12345678"),
    ("credential", "sent Basic dXNlcjpwYXNzd29yZA== to the proxy", "dXNlcjpwYXNzd29yZA=="),
    ("named_secret", "Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
    ("named_secret", "x-api-key: 5f2b7c11-e0b1", "5f2b7c11-e0b1"),
    ("named_secret", "login user=tom password=hunter22 ok", "hunter22"),
    ("named_secret", "password: hunter22", "hunter22"),
    ("named_secret", "DB_PASSWORD='correct horse'", "correct horse"),
    ("named_secret", '{"client_secret": "s3cr3t-value", "user": 4}', "s3cr3t-value"),
    ("named_secret", r'sent "{\"apiKey\": \"s3cr3t-value\"}"', "s3cr3t-value"),
    ("named_secret", "Set-Cookie: session=abc123def; Path=/", "abc123def"),
    ("named_secret", "curl --password hunter22 https://x.io", "hunter22"),
    ("named_secret", "GET /cb?access_token=abc123def&page=2", "abc123def"),
    ("named_secret", f"AWS_SECRET_ACCESS_KEY={AWS_SECRET}", AWS_SECRET),
    ("named_secret", "signing_key => 9f8e7d6c5b4a", "9f8e7d6c5b4a"),
    ("named_secret", "passphrase := open-sesame", "open-sesame"),
    ("signature", "PUT https://s3.amazonaws.com/b/k?X-Amz-Signature=0a1b2c3d4e&x=1", "0a1b2c3d4e"),
    ("signature", "https://x.blob.core.windows.net/c?sv=2024&sig=Zm9vYmFyYmF6", "Zm9vYmFyYmF6"),
    ("url_password", "connecting to postgres://app:p@ss-w0rd@db:5432/app", "p@ss-w0rd"),
    ("url_password", "redis://default:r3d1sp4ss@cache:6379/0 refused", "r3d1sp4ss"),
    ("url_password", "amqps://svc:s3cr3tpw@mq.internal/vhost", "s3cr3tpw"),
    (
        "private_key",
        "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3V\n-----END PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA0Z3V",
    ),
    ("private_key", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{A}\n-----END OPENSSH PRIVATE KEY-----", A),
    ("jwt", f"the session {JWT} expired", JWT),
    ("git_token", "using ghs_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F292c6912"),
    ("git_token", "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz", "11ABCDEFG0abcdefghijkl"),
    ("git_token", "glpat-AbCdEfGhIjKlMnOpQrSt", "AbCdEfGhIjKlMnOpQrSt"),
    ("model_key", "sk-proj-AbCdEf-GhIjKlMnOp", "AbCdEf-GhIjKlMnOp"),
    ("model_key", "sk-ant-api03-AbCdEfGh_IjKl-MnOp", "AbCdEfGh_IjKl-MnOp"),
    ("model_key", f"gsk_{A[:30]} is over its limit", A[:30]),
    ("model_key", f"hf_{A[:34]}", A[:34]),
    ("google_key", "AIzaSyA1234567890abcdefghijklmnopqrstuv", "SyA1234567890"),
    ("google_key", "ya29.a0AfH6SMBxyzxyzxyzxyzxyz", "a0AfH6SMB"),
    ("slack_token", "xoxb-123456789012-abcdefABCDEF", "123456789012-abcdefABCDEF"),
    ("slack_token", "posting to https://hooks.slack.com/services/T0000/B0000/abcdefABCDEF12", "abcdefABCDEF12"),
    ("aws_key", "key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
    ("aws_key", f"AKIAIOSFODNN7EXAMPLE,{AWS_SECRET}", AWS_SECRET),
    ("stripe_key", "sk_live_AbCdEfGhIjKlMnOp declined", "AbCdEfGhIjKlMnOp"),
    ("stripe_key", "whsec_AbCdEfGhIjKlMnOpQr", "AbCdEfGhIjKlMnOpQr"),
    ("package_token", f"npm_{A[:36]}", A[:36]),
    ("token", "SG.AbCdEfGhIjKlMnOpQr.StUvWxYz0123456789", "AbCdEfGhIjKlMnOpQr"),
    ("playhead_key", "ed_0123456789abcdef.0123456789abcdef0123456789abcdef", "0123456789abcdef.0123"),
    ("card", "charged 4111 1111 1111 1111 for 12.90", "4111 1111 1111 1111"),
    ("card", "card=5500005555555559;", "5500005555555559"),
    ("card", "amex 3782-822463-10005 declined", "3782-822463-10005"),
)
LOOKALIKES = (
    "A plain sentence about tokens, secrets and a password stays as it is.",
    "Basic information about Bearer authentication",
    "max_tokens: 4096, token_count=12, tokenizer: cl100k_base",
    "next_page_token=abcdef std::token::Kind",
    "def login(password: str, token: Optional[str] = None) -> None:",
    "api_key = os.environ[KEY_NAME]",
    "https://example.com/a?page=2&sort=key",
    "task-abcdefghijklmnopqrstuvwxyz",
    "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
    "request 3f0c2a52-7f4e-4a9e-8d55-0f3b7f0d9a11 took 12 ms",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "at=1795202677943 micros=1795202677943000 nanos=1795202677943000000",
    "order 4111111111111112 is no card, nor is 4111 1111",
    "phone +49 30 1234567, extension 4711, invoice 2026-11-0042",
    "-----BEGIN CERTIFICATE-----",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 tom@laptop",
    "GET /tokens/4711 200 in 3 ms",
    "cookie banner shown; secretary assigned; authorized by tom",
    "user=tom tenant=acme version=1.4.2 region=eu-central-1",
    "postgres://db:5432/app answered",
    "image registry/app@sha256:3b18e512dba79e4c8300dd08aeb37f8e728b8dad3b18e512dba79e4c8300dd08",
    "the password must have 12 characters",
    "desk-manager took sk-1, risk-adjusted",
    "base64 of nothing much: aGVsbG8gd29ybGQ=",
    "AKIA is how such keys begin",
    "IBAN DE89 3704 0044 0532 0130 00",
)


_OWN = {"tenant": TENANT, "extension": "ext-1"}
_NOTHING: Mapping[str, str] = {}


def show(
    message: str, *, profile: str = STANDARD, preparer: Preparer | None = None, said: Mapping[str, str] = _NOTHING
) -> dict[str, Any]:
    """Return the event of a line that says this, and more."""
    pairs = [part.encode() for pair in {**_OWN, **said, "message": message}.items() for part in pair]
    shown = (preparer or Preparer(SOURCE, compile_rules())).prepare(EntryId(5, 0), pairs, 1, profile=profile)
    assert isinstance(shown, Prepared)
    event: dict[str, Any] = json.loads(shown.json)
    return event


def test_corpus__secrets_and_lookalikes__are_told_apart() -> None:
    missed = [line for _, line, secret in SECRETS if secret in show(line)["message"]]
    wrong = [line for line in LOOKALIKES if show(line)["message"] != line]

    found = len(SECRETS) - len(missed)
    assert found / len(SECRETS) >= RECALL, missed
    assert found / (found + len(wrong)) >= PRECISION, wrong


@pytest.mark.parametrize("name", ["request", "install", "version", "trace", "pod", "boot"])
def test_corpus__in_an_id__is_hidden_as_well(name: str) -> None:
    shown = {line: json.dumps(show("-", said={name: line}), ensure_ascii=False) for _, line, _ in SECRETS}

    missed = [line for _, line, secret in SECRETS if secret in shown[line]]

    assert not missed


def test_corpus__in_fields__is_hidden_as_well() -> None:
    missed = [
        line
        for _, line, secret in SECRETS
        if secret in show("-", said={"fields": json.dumps({"said": [line]})})["fields"]["said"][0]
    ]

    assert not missed


def test_corpus__kinds__are_told() -> None:
    told = {line: {each["kind"] for each in show(line).get("redactions", ())} for _, line, _ in SECRETS}

    wrong = {line: told[line] for kind, line, _ in SECRETS if kind not in told[line]}
    assert not wrong


@pytest.mark.parametrize("profile", [STANDARD, STRICT])
def test_corpus__redacted_again__changes_nothing(profile: str) -> None:
    once = [show(line, profile=profile)["message"] for _, line, _ in SECRETS]

    again = [show(line, profile=profile) for line in once]

    assert [event["message"] for event in again] == once
    assert not [event for event in again if "redactions" in event]


# -- Over two lines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("Password:", "hunter22", "[REDACTED]"),
        ("export DB_PASSWORD=", "correct-horse-battery", "[REDACTED]"),
        ('{"access_token": "', 'abc123def456ghi7", "n": 3}', '[REDACTED]", "n": 3}'),
        ("authorization: Bearer", "abcdefgh12345678 accepted", "[REDACTED] accepted"),
        ("using sk-proj-AbCd", "EfGhIjKlMnOpQrSt now", "[REDACTED] now"),
        ("Password:", "accepted for tom, who waits", "accepted for tom, who waits"),
        ("using the default", "EfGhIjKlMnOpQrSt", "EfGhIjKlMnOpQrSt"),
        ("got sk-proj-AbCdEf-GhIjKlMnOp", "connected", "connected"),
    ],
)
def test_split__over_two_lines__hides_the_rest(first: str, second: str, shown: str) -> None:
    preparer = Preparer(SOURCE, compile_rules())
    show(first, preparer=preparer, said={"request": "r1", "stream": "stderr"})

    assert show(second, preparer=preparer, said={"request": "r1", "stream": "stderr"})["message"] == shown


def test_split__of_one_request__leaves_others_and_what_follows_alone() -> None:
    preparer = Preparer(SOURCE, compile_rules())
    show("Password:", preparer=preparer, said={"request": "r1"})

    assert show("hunter22", preparer=preparer, said={"request": "r2"})["message"] == "hunter22"
    assert show("hunter22", preparer=preparer, said={"request": "r1"})["message"] == "[REDACTED]"
    assert show("connected", preparer=preparer, said={"request": "r1"})["message"] == "connected"


# -- Strict ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("mail from tom.o'hara+x@mail.example.co.uk today", "mail from [REDACTED] today"),
        ("to=tom%40example.com", "[REDACTED]"),
        ("peer 10.0.3.7:5432 and 192.168.1.254", "peer [REDACTED]:5432 and [REDACTED]"),
        ("from 2001:db8:85a3:0:0:8a2e:370:7334", "from [REDACTED]"),
        ("from fe80::1 and ::1 and 2001:db8::8a2e:370:7334", "from [REDACTED] and [REDACTED] and [REDACTED]"),
        ("at 12:34:56 version 1.4.2 of std::vec::Vec, aa:bb:cc:dd:ee:ff", None),
        ("999.1.1.1 costs 10.000,00 @ 3 pm", None),
    ],
)
def test_strict__who_somebody_is__is_hidden(line: str, shown: str | None) -> None:
    assert show(line, profile=STRICT)["message"] == (shown or line)
    assert show(line, profile=STANDARD)["message"] == line


def test_strict__everywhere__and_counted_with_the_rest() -> None:
    said = {"pod": "10.0.3.7", "fields": '{"by": ["ann@x.io"]}'}

    event = show("password=hunter22 for tom@x.io", profile=STRICT, said=said)

    assert (event["pod"], event["fields"]) == ("[REDACTED]", {"by": ["[REDACTED]"]})
    assert event["redactions"] == [
        {"kind": "email", "count": 2},
        {"kind": "ip", "count": 1},
        {"kind": "named_secret", "count": 1},
    ]


def test_profiles__of_one_line__are_made_of_one_redaction() -> None:
    preparer = Preparer(SOURCE, compile_rules())
    pairs = [b"tenant", TENANT.encode(), b"extension", b"ext-1", b"message", b"password=hunter22 tom@x.io"]

    shown = preparer.prepare_for((STANDARD, STRICT), EntryId(5, 0), pairs, 1)

    texts = {profile: item.line.message for profile, item in shown.items() if isinstance(item, Prepared)}
    assert texts == {STANDARD: "password=[REDACTED] tom@x.io", STRICT: "password=[REDACTED] [REDACTED]"}
