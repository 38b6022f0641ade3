"""The text grammar for traces, one for the page, its address and the API: `status:error cost>0.01 "refund"`.

`docs/query.md` describes it to users. Pure: from text to values and back. What a query means in SQL is in
`selectors/trace_filters.py`.

- `fields.py` says which fields there are and of what kind their values are.
- `parse.py` reads a text. It is written by hand because its errors are read by people who are still typing: each
  names the place and what to write instead.
- `nodes.py` holds what was read, `Query` and its parts, and writes it back in one canonical spelling.
"""

from observability.query.errors import QueryError
from observability.query.fields import FIELDS, Field, FieldKind, find_field
from observability.query.nodes import NO_QUERY, And, Node, Not, Or, Query, Term, Text
from observability.query.parse import MOST_CHARACTERS, Parser, parse_query
from observability.query.values import Exact, Pattern, Regex, Value

__all__ = [
    "FIELDS",
    "MOST_CHARACTERS",
    "NO_QUERY",
    "And",
    "Exact",
    "Field",
    "FieldKind",
    "Node",
    "Not",
    "Or",
    "Parser",
    "Pattern",
    "Query",
    "QueryError",
    "Regex",
    "Term",
    "Text",
    "Value",
    "find_field",
    "parse_query",
]
