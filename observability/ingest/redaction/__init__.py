"""Redaction: the one place where secrets leave a value before it is stored, for every door.

Pure functions over bytes and text. `compile_rules` gives the rules of a project; `redact_event` and `redact_log` apply
them to records; `redact_json` and `redact_text` to single values. Each returns the *same object* when nothing was
redacted.
"""

from .document import redact_json, redact_text
from .events import RedactedEvent, find_suspects, redact_event, redact_log, redact_resource
from .rules import MARKER, InvalidRedactionRuleError, RedactionRules, compile_rules

__all__ = [
    "MARKER",
    "InvalidRedactionRuleError",
    "RedactedEvent",
    "RedactionRules",
    "compile_rules",
    "find_suspects",
    "redact_event",
    "redact_json",
    "redact_log",
    "redact_resource",
    "redact_text",
]
