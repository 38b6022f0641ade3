from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.records import EventRecord, LogRecord, ResourceRecord
from observability.ingest.redaction import (
    InvalidRedactionRuleError,
    compile_rules,
    redact_event,
    redact_json,
    redact_log,
    redact_text,
)

RULES = compile_rules()

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
GITHUB = "ghs_16C7e42F292c6912E7710c838347Ae178B4a"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\nq2Xo4Qe9vD==\n-----END RSA PRIVATE KEY-----"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

# Texts, each with the secret in it, in the order of contract `runs-logs.md` A1.5 and A7.
SECRETS = [
    ('{"access_token": "abc123def"}', "abc123def"),
    ("authorization=Bearer abc123def", "abc123def"),
    ("client_secret=s3cr3t-value", "s3cr3t-value"),
    ("password: hunter2", "hunter2"),
    ("Refresh-Token = r3fr3sh", "r3fr3sh"),
    ("DB_PASSWORD='correct horse'", "correct horse"),
    ("GET https://x.io/cb?id_token=abc123def&page=2", "abc123def"),
    ("https://s3.amazonaws.com/b/k?X-Amz-Signature=0a1b2c3d4e&x=1", "0a1b2c3d4e"),
    ("sent Bearer abcdefgh12345678", "abcdefgh12345678"),
    ("sent Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="),
    (f"token {JWT} expired", JWT),
    (f"using {GITHUB}", GITHUB),
    ("github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz", "11ABCDEFG0abcdefghijkl"),
    (f"git clone https://x-access-token:{GITHUB}@github.com/acme/app.git", GITHUB),
    ("sk-abcdefghijklmnopqrst1234", "abcdefghijklmnopqrst1234"),
    ("sk-proj-AbCdEf-GhIjKlMnOp", "AbCdEf-GhIjKlMnOp"),
    ("sk-ant-api03-AbCdEfGh_IjKl-MnOp", "AbCdEfGh_IjKl-MnOp"),
    ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
    (f"AWS_SECRET_ACCESS_KEY={AWS_SECRET}", AWS_SECRET),
    (f"AKIAIOSFODNN7EXAMPLE,{AWS_SECRET}", AWS_SECRET),
    ("xoxb-123456789012-abcdefABCDEF", "123456789012-abcdefABCDEF"),
    (f"key:\n{PEM}\ndone", "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn"),
    ("postgres://app:p@ss-w0rd@db:5432/app", "p@ss-w0rd"),
    ("curl --password hunter2 https://x.io", "hunter2"),
    ("Cookie: session=abc123; theme=dark123", "theme=dark123"),
    ("{'api_key': 'abc123def'}", "abc123def"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "SyA1234567890"),
]
TEXTS = [text for text, _ in SECRETS]

PLAIN = [
    "A plain sentence about tokens, secrets and a password stays as it is.",
    "Basic information about Bearer authentication",
    "max_tokens: 4096, token_count=12, tokenizer: cl100k_base",
    "next_page_token=abcdef std::token::Kind",
    "def login(password: str, token: Optional[str] = None) -> None:",
    "api_key = os.environ[KEY_NAME]",
    "https://example.com/a?page=2&sort=key",
    "task-abcdefghijklmnopqrstuvwxyz",
    "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
]

SECRET_KEYS = [
    "access_token", "refresh_token", "id_token", "token", "api_key", "api-key", "apikey", "apiKey", "openaiApiKey",
    "client_secret", "clientSecret", "secret", "password", "DB.PASSWORD", "passphrase", "authorization",
    "Proxy-Authorization", "x-api-key", "X-API-KEY", "private_key", "privateKey", "session_token", "cookie",
    "Set-Cookie", "aws_secret_access_key",
]  # fmt: skip
HARMLESS_KEYS = [
    "max_tokens", "token_count", "input_tokens", "totalTokens", "llm.token_count.prompt", "tokenizer", "tokens",
    "next_page_token", "secretary", "public_key", "sort_key", "passed", "authorized", "time_to_first_token",
]  # fmt: skip


def _redact(value: object) -> Any:
    return json.loads(redact_json(json.dumps(value).encode(), RULES))


# --- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_redact_json__secret_key__hides_its_value(key: str) -> None:
    assert _redact({key: "hunter2"}) == {key: "[REDACTED]"}


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_redact_json__harmless_key__keeps_its_value(key: str) -> None:
    value = json.dumps({key: "some text", "n": 3}).encode()

    assert redact_json(value, RULES) is value


@pytest.mark.parametrize("kept", [None, True, False, "", [], {}])
def test_redact_json__secret_key_without_a_secret__keeps_what_it_says(kept: object) -> None:
    assert _redact({"password": kept}) == {"password": kept}


@pytest.mark.parametrize("hidden", ["x", 12345, ["a", "b"], {"value": "a"}, [["a"]]])
def test_redact_json__secret_key__hides_values_of_every_type(hidden: object) -> None:
    assert _redact({"password": hidden}) == {"password": "[REDACTED]"}


def test_redact_json__number_under_a_token_key__is_a_count_and_stays() -> None:
    assert _redact({"token": 12}) == {"token": 12}


def test_redact_json__name_and_value_beside_each_other__hides_the_value() -> None:
    value = {
        "headers": [{"name": "Authorization", "value": "Bearer a"}, {"value": "zzz", "name": "X-Api-Key"}],
        "pairs": [["authorization", "yyy"], ["accept", "json"]],
        "argv": ["run", "--token", "abc", "--verbose"],
        "attributes": [{"key": "db.password", "value": {"stringValue": "abc"}}],
    }

    assert _redact(value) == {
        "headers": [{"name": "Authorization", "value": "[REDACTED]"}, {"value": "[REDACTED]", "name": "X-Api-Key"}],
        "pairs": [["authorization", "[REDACTED]"], ["accept", "json"]],
        "argv": ["run", "--token", "[REDACTED]", "--verbose"],
        "attributes": [{"key": "db.password", "value": "[REDACTED]"}],
    }


def test_redact_json__json_schema_of_a_tool__is_no_secret() -> None:
    schema = {"password": {"type": "string", "description": "as typed"}, "token": {"$ref": "#/x"}}
    value = json.dumps({"parameters": {"properties": schema, "required": ["password", "token"]}}).encode()

    assert redact_json(value, RULES) is value


def test_redact_json__schema_like_object_with_a_value__is_hidden() -> None:
    assert _redact({"secret": {"type": "string", "value": "hunter2"}}) == {"secret": "[REDACTED]"}


def test_redact_json__log_probabilities__keep_their_tokens() -> None:
    value = json.dumps({"content": [{"token": " the", "logprob": -0.1, "bytes": [32]}]}).encode()

    assert redact_json(value, RULES) is value


# --- texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_redact_text__secret__is_hidden(text: str, secret: str) -> None:
    redacted = redact_text(text, RULES)

    assert secret not in redacted
    assert "[REDACTED]" in redacted


@pytest.mark.parametrize("text", PLAIN)
def test_redact_text__plain__is_the_same_object(text: str) -> None:
    assert redact_text(text, RULES) is text


def test_redact_text__list_of_assignments__hides_each_value_and_nothing_else() -> None:
    text = "id=7 token=abc123, password: hunter2; api-key='a b', x=1"

    assert redact_text(text, RULES) == "id=7 token=[REDACTED], password: [REDACTED]; api-key='[REDACTED]', x=1"


def test_redact_text__clone_url__keeps_host_and_path() -> None:
    text = f"git clone https://x-access-token:{GITHUB}@github.com/acme/app.git"

    assert redact_text(text, RULES) == "git clone https://x-access-token:[REDACTED]@github.com/acme/app.git"


def test_redact_text__url_parameter__keeps_the_others() -> None:
    assert redact_text("/cb?a=1&token=abc123&b=2#top", RULES) == "/cb?a=1&token=[REDACTED]&b=2#top"


def test_redact_text__header_lines__keep_the_scheme() -> None:
    text = "Authorization: Bearer abc123\r\nAccept: */*"

    assert redact_text(text, RULES) == "Authorization: Bearer [REDACTED]\r\nAccept: */*"


def test_redact_text__json_inside_prose__ends_at_its_own_quote() -> None:
    inner = json.dumps({"password": 'a"b', "next": json.dumps({"token": 'c"d', "ok": 1})})

    redacted = redact_text(f"Got {inner} back", RULES)

    after = json.loads(redacted.removeprefix("Got ").removesuffix(" back"))
    assert after["password"] == "[REDACTED]"
    assert json.loads(after["next"]) == {"token": "[REDACTED]", "ok": 1}


def test_redact_text__two_unended_private_keys__hides_both() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n and -----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiH"

    redacted = redact_text(text, RULES)

    assert "MIIE" not in redacted
    assert " and " in redacted


# --- inside JSON, however it is written ---------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_redact_json__secret_in_a_string__is_hidden(text: str, secret: str) -> None:
    redacted = _redact({"content": [f"line\n{text}"]})

    assert secret not in redacted["content"][0]


def test_redact_json__escaped_name_and_secret__are_seen() -> None:
    value = b'{"\\u0070assword":"hunter2","x":"\\u0073k-proj-AbCdEfGhIjKlMnOp","y":"pass\\u0077ord=abc123"}'

    redacted = json.loads(redact_json(value, RULES))

    assert redacted == {"password": "[REDACTED]", "x": "[REDACTED]", "y": "password=[REDACTED]"}


def test_redact_json__json_in_strings__is_redacted_at_every_level() -> None:
    value: object = {"password": "hunter2", "n": 12345678901234567890}
    for _ in range(5):
        value = {"body": json.dumps(value)}

    redacted = _redact(value)

    for _ in range(5):
        redacted = json.loads(redacted["body"])
    assert redacted == {"password": "[REDACTED]", "n": 12345678901234567890}


def test_redact_json__everything_else__stays_byte_for_byte() -> None:
    value = b'{ "n":1E400 , "big":123456789012345678901234567890,"a":0.10, "a":1,\n"token":"x" ,"u":"\\u00e9\\/" }'

    assert redact_json(value, RULES) == value.replace(b'"x"', b'"[REDACTED]"')


@pytest.mark.parametrize(
    "value",
    [
        b'{"token":"\\ud800","x":NaN}',
        b'{"x":"\\ud800 password=hunter2"}',
        b"[" * 5_000 + b'"password=hunter2"' + b"]" * 5_000,
    ],
)
def test_redact_json__json_few_readers_take__is_redacted(value: bytes) -> None:
    redacted = redact_json(value, RULES)

    assert b"hunter2" not in redacted
    assert b"[REDACTED]" in redacted


def test_redact_json__no_json__is_redacted_as_text() -> None:
    assert redact_json(b"password=hunter2 \xff", RULES) == b"password=[REDACTED] \xff"


def test_redact_json__large_nested_schemas__stay_linear() -> None:
    level = b'{"token":{"type":"object","properties":'
    value = level * 20_000 + b"{}" + b"}}" * 20_000

    redacted = redact_json(value, RULES)

    assert redacted.count(b"{") == redacted.count(b"}")


# --- properties ---------------------------------------------------------------------------------------------------

_fragments = st.sampled_from(
    [
        *TEXTS,
        *SECRET_KEYS,
        *PLAIN,
        "[REDACTED]",
        '"',
        "'",
        "\\",
        ":",
        "=",
        ", ",
        "{",
        "}",
        "[",
        "]",
        "\n",
        "é",
        "\ud83d",
    ]
)
_texts = st.lists(_fragments | st.text(max_size=8), max_size=6).map("".join)
_keys = st.sampled_from([*SECRET_KEYS, *HARMLESS_KEYS, "name", "value", "key", "content"]) | _texts
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4) | inner.map(json.dumps),
    max_leaves=12,
)


def _write(value: object, *, seed: int) -> bytes:
    """Write JSON with characters of its strings escaped at random, quotes and backslashes left to the encoder."""
    choose = random.Random(seed)

    def escape(found: re.Match[str]) -> str:
        piece = found[0]
        is_single = len(piece) == 1 and piece not in '"{}[],: \n' and ord(piece) < 128
        return f"\\u{ord(piece):04X}" if is_single and choose.random() < 0.15 else piece

    def escape_string(found: re.Match[str]) -> str:
        inner = re.sub(r"\\(?:u[0-9a-fA-F]{4}|.)|.", escape, found[0][1:-1], flags=re.DOTALL)
        return f'"{inner}"'

    text = json.dumps(value, ensure_ascii=choose.random() < 0.5, indent=choose.choice([None, 1]))
    if choose.random() < 0.5:
        text = text.replace("/", "\\/")
    text = re.sub(r'"(?:[^"\\]|\\.)*"', escape_string, text)
    assert json.loads(text) == value
    return text.encode(errors="surrogatepass")


@given(text=st.sampled_from(SECRETS), before=_texts, levels=st.integers(0, 3), seed=st.integers())
def test_redact_json__secret_written_in_any_way__is_hidden(
    text: tuple[str, str], before: str, levels: int, seed: int
) -> None:
    value: object = {"before": before, "content": f"{text[0]} "}
    for _ in range(levels):
        value = {"body": json.dumps(value)}

    redacted: Any = json.loads(redact_json(_write(value, seed=seed), RULES))

    for _ in range(levels):
        redacted = json.loads(redacted["body"])
    assert text[1] not in redacted["content"]


@given(value=_values, seed=st.integers())
def test_redact_json__redacted_again__does_not_change(value: object, seed: int) -> None:
    once = redact_json(_write(value, seed=seed), RULES)

    assert redact_json(once, RULES) is once


@given(value=_values, seed=st.integers())
def test_redact_json__any_value__stays_json_of_the_same_shape(value: object, seed: int) -> None:
    written = _write(value, seed=seed)

    redacted = json.loads(redact_json(written, RULES).decode(errors="surrogatepass"))

    assert _has_shape_of(redacted, value)


def _has_shape_of(redacted: Any, value: Any) -> bool:
    """Tell whether a value was kept, hidden, or redacted somewhere inside."""
    if redacted == value or redacted == "[REDACTED]":
        return True
    if isinstance(value, str):
        return isinstance(redacted, str)
    if isinstance(value, list):
        return len(redacted) == len(value) and all(map(_has_shape_of, redacted, value))
    return isinstance(value, dict) and all(map(_has_shape_of, redacted.values(), value.values()))


@given(text=_texts)
def test_redact_text__redacted_again__does_not_change(text: str) -> None:
    once = redact_text(text, RULES)

    assert redact_text(once, RULES) is once


@given(value=st.binary(max_size=200) | _texts.map(lambda text: text.encode(errors="surrogatepass")[:-1]))
def test_redact_json__any_bytes__never_fails(value: bytes) -> None:
    assert isinstance(redact_json(value, RULES), bytes)


# --- a project's own rules ----------------------------------------------------------------------------------------


def test_compile_rules__same_arguments__gives_the_same_object() -> None:
    assert compile_rules(key_names=("ssn",)) is compile_rules(key_names=("ssn",))


@pytest.mark.parametrize("key", ["card number", "cardNumber", "CARD-NUMBER", "user.card_number", "userCardNumber"])
def test_redact_json__own_key_name__matches_in_every_spelling(key: str) -> None:
    rules = compile_rules(key_names=("card_number",))

    assert redact_json(json.dumps({key: "4111"}).encode(), rules) == json.dumps({key: "[REDACTED]"}).encode()


def test_redact_json__own_key_name_inside_a_word__does_not_match() -> None:
    value = b'{"lessn": "abc"}'

    assert redact_json(value, compile_rules(key_names=("ssn",))) is value


@pytest.mark.parametrize("pattern", [r"ACME-\d{6}", r"^ACME-\d+", r"\bACME-\d+$", r"ACME-\d+\n?", r"(?i)acme-[0-9]+"])
@pytest.mark.parametrize("text", ["ACME-123456", "a\nACME-123456", 'say "ACME-123456'])
def test_redact_json__own_pattern__is_applied_to_decoded_strings(pattern: str, text: str) -> None:
    rules = compile_rules(patterns=(("order number", pattern),))
    expected = re.compile(pattern).search(text) is None

    redacted = json.loads(redact_json(json.dumps({"x": text}).encode(), rules))

    assert ("123456" in redacted["x"]) is expected


def test_redact_text__own_pattern_that_matches_the_marker__leaves_markers() -> None:
    rules = compile_rules(patterns=(("words", r"[A-Z]{4,}"),))

    once = redact_text("password=hunter2 HELLO", rules)

    assert once == "password=[REDACTED] [REDACTED]"
    assert redact_text(once, rules) is once


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("(", "missing"), (r"(?<=a)b", "(?<"), (r"(a)\1", "escape"), ("x*", "empty"), ("", "1 to"), ("a" * 1001, "1 to")],
)
def test_compile_rules__unusable_pattern__is_refused_by_name(pattern: str, reason: str) -> None:
    with pytest.raises(InvalidRedactionRuleError, match="card numbers") as refused:
        compile_rules(patterns=(("card numbers", pattern),))

    assert reason in str(refused.value)


@pytest.mark.parametrize("name", ["", "  ", 'a"b', "a=b", "x" * 200])
def test_compile_rules__unusable_key_name__is_refused(name: str) -> None:
    with pytest.raises(InvalidRedactionRuleError):
        compile_rules(key_names=(name,))


def test_redact_json__own_marker__is_used() -> None:
    rules = compile_rules(marker="***")

    assert redact_json(b'{"password":"hunter2"}', rules) == b'{"password":"***"}'


# --- records ------------------------------------------------------------------------------------------------------


def _event(**changes: Any) -> EventRecord:
    fields: dict[str, Any] = {
        "trace_id": "t", "span_id": "s", "started_at_us": 1, "ended_at_us": 2, "kind": "http", "name": "fetch",
        "status": "ok", "source": "sdk",
    }  # fmt: skip
    return EventRecord(**{**fields, **changes})


def test_redact_event__nothing_secret__is_the_same_object() -> None:
    event = _event(input=b'{"max_tokens":5}', output=b"null", tags=("a",), resource=ResourceRecord(attributes=b"{}"))

    redacted = redact_event(event, RULES)

    assert redacted.event is event
    assert redacted.originals == {}


def test_redact_event__http_call__keeps_what_a_replay_compares_as_originals() -> None:
    source = b'{"url":"https://x.io/?token=abc123","method":"GET","headers":{"Authorization":"Bearer abc"}}'
    event = _event(input=source, output=b'{"ok":true}', name="https://x.io/?token=abc123")

    redacted = redact_event(event, RULES)

    assert redacted.event.input == (
        b'{"url":"https://x.io/?token=[REDACTED]","method":"GET","headers":{"Authorization":"[REDACTED]"}}'
    )
    assert redacted.event.name == "https://x.io/?token=[REDACTED]"
    assert redacted.originals == {"input": source, "name": b"https://x.io/?token=abc123"}


def test_redact_event__every_text__is_redacted() -> None:
    secret = "password=hunter2"
    event = _event(
        error_message=secret,
        error_stack=secret,
        attributes=json.dumps({"x": secret}).encode(),
        extra=json.dumps({"x": secret}).encode(),
        tags=("a", secret),
        resource=ResourceRecord(attributes=json.dumps({"resource": {"x": secret}}).encode()),
    )

    redacted = redact_event(event, RULES)

    assert "hunter2" not in repr(redacted.event)
    assert set(redacted.originals) == {"extra"}


def test_redact_log__message_and_fields__are_redacted() -> None:
    log = LogRecord(
        trace_id="t",
        logged_at_us=1,
        stream="stdout",
        level="info",
        message='{"password": "hunter2"}',
        fields=b'{"token":"hunter2"}',
    )

    redacted = redact_log(log, RULES)

    assert redacted.message == '{"password": "[REDACTED]"}'
    assert redacted.fields == b'{"token":"[REDACTED]"}'
    assert redact_log(redacted, RULES) is redacted
