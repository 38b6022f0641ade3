from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from observability.query import And, Node, Not, Or, Query, QueryError, Term, Text, parse_query
from observability.query.fields import COMPARABLE, FIELDS, Field, FieldKind
from observability.query.nodes import NOT_EQUAL, all_of, any_of, make_query, negate
from observability.query.parse import MOST_DEPTH, MOST_TERMS
from observability.query.values import Ago, Exact, Moment, Number, Pattern, Value


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ("  refund   overdraft ", "refund overdraft"),
        ('"refund overdraft"', '"refund overdraft"'),
        ('"refund"', "refund"),
        (
            'status:error workflow:chat* cost>0.01 model:gpt* "refund"',
            "status:error workflow:chat* cost>0.01 model:gpt* refund",
        ),
        ("Status:ERROR", "status:error"),
        ("env:prod trace:t", "environment:prod id:t"),
        ("status=error", "status:error"),
        ("status:(error OR running)", "status:error,running"),
        ("status:(error, running)", "status:error,running"),
        ("status:error,running,error", "status:error,running"),
        ("-status:error", "-status:error"),
        ("status!=error", "-status:error"),
        ("NOT status:error", "-status:error"),
        ("NOT -status:error", "status:error"),
        ("NOT NOT refund", "refund"),
        ("-cost>1", "-cost>1"),
        ("a AND b OR c", "a b OR c"),
        ("a (b OR c)", "a (b OR c)"),
        ("NOT (a OR b) c", "-(a OR b) c"),
        ("((a) ((b)))", "a b"),
        ("(a OR b) OR c", "a OR b OR c"),
        ("cost > $0.50", "cost>0.5"),
        ("cost:>1", "cost>1"),
        ("duration>=2000 duration<90s", "duration>=2s duration<1.5m"),
        ("duration>.5s duration<0.25ms", "duration>500ms duration<0.25ms"),
        ("tokens>1.5k tokens<=2M", "tokens>1500 tokens<=2000000"),
        ("started>-2h started<now", "started>-2h started<now"),
        ("started>-120m", "started>-2h"),
        ("started>=2026-11-01T10:00+01:00", "started>=2026-11-01T09:00:00Z"),
        ("started:2026-11-01", "started:2026-11-01"),
        ("-cost:* user:*", "-cost:* user:*"),
        ('workflow:"chat with "*', 'workflow:"chat with "*'),
        ("workflow:a**b", "workflow:a*b"),
        ('workflow:"a*b"', 'workflow:"a*b"'),
        (r'workflow:"say \"hi\" \\ all"', r'workflow:"say \"hi\" \\ all"'),
        ("chat::1795::c1", '"chat::1795::c1"'),
        ("https://example.com/x", '"https://example.com/x"'),
        ("or not and", "or not and"),
        ('"OR"', '"OR"'),
        ("order-7", "order-7"),
        ("a>b", None),
        ("3 > 2", None),
    ],
)
def test_parse__text__has_one_canonical_spelling(text: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(QueryError):
            parse_query(text)
        return

    query = parse_query(text)

    assert query.to_text() == canonical
    assert parse_query(canonical) == query


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("modle:gpt", "modle", "unknown field `modle`, did you mean `model`?"),
        ("latency>2s", "latency", "unknown field `latency`, did you mean `duration`?"),
        ("zzz:gpt", "zzz", 'unknown field `zzz`, put it in quotes to search for it as text: `"…"`'),
        ("ok cost>abc", "abc", "`cost` needs a number, such as 0.01"),
        ("cost>0.0000001", "0.0000001", "`cost` needs a number, such as 0.01"),
        ("tokens>1.5", "1.5", "`tokens` needs a whole number, such as 100 or 1k"),
        ("duration>2y", "2y", "`duration` needs a duration, such as 500ms, 2s or 1.5m"),
        ("started>soon", "soon", "`started` needs a time, such as 2026-11-01, 2026-11-01T09:30Z or -2h"),
        ("started>2026-02-31", "2026-02-31", "`started` needs a time, such as 2026-11-01, 2026-11-01T09:30Z or -2h"),
        ("started>0001-01-01", "0001-01-01", "`started` needs a time, such as 2026-11-01, 2026-11-01T09:30Z or -2h"),
        ("ended:-2h", "ended:-2h", "a moment is hit by hardly anything"),
        ("status:broken", "broken", "`status` is one of running, ok, error"),
        ("status:err*", "err*", "`*` with other letters works in texts, not in `status`"),
        ("workflow>3", "workflow>", "`workflow` has no order: write `workflow:chat*`"),
        ("cost>1,2", "cost>1,2", "`>` needs one value, such as `cost>0.01`"),
        ("cost>*", "cost>*", "`>` needs one value, such as `cost>0.01`"),
        ('user:""', '""', "write `-user:*` for what has no user"),
        ("status:", "status:", "`status` needs a value, such as `status:error`"),
        ("Error: it broke", "Error:", "to search for it as text, put it in quotes"),
        ('a "b c', '"b c', "unclosed quote"),
        ('workflow:"b', '"b', "unclosed quote"),
        ("(a", "(", "unclosed `(`"),
        ("status:(error", "(", "unclosed `(`"),
        ("a)", ")", "this closes nothing"),
        ("a OR", "R", "a condition is missing here"),
        ("OR a", "OR", "`OR` needs a condition on both sides"),
        ("a AND OR b", "OR", "`OR` needs a condition on both sides"),
        ("( )", "( )", "nothing between the parentheses"),
        ("tag:(a AND b)", "AND", "write `tag:a tag:b` for what must have both"),
        ("tag:(a b)", "b", "write OR between values"),
        ("refund*", "*", "text is found by whole words"),
        ("a & b", "&", "nothing to search for here"),
        ('a ""', '""', "nothing to search for here"),
        ("x" * 1001, "x", "use at most 1000 characters"),
        ("a\x00", "\x00", "NUL"),
        ("(" * 11 + "a" + ")" * 11, "(", "nested too deep"),
        ("NOT " * 11 + "a", "N", "nested too deep"),
        ("a " * 51, "a", "use at most 50 words and values"),
        ("status:" + ",".join(["ok"] * 51), "ok", "use at most 50 words and values"),
    ],
)
def test_parse__what_cannot_be_read__is_pointed_at_with_what_to_do(text: str, place: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)

    error = caught.value
    assert message in str(error)
    assert text[error.position : error.position + error.length] == place


@given(st.text(alphabet=st.sampled_from('ab1 :"()*,-<>=!\\OR NTAND\n\x00status:cost>$é界'), max_size=60))
def test_parse__any_text__is_read_or_its_fault_lies_within_it(text: str) -> None:
    try:
        query = parse_query(text)
    except QueryError as error:
        assert 0 <= error.position < max(1, len(text))
        assert error.length >= 1
        assert error.position + error.length <= max(1, len(text))
    else:
        assert parse_query(query.to_text()) == query


_words = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=8)
_searched = _words.map(lambda text: f"{text}a")
_anywhere = st.lists(st.one_of(st.just(""), _words), min_size=2, max_size=3)


def _patterns() -> st.SearchStrategy[Pattern]:
    return _anywhere.map(lambda parts: Pattern((parts[0], *(one for one in parts[1:-1] if one), parts[-1])))


def _values(field: Field) -> st.SearchStrategy[Value]:
    if field.kind is FieldKind.CHOICE:
        return st.sampled_from(field.choices).map(Exact)
    if field.kind is FieldKind.TEXT:
        return st.one_of(_words.map(Exact), _patterns())
    if field.kind is FieldKind.CONTAINED:
        return _words.map(Exact)
    if field.kind is FieldKind.TIME:
        return st.dates(datetime(1970, 1, 1).date(), datetime(2199, 1, 1).date()).map(
            lambda day: Moment(datetime(day.year, day.month, day.day, tzinfo=UTC), is_day=True)
        )
    scale = {FieldKind.COUNT: 0, FieldKind.COST: 6, FieldKind.DURATION: 3}[field.kind]
    return st.integers(0, 10**9).map(lambda number: Number((Decimal(number) / 10**scale).normalize()))


def _compared(field: Field) -> st.SearchStrategy[Value]:
    if field.kind is not FieldKind.TIME:
        return _values(field)
    moments = st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1), timezones=st.just(UTC)).map(Moment)
    return st.one_of(_values(field), moments, st.integers(0, 10**5).map(lambda minutes: Ago(minutes * 60_000)))


@st.composite
def _terms(draw: st.DrawFn) -> Term:
    field = draw(st.sampled_from(list(FIELDS.values())))
    if field.kind in COMPARABLE and draw(st.booleans()):
        return Term(field.name, draw(st.sampled_from([">", ">=", "<", "<="])), (draw(_compared(field)),))
    values = draw(st.lists(_values(field), min_size=1, max_size=3, unique=True))
    return Term(field.name, draw(st.sampled_from([":", NOT_EQUAL])), tuple(values))


def _join(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=2, max_size=3)
    return st.one_of(several.map(all_of), several.map(any_of), nodes.map(negate))


_queries = st.recursive(st.one_of(_terms(), _searched.map(Text)), _join, max_leaves=6).map(Query)


@example(Query(Term("workflow", ":", (Pattern((":", "")),))))
@given(_queries)
def test_to_text__any_tree__is_read_back_as_it_was(query: Query) -> None:
    assert parse_query(query.to_text()) == query


def test_parse__a_tree__is_in_one_form() -> None:
    query = parse_query('-(status:ok OR "a b") (cost>0.5 user:u*)')

    assert query.root == And(
        (
            Not(Or((Term("status", ":", (Exact("ok"),)), Text("a b")))),
            Term("cost", ">", (Number(Decimal("0.5")),)),
            Term("user", ":", (Pattern(("u", "")),)),
        )
    )
    assert parse_query("started>-90m").items == (Term("started", ">", (Ago(5_400_000),)),)
    assert timedelta(milliseconds=5_400_000) == timedelta(minutes=90)


def test_parts__terms_and_groups__are_described_and_taken_away() -> None:
    query = parse_query('status:error,running -user:"a b" (x OR y) refund')

    parts = query.terms()

    assert [(part.index, part.text, part.field, part.operator, part.values) for part in parts] == [
        (0, "status:error,running", "status", ":", ("error", "running")),
        (1, '-user:"a b"', "user", "!=", ("a b",)),
        (2, "(x OR y)", "", "", ()),
        (3, "refund", "", "", ()),
    ]
    assert query.without_term(2).to_text() == 'status:error,running -user:"a b" refund'
    assert query.without_field("status").to_text() == '-user:"a b" (x OR y) refund'


def test_with_term__field_has_values_already__widens_it_and_else_narrows_the_query() -> None:
    query = parse_query("a OR b")

    narrowed = query.with_term("workflow", ":", "chat desk").with_term("workflow", ":", "x*")

    assert narrowed.to_text() == '(a OR b) workflow:"chat desk","x*"'
    assert narrowed.with_term("workflow", ":", "x*") == narrowed
    assert narrowed.list_values("workflow") == ("chat desk", "x*")
    assert make_query([]).with_term("tag", "!=", "t").to_text() == "-tag:t"


def test_bounds__as_documented() -> None:
    assert (MOST_DEPTH, MOST_TERMS) == (10, 50)
    assert parse_query("(" * 10 + "a" + ")" * 10) == parse_query("a")


def test_fields__examples__are_read() -> None:
    texts = [f"{field.name}{'>' if field.kind in COMPARABLE else ':'}{field.example}" for field in FIELDS.values()]

    assert [parse_query(text).items[0].__class__ for text in texts] == [Term] * len(FIELDS)


def test_reference__examples_and_fields__are_true() -> None:
    reference = (Path(__file__).parents[2] / "docs" / "query.md").read_text()
    conditions = reference.partition("## Fields")[0]
    examples = [text for line in conditions.splitlines() if line.startswith("| `") for text in _list_code(line)]

    assert len(examples) > 20
    for text in examples:
        parse_query(text)
    assert set(FIELDS) <= set(re.findall(r"`(\w+)`", reference))


def _list_code(line: str) -> list[str]:
    return re.findall(r"`([^`]+)`", line.split("|")[1])
