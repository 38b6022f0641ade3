"""The evaluations as forms: which fields each has, in the words of the pages. Names are those of the evaluators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CheckField:
    """One field. `lines` is a list of texts, one a line; `json` any JSON. Left empty, it is not sent."""

    name: str
    label: str
    kind: Literal["text", "number", "lines", "long", "json", "choice", "flag"]
    initial: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class CheckForm:
    """One type of evaluation."""

    type: str
    label: str
    says: str
    fields: tuple[CheckField, ...]


_TEXTS = CheckField("substrings", "Texts, one a line", "lines", is_required=True)
_CASE = CheckField("case_sensitive", "Upper and lower case differ", "flag", "true")
_MATCHES = (("structural", "in structure"), ("exact", "to the letter"), ("similarity", "nearly, in words"))

CHECK_FORMS = (
    CheckForm(
        "same_as_original",
        "Same as the original",
        "The output is what the source answered.",
        (
            CheckField("match", "Same", "choice", "structural", _MATCHES),
            CheckField("ignored_paths", "Paths left out, one a line", "lines"),
            CheckField("similarity_threshold", "Least likeness, 0 to 1", "number"),
        ),
    ),
    CheckForm("output-contains", "Output contains", "Every one of these texts is in the output.", (_TEXTS, _CASE)),
    CheckForm("output-not-contains", "Output lacks", "None of these texts is in the output.", (_TEXTS, _CASE)),
    CheckForm(
        "regex", "Pattern", "RE2 finds it in the output.", (CheckField("pattern", "Pattern", "text", is_required=True),)
    ),
    CheckForm(
        "output-schema",
        "Schema",
        "The output is JSON of this form.",
        (
            CheckField("required_keys", "Keys it must have, one a line", "lines"),
            CheckField("schema", "JSON schema", "json"),
        ),
    ),
    CheckForm(
        "latency-budget",
        "Latency budget",
        "The run takes no longer.",
        (CheckField("max_duration_ms", "Milliseconds", "number", "5000", is_required=True),),
    ),
    CheckForm(
        "token-budget",
        "Token budget",
        "The run uses no more.",
        (CheckField("max_tokens", "Tokens", "number", "4000", is_required=True),),
    ),
    CheckForm(
        "cost-budget",
        "Cost budget",
        "The run costs no more.",
        (CheckField("max_cost_usd", "US dollars", "number", "0.05", is_required=True),),
    ),
    CheckForm(
        "tool-called",
        "Tool called",
        "The run calls this tool.",
        (
            CheckField("tool_name", "Tool", "text", is_required=True),
            CheckField("min_times", "At least", "number"),
            CheckField("max_times", "At most", "number"),
        ),
    ),
    CheckForm(
        "determinism",
        "Determinism",
        "All runs answer alike.",
        (CheckField("similarity_threshold", "Least likeness, 0 to 1", "number"),),
    ),
    CheckForm(
        "llm-judge",
        "Judge",
        "A model scores the output from 1 to 10.",
        (
            CheckField("prompt", "What to judge by", "long", is_required=True),
            CheckField("score_threshold", "Least score", "number", "7"),
        ),
    ),
)

THRESHOLDS = (("all", "all runs"), ("majority", "most runs"), ("any", "any run"))
LABELS = {form.type: form.label for form in CHECK_FORMS}
