"""The rules of one project, compiled: secret names, shapes of secrets, and one prefilter over all of them.

The prefilter is a single RE2 pattern that looks at the raw bytes of a value, escapes and all, and finds *at least*
everything the exact rules would. Nearly every value of a trace passes it in one scan (about 2 µs per KB) and is not
looked at again. What makes that safe:

- word boundaries are never required, because the `n` of an escaped line break is a letter;
- white space may be written as an escape, quotes may have any number of backslashes, `/` may be `\\/`;
- an escape of a printable ASCII character (`\\u0070`) is itself a hit, so no name and no secret can hide in one;
- a project's own patterns are tried on raw bytes only where these equal the text.
"""

from __future__ import annotations

import copy
import functools
import re
from typing import Any

import re2

from .names import NAME_LIMIT, SECRET_KEYS, SECRET_WORDS, SecretNames, spell_key_name

MARKER = "[REDACTED]"

SPACE = r"(?:\s|\\[nrt])"

SECRET_SHAPES = (
    # JSON web tokens; the third part of an unsigned one is empty.
    r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)+",
    # GitHub and GitLab.
    r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}",
    # Model providers: OpenAI, Anthropic, OpenRouter, Langfuse; Groq, xAI, Perplexity, Hugging Face, Replicate.
    r"\bsk-(?:proj|ant|svcacct|admin|or|lf)-[\w-]{12,}|\bsk-(?:[A-Za-z0-9]+-){0,2}[A-Za-z0-9_]{20,}",
    r"\b(?:gsk_|xai-|pplx-)[A-Za-z0-9]{20,}|\bhf_[A-Za-z0-9]{30,}|\br8_[A-Za-z0-9]{30,}",
    # Google API keys and OAuth.
    r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}",
    # Slack tokens and webhooks.
    r"\bxox[abceoprs]-[\w-]{10,}|\bxapp-\d-[\w-]{10,}|\bhooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]{20,}",
    # AWS access key ids, with the secret key when it stands right behind.
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b(?:[^A-Za-z0-9/+]{1,8}[A-Za-z0-9/+]{40})?",
    # Stripe, npm, PyPI, SendGrid, DigitalOcean, Telegram bots.
    r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_\w{16,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-AgE\w[\w-]{20,}",
    r"\bSG\.[\w-]{16,}\.[\w-]{16,}|\bdo[opr]_v1_[a-f0-9]{40,}|\b\d{8,10}:AA[\w-]{33}",
    # Our own keys: `ed_<public id>.<secret>`.
    r"\bed_[0-9a-f]{16}\.[0-9a-f]{32,}|\bed_[0-9a-f]{64}",
)
"""Texts that are secrets by their look alone. Exact: tried on decoded text."""

_RAW_SECRET_SHAPES = (
    r"eyJ[\w-]{6}",
    r"gh[pousr]_[A-Za-z0-9]{20}|github_pat_\w{20}|glpat-[\w-]{20}",
    r"sk-(?:proj|ant|svcacct|admin|or|lf)-|sk-(?:[A-Za-z0-9]+-){0,2}[A-Za-z0-9_]{20}",
    r"(?:gsk_|xai-|pplx-)[A-Za-z0-9]{20}|hf_[A-Za-z0-9]{30}|r8_[A-Za-z0-9]{30}",
    r"AIza[\w-]{35}|ya29\.[\w-]{20}|GOCSPX-",
    r"xox[abceoprs]-[\w-]{10}|xapp-\d-|hooks\.slack\.com",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
    r"[rs]k_(?:live|test)_|whsec_\w{16}|npm_[A-Za-z0-9]{30}|pypi-AgE",
    r"SG\.[\w-]{16,}\.|do[opr]_v1_|\d{8}:AA[\w-]{33}",
    r"ed_[0-9a-f]{16}(?:\.|[0-9a-f])[0-9a-f]{31}",
)
"""For each of `SECRET_SHAPES`, what every match of it contains however the text was escaped."""

_RAW_OTHERS = (
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
    rf"(?i)(?:bearer|basic){SPACE}+[\w.~+/\\=-]{{8}}",
    # The user part of a URL. A password may hold anything but white space, quotes and slashes.
    r":\\?/\\?/[^\s/\"'<>@:]*:[^\s/\"'<>]+@",
    rf"(?i)(?:[?&;]|\\u0026){SPACE}*(?:sig|signature|auth|pwd|pass|x-(?:amz|goog)-(?:signature|credential))=",
    # Escapes of printable ASCII, except `<`, `>`, `&` and `'`, which some encoders always escape.
    r"\\u00(?:2[0-57-9a-fA-F]|3[0-9abdABDfF]|[4-7][0-9a-fA-F])",
)


class InvalidRedactionRuleError(ValueError):
    """A project's rule cannot be used. The message names the rule and says why."""


def compile_bytes(pattern: str, *, is_utf8: bool = False) -> Any:
    """Compile an RE2 pattern over bytes. Raises `re2.error`."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8 if is_utf8 else re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = 64 * 2**20
    return re2.compile(pattern.encode(), options)


def join_patterns(patterns: tuple[str, ...]) -> str:
    """Return the alternation of patterns whose inline flags stay their own."""
    return "|".join(f"(?:{pattern})" for pattern in patterns)


class RedactionRules:
    """What one project redacts. Made by `compile_rules`, which returns the same object for the same arguments."""

    def __init__(self, *, key_names: tuple[str, ...], patterns: tuple[tuple[str, str], ...], marker: str) -> None:
        _check_marker(marker)
        for name in key_names:
            _check_key_name(name)
        for name, pattern in patterns:
            _check_pattern(name, pattern)
        spelled = "".join(f"|{spell_key_name(name)}" for name in key_names)
        self.tally: dict[str, int] | None = None
        """Where to count what is replaced, by kind: of rules made by `counting` alone."""
        self.marker = marker.encode()
        self.names = SecretNames(key_names)
        words = SECRET_WORDS + spelled
        self.assignment = compile_bytes(rf"(?i)((?:{words}))(?:\\*[\"'`]\s*|[ \t]*)(?:=>|:=|==?|:)")
        self.flag = compile_bytes(rf"(?i)(--[\w-]*(?:{words}))\s+[\"']?([^\s\"'-][^\s\"']*)")
        self.prefilter = compile_bytes(_build_prefilter(SECRET_KEYS + spelled))
        self.custom = _compile_custom(tuple(pattern for _, pattern in patterns))
        self.is_custom_anchored = any(re.search(r"[\^$]|\\[AzZ]", pattern) for _, pattern in patterns)

    def counting(self) -> RedactionRules:
        """Return the same rules with a `tally` of their own, for one caller that clears it when it likes."""
        rules = copy.copy(self)
        rules.tally = {}
        return rules


@functools.lru_cache(maxsize=1_024)
def compile_rules(
    *, key_names: tuple[str, ...] = (), patterns: tuple[tuple[str, str], ...] = (), marker: str = MARKER
) -> RedactionRules:
    """Compile the built-in rules with a project's own.

    `key_names` are further names whose values are secret; they match in any spelling (`card number`, `cardNumber`,
    `CARD-NUMBER`) and also at the end of a longer name. `patterns` are pairs of a rule name and an RE2 pattern; what
    one matches inside a text is replaced. Raises `InvalidRedactionRuleError`.
    """
    return RedactionRules(key_names=key_names, patterns=patterns, marker=marker)


def _build_prefilter(keys: str) -> str:
    names = (
        # A key of an object, or an assignment in text: `"name":`, `\"name\":`, `name =`.
        rf"(?i)(?:{keys})(?:\\*[\"'`])?{SPACE}*[:=]",
        # A name that is a value: `{{"name": "authorization", "value": ...}}`, `["--token", ...]`.
        rf"(?i)(?:{keys})\\*\"{SPACE}*[,}}\]]",
        rf"(?i)--[\w-]*(?:{keys}){SPACE}",
    )
    return join_patterns(names + _RAW_SECRET_SHAPES + _RAW_OTHERS)


def _compile_custom(patterns: tuple[str, ...]) -> Any:
    if not patterns:
        return None
    try:
        return compile_bytes(join_patterns(patterns), is_utf8=True)
    except re2.error as error:
        raise InvalidRedactionRuleError(f"The patterns are too large together: {_describe(error)}") from error


def _check_marker(marker: str) -> None:
    if not re.fullmatch(r"[\[(<*{]?[A-Za-z0-9 _*-]{1,40}[\])>*}]?", marker):
        raise InvalidRedactionRuleError("The marker may hold 1 to 40 letters, digits and spaces, in brackets.")


def _check_key_name(name: str) -> None:
    if not re.search(r"[^-_. ]", name) or len(name.encode()) > NAME_LIMIT or re.search(r"[\"'`\\\t\n\r:=]", name):
        raise InvalidRedactionRuleError(f"Key name {name!r} must be 1 to {NAME_LIMIT} bytes without quotes, : or =.")


def _check_pattern(name: str, pattern: str) -> None:
    if not pattern or len(pattern) > 1_000:
        raise InvalidRedactionRuleError(f"Rule {name!r}: a pattern has 1 to 1,000 characters.")
    try:
        compiled = compile_bytes(pattern, is_utf8=True)
    except re2.error as error:
        raise InvalidRedactionRuleError(f"Rule {name!r} is not a valid RE2 pattern: {_describe(error)}") from error
    samples = (compiled.search(b""), compiled.search(b"a b\n1"))
    if any(found is not None and found.start() == found.end() for found in samples):
        raise InvalidRedactionRuleError(f"Rule {name!r} matches the empty text, so it would match everywhere.")


def _describe(error: Exception) -> str:
    reason = error.args[0] if error.args else "not understood"
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
