"""Lines as a file: what the session may see and nothing else, bounded, and written down before the first byte."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.test import Client, override_settings

from config.asgi import application
from debugconsole import exporting
from debugconsole.models import DebugAudit, DebugSession, Extension
from debugconsole.services.policies import update_policy
from debugconsole.services.sessions import EXPORTS_OF_USER
from debugconsole.viewing import make_source
from debugconsole.wire.emit import Emission, build_xadd
from observability.models import User
from tests.debugconsole.api.conftest import Api
from tests.debugconsole.conftest import set_rule


@pytest.fixture
def exportable(extension: Extension) -> Extension:
    """An extension whose lines may be taken away."""
    set_rule("allow", scope="extension", extension=extension, allows_export=True)
    return extension


@pytest.fixture
def written(exportable: Extension, teammate: User) -> Iterator[Any]:
    """Write lines of the extension as a runner does."""
    source = make_source(DebugSession(extension=exportable, user=teammate))
    with redis.Redis.from_url(settings.DEBUG_REDIS_URL) as client:

        def write(*messages: str, **fields: Any) -> None:
            said = {"ts": "0", "level": "info", "stream": "log", "tenant": source.tenant, "extension": "Ext-1"}
            for message in messages:
                line = Emission(message=message.encode(), **(said | fields))
                client.execute_command(*build_xadd(line, prefix=source.prefix, maxlen=100_000))

        yield write
        client.delete(source.key)


def export(api: Api, session: dict[str, Any], form: str = "ndjson") -> Any:
    return api.get(f"{session['export_url']}?format={form}")


def read_ndjson(answer: Any) -> tuple[list[str], dict[str, Any]]:
    """Return the messages of a file, and its last line."""
    assert answer.status_code == 200, answer.content
    *lines, last = [json.loads(line) for line in answer.getvalue().splitlines()]
    return [line["message"] for line in lines], last["export"]


def test_export__what_the_session_sees__redacted_filtered_and_nothing_of_others(api: Api, written: Any) -> None:
    written("password=hunter22", "quiet", level="warn", install="I-1")
    written("too quiet", install="I-1")
    written("another install", level="warn", install="I-2")
    written("another tenant", level="warn", tenant="0f8fad5b-0000-4000-8000-000000000000")
    session = api.open("ext-1", install="i-1", filter="level>=warn")

    messages, last = read_ndjson(export(api, session))

    assert messages == ["password=[REDACTED]", "quiet"]
    assert last == {"rows": 2, "is_complete": True, "cut": None, "filtered": 2, "dropped": {}}


def test_export__where_more_is_hidden__hides_it(api: Api, written: Any, exportable: Extension) -> None:
    update_policy(policy=exportable.policies.get(), updated_by=None, redaction_profile="strict")
    written("mail to tom@example.com")
    session = api.open("ext-1")

    messages, _ = read_ndjson(export(api, session))

    assert (session["redaction_profile"], messages) == ("strict", ["mail to [REDACTED]"])


def test_export__a_foreign_line_in_the_stream__is_counted_and_not_shown(
    api: Api, written: Any, exportable: Extension, teammate: User
) -> None:
    source = make_source(DebugSession(extension=exportable, user=teammate))
    written("own")
    with redis.Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        client.xadd(source.key, {"tenant": "somebody-else", "extension": "ext-1", "message": "foreign"})

    messages, last = read_ndjson(export(api, api.open("ext-1")))

    assert messages == ["own"]
    assert (last["is_complete"], last["dropped"]) == (False, {"foreign": 1})


def test_export__csv__has_the_names_and_no_formula(api: Api, written: Any) -> None:
    dangerous = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", 'a "quoted"\nline', "plain"]
    written(*dangerous, request="=cmd")

    rows = list(csv.DictReader(io.StringIO(export(api, api.open("ext-1"), "csv").getvalue().decode())))

    assert [row["message"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", *dangerous[5:]]
    assert {row["request"] for row in rows} == {"'=cmd"}
    assert [row["n"] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]


@pytest.mark.parametrize(
    ("bound", "value", "cut", "rows"), [("MOST_LINES", 3, "lines", 3), ("MOST_BYTES", 700, "bytes", 2)]
)
def test_export__more_than_fits__says_that_it_was_cut(
    api: Api, written: Any, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, cut: str, rows: int
) -> None:
    monkeypatch.setattr(exporting, bound, value)
    written("one", "two", "three", "four")
    session = api.open("ext-1")

    messages, last = read_ndjson(export(api, session))
    table = export(api, session, "csv").getvalue().decode().splitlines()

    assert messages == ["one", "two", "three", "four"][:rows]
    assert (last["rows"], last["is_complete"], last["cut"]) == (rows, False, cut)
    assert cut == "bytes" or table[-1].startswith("# not complete after 3 lines: lines")


def test_export__a_filter_that_lets_nothing_through__comes_to_an_end(
    api: Api, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MOST_READ", 4)
    monkeypatch.setattr(exporting, "PAGE", 2)
    written(*map(str, range(9)))

    messages, last = read_ndjson(export(api, api.open("ext-1", filter="message:nowhere")))

    assert (messages, last["cut"], last["filtered"]) == ([], "read", 5)


def test_export__page_by_page__has_every_line_once_and_one_row_of_audit(
    api: Api, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    written(*map(str, range(10)))
    session = api.open("ext-1")

    messages, last = read_ndjson(export(api, session))

    assert messages == [str(number) for number in range(10)]
    assert last["is_complete"]
    row = DebugAudit.objects.get(action="session.exported")
    assert (str(row.session_id), row.detail["format"]) == (session["id"], "ndjson")


def test_export__revoked_meanwhile__stops_and_says_so(
    api: Api, written: Any, exportable: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    written(*map(str, range(6)))
    pieces = iter(export(api, api.open("ext-1")))

    first = next(pieces)
    set_rule("deny", scope="tenant", organization=exportable.organization)
    rest = b"".join(pieces)

    assert first.count(b"\n") == 3
    assert json.loads(rest)["export"]["cut"] == "ended"


def test_export__without_the_right__gives_no_byte(api: Api, extension: Extension) -> None:
    session = api.open("ext-1")

    answer = export(api, session)

    assert (answer.status_code, answer.json()["code"]) == (403, "export_denied")
    assert not DebugAudit.objects.filter(action="session.exported").exists()


def test_export__ended_or_too_often_or_no_such_form__is_refused(api: Api, exportable: Extension) -> None:
    session = api.open("ext-1")
    often = [export(api, session).status_code for _ in range(EXPORTS_OF_USER)]

    late = export(api, session)
    form = export(api, session, "xlsx")
    api.client.delete(f"/api/debug/sessions/{session['id']}")
    ended = export(api, session)

    assert set(often) == {200}
    assert (late.status_code, int(late["Retry-After"]) > 0) == (429, True)
    assert (form.status_code, list(form.json()["fields"])) == (400, ["format"])
    assert (ended.status_code, ended.json()["code"]) == (409, "ended")


@override_settings(DEBUG_REDIS_URL="redis://127.0.0.1:1/0")
def test_export__no_server_of_streams__is_said_before_the_audit(api: Api, exportable: Extension) -> None:
    answer = export(api, api.open("ext-1"))

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "source_unavailable", "2")
    assert not DebugAudit.objects.filter(action="session.exported").exists()


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_export__over_asgi__is_sent_while_it_is_made(
    transactional_db: None, written: Any, exportable: Extension, teammate: User, form: str
) -> None:
    written("one", "two")
    session, cookie = await _open_signed_in(teammate)
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]

    async with httpx.AsyncClient(transport=transport, base_url=settings.PUBLIC_URL) as client:
        answer = await client.get(f"{session['export_url']}?format={form}", headers={"cookie": cookie})

    await sync_to_async(connections.close_all)()
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == 3
    assert answer.headers["content-disposition"].endswith(f'.{form}"')


@sync_to_async
def _open_signed_in(user: User) -> tuple[dict[str, Any], str]:
    api = Api(user=user)
    client: Client = api.client
    name = settings.SESSION_COOKIE_NAME
    return api.open("ext-1"), f"{name}={client.cookies[name].value}"
