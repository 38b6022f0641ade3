"""What a query says, as a tree, and its one canonical spelling.

Trees are made through `all_of`, `any_of` and `negate`, which keep them in one form: no AND directly inside an AND, no
OR directly inside an OR, no double negation, and `-field:value` is the term `field!=value`. So
`parse_query(query.to_text()) == query`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from observability.query.fields import FIELDS
from observability.query.values import Exact, Value, write_value, write_word

EQUAL, NOT_EQUAL = ":", "!="


@dataclass(frozen=True, slots=True)
class Term:
    """A condition on one field: any of the values (none of them, for `!=`). `field` is a name in `FIELDS`."""

    field: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Text that the trace has by its search terms (`ingest/terms.py`), or that is its id."""

    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """What does not match the item."""

    item: Node


@dataclass(frozen=True, slots=True)
class And:
    """What matches all items."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What matches any of the items."""

    items: tuple[Node, ...]


Node = Term | Text | Not | And | Or


@dataclass(frozen=True, slots=True)
class Part:
    """One condition of the outermost AND, as a filter bar shows it. `field` is empty for text and groups."""

    index: int
    node: Node
    text: str
    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked; without a `root`, everything."""

    root: Node | None = None

    def __bool__(self) -> bool:
        """Say whether anything is asked."""
        return self.root is not None

    @property
    def items(self) -> tuple[Node, ...]:
        """Return the conditions that must all hold."""
        if self.root is None:
            return ()
        return self.root.items if isinstance(self.root, And) else (self.root,)

    @property
    def has_text(self) -> bool:
        """Say whether text is searched for anywhere in it."""
        return any(isinstance(node, Text) for node in walk(self.root))

    def to_text(self) -> str:
        """Return the canonical spelling."""
        return _write(self.root) if self.root is not None else ""

    def terms(self) -> list[Part]:
        """Return the conditions that must all hold, each with its spelling."""
        return [_describe(index, item) for index, item in enumerate(self.items)]

    def list_values(self, field: str) -> tuple[str, ...]:
        """Return the values that the field must have one of; wildcards and everything not outermost left out."""
        return tuple(
            value.text
            for item in self.items
            if isinstance(item, Term) and (item.field, item.operator) == (field, EQUAL)
            for value in item.values
            if isinstance(value, Exact)
        )

    def with_item(self, item: Node) -> Query:
        """Return the query narrowed by one more condition."""
        return make_query([*self.items, item])

    def with_term(self, field: str, operator: str, value: str) -> Query:
        """Return the query narrowed to an exact text, or for a field that has values already, widened by one.

        For facets: `status:error` with `running` is `status:error,running`.
        """
        added = Exact(value)
        for index, item in enumerate(self.items):
            if isinstance(item, Term) and (item.field, item.operator) == (field, operator):
                if added in item.values:
                    return self
                wider = replace(item, values=(*item.values, added))
                return make_query([*self.items[:index], wider, *self.items[index + 1 :]])
        return self.with_item(Term(field, operator, (added,)))

    def without_term(self, index: int) -> Query:
        """Return the query without one of its `terms()`."""
        return make_query(item for at, item in enumerate(self.items) if at != index)

    def without_field(self, field: str) -> Query:
        """Return the query without the outermost terms of a field."""
        return make_query(item for item in self.items if not (isinstance(item, Term) and item.field == field))


NO_QUERY = Query()


def make_query(items: Iterable[Node]) -> Query:
    """Return the query in which all of these must hold."""
    given = list(items)
    return Query(all_of(given)) if given else NO_QUERY


def all_of(items: Iterable[Node]) -> Node:
    """Return what matches all of the items, of which there is at least one."""
    flat = [each for item in items for each in (item.items if isinstance(item, And) else (item,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(items: Iterable[Node]) -> Node:
    """Return what matches any of the items, of which there is at least one."""
    flat = [each for item in items for each in (item.items if isinstance(item, Or) else (item,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negate(node: Node) -> Node:
    """Return what does not match. Not the opposite comparison: what has no cost is not `cost<=1`, but `-cost>1`."""
    if isinstance(node, Not):
        return node.item
    if isinstance(node, Term) and node.operator in (EQUAL, NOT_EQUAL):
        return replace(node, operator=NOT_EQUAL if node.operator == EQUAL else EQUAL)
    return Not(node)


def walk(node: Node | None) -> Iterator[Node]:
    """Return the node and everything in it."""
    if node is None:
        return
    yield node
    if isinstance(node, Not):
        yield from walk(node.item)
    elif isinstance(node, And | Or):
        for item in node.items:
            yield from walk(item)


def _describe(index: int, node: Node) -> Part:
    text = _write(node, in_and=True)
    if not isinstance(node, Term):
        return Part(index, node, text, "", "", ())
    values = tuple(
        value.text if isinstance(value, Exact) else write_value(FIELDS.get(node.field), value) for value in node.values
    )
    return Part(index, node, text, node.field, node.operator, values)


def _write(node: Node, *, in_and: bool = False) -> str:
    if isinstance(node, Term):
        return _write_term(node)
    if isinstance(node, Text):
        return write_word(node.text)
    if isinstance(node, Not):
        inner = _write(node.item)
        return f"-({inner})" if isinstance(node.item, And | Or) else f"-{inner}"
    if isinstance(node, And):
        # Inside an OR: AND binds closer, so it needs no parentheses.
        return " ".join(_write(item, in_and=True) for item in node.items)
    inner = " OR ".join(_write(item) for item in node.items)
    return f"({inner})" if in_and else inner


def _write_term(term: Term) -> str:
    values = ",".join(write_value(FIELDS.get(term.field), value) for value in term.values)
    if term.operator == NOT_EQUAL:
        return f"-{term.field}:{values}"
    return f"{term.field}{term.operator}{values}"
