"""The older console's stream: what its own tests expect (contract debug-console, 2.6), and what they do not look at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from debugconsole.models import DebugAudit, DebugSession, Extension
from debugconsole.readers import streams
from debugconsole.viewing import make_source
from observability.models import Membership, Organization, Project, User
from tests.debugconsole.conftest import set_rule
from tests.debugconsole.transports.conftest import Events, Exchange, open_for, sign_in, write

pytestmark = pytest.mark.usefixtures("clean")
PATH = "/api/ext-debug/stream"


@pytest.fixture
def opened_keys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of streams that are looked at."""
    keys: list[str] = []
    look = streams._look

    async def note(client: Any, key: str, *rest: Any) -> Any:
        keys.append(key)
        return await look(client, key, *rest)

    monkeypatch.setattr(streams, "_look", note)
    return keys


def key_of(project: Project) -> str:
    return f"ext-debug:{project.organization.tenant_id}:ext-1"


async def ask(query: str, cookie: str = "", **body: Any) -> tuple[int, Any]:
    said = json.dumps(body).encode() if body else b""
    exchange = Exchange(f"{PATH}?{query}", method="POST", cookie=cookie, body=said)
    return (await exchange.fetch(), exchange.status)[::-1]


# -- The six behaviours of its own tests, the third turned round -------------------------------------------------------


async def test_1_tenant__forged_in_headers__changes_no_key(
    owner: User, extension: Extension, project: Project, foreign_project: Project, opened_keys: list[str]
) -> None:
    forged = str(foreign_project.organization.tenant_id)

    events = Events(f"{PATH}?extensionId=EXT-1", cookie=await sign_in(owner), x_alga_tenant=forged, x_tenant_id=forged)

    assert await events.open() == 200
    assert set(opened_keys) == {key_of(project)}
    await events.leave()


async def test_2_tenant__not_given__is_the_persons_own(
    owner: User, extension: Extension, project: Project, opened_keys: list[str]
) -> None:
    events = Events(f"{PATH}?extensionId=ext-1", cookie=await sign_in(owner))

    assert await events.open() == 200
    assert set(opened_keys) == {key_of(project)}
    await events.leave()


async def test_3_tenant__given__is_never_taken_from_there(
    owner: User,
    extension: Extension,
    foreign_extension: Extension,
    project: Project,
    foreign_project: Project,
    opened_keys: list[str],
) -> None:
    """The older console read another tenant's lines this way."""
    cookie = await sign_in(owner)
    own, foreign = project.organization.tenant_id, foreign_project.organization.tenant_id

    refused = [await ask(f"extensionId=ext-1&tenantId={tenant}", cookie) for tenant in (foreign, "query-tenant")]
    allowed, _ = await ask(f"extensionId=ext-1&tenantId={str(own).upper()}", cookie)

    assert refused == [(403, {"error": "Forbidden"})] * 2
    assert allowed == 200
    assert set(opened_keys) == {key_of(project)}


async def test_4_and_6_nobody__is_unauthorized_and_nothing_is_opened(
    extension: Extension, opened_keys: list[str]
) -> None:
    get = Exchange(f"{PATH}?extensionId=ext-1")

    answers = [(await get.fetch(), get.status)[::-1], await ask("extensionId=ext-1", lastId="0")]

    assert answers == [(401, {"error": "Unauthorized"})] * 2
    assert opened_keys == []


async def test_5_person__without_the_right__is_forbidden_and_nothing_is_opened(
    owner: User, stranger: User, extension: Extension, opened_keys: list[str]
) -> None:
    await sync_to_async(set_rule)("deny", scope="extension", extension=extension)

    answers = [await ask("extensionId=ext-1", await sign_in(person)) for person in (owner, stranger)]

    assert [(status, answer["error"]) for status, answer in answers] == [(403, "Forbidden")] * 2
    assert opened_keys == []
    assert await DebugAudit.objects.filter(action="session.denied").acount() == 1


# -- What they did not look at -----------------------------------------------------------------------------------------


async def test_extension__not_named__is_said_before_anybody_is_asked_who_they_are() -> None:
    assert await ask("") == (400, {"error": "extensionId is required"})
    assert await ask("extensionId=%20") == (400, {"error": "extensionId is required"})


async def test_stream__has_the_older_consoles_lines_and_nothing_else_with_data(
    owner: User, extension: Extension
) -> None:
    session = (await open_for(owner, extension)).session
    await write(session, "hello", ts="1732147200123", install="Inst-9", request="Req-ABC", version="v1")
    await write(session, "another's", install="Inst-8")

    events = Events(f"{PATH}?extensionId=Ext-1&installId=%20inst-9%20", cookie=await sign_in(owner))
    await events.open()
    await events.hear_until(lambda: bool(events.messages))
    (name, line), *more = events.heard

    assert (name, more) == ("", [])
    assert line["ts"] == "2024-11-21T00:00:00.123Z"
    wanted = {
        "level": "info",
        "stream": "log",
        "tenantId": make_source(session).tenant,
        "extensionId": "Ext-1",
        "installId": "Inst-9",
        "requestId": "Req-ABC",
        "versionId": "v1",
        "message": "hello",
        "truncated": False,
    }
    assert {name: line[name] for name in wanted} == wanted
    assert any(comment.startswith("hello ") for comment in events.comments)
    await events.leave()


async def test_stream__opened_again_with_its_last_id__goes_on_in_another_session(
    owner: User, extension: Extension
) -> None:
    cookie = await sign_in(owner)
    session = (await open_for(owner, extension)).session
    await write(session, "one")
    first = Events(f"{PATH}?extensionId=ext-1", cookie=cookie)
    await first.open()
    await first.hear_until(lambda: bool(first.messages))
    await first.leave()
    await write(session, "two")

    again = Events(f"{PATH}?extensionId=ext-1", cookie=cookie, last_event_id=first.after)
    await again.open()
    await again.hear_until(lambda: bool(again.messages))
    await again.leave()
    malformed = Exchange(f"{PATH}?extensionId=ext-1", cookie=cookie, last_event_id="$")
    refused = await malformed.fetch()

    assert (first.messages, again.messages) == (["one"], ["two"])
    assert (malformed.status, refused["error"].partition(":")[0]) == (400, "Last-Event-ID")
    ended = DebugSession.objects.filter(transport="compat", end_reason="closed")
    assert await ended.acount() == 3 == await DebugSession.objects.filter(transport="compat").acount()


async def test_polls__of_one_millisecond__send_nothing_twice(owner: User, extension: Extension) -> None:
    """As texts, the id `…-9` is greater than `…-10`: the older console was sent the rest again at each poll."""
    session = (await open_for(owner, extension)).session
    source = make_source(session)
    async with streams.make_client() as client:
        now = (await client.time())[0] * 1000
        for number in range(13):
            whose = {"tenant": source.tenant, "extension": source.extension, "message": str(number)}
            await client.xadd(source.key, whose, id=f"{now}-{number}")
    cookie = await sign_in(owner)

    _, middle = await ask("extensionId=ext-1", cookie, lastId=f"{now}-8")
    _, rest = await ask("extensionId=ext-1", cookie, lastId=middle["lastId"])

    assert [event["message"] for event in middle["events"]] == ["9", "10", "11", "12"]
    assert middle["lastId"] == f"{now}-12"
    assert rest == {"events": [], "lastId": f"{now}-12"}


async def test_polls__share_a_session_and_keep_its_account(owner: User, extension: Extension) -> None:
    session = (await open_for(owner, extension)).session
    await write(session, "one")
    cookie = await sign_in(owner)

    _, first = await ask("extensionId=ext-1", cookie)
    await write(session, "of another", tenant="somebody")
    await write(session, "two")
    _, second = await ask("extensionId=ext-1", cookie, lastId=first["lastId"])

    messages = [event["message"] for answer in (first, second) for event in answer["events"]]
    kept = await DebugSession.objects.aget(transport="compat")
    assert messages == ["one", "two"]
    assert (kept.produced, kept.delivered, kept.dropped) == (3, 2, {"foreign": 1})


async def test_poll__with_what_is_no_id__is_refused_naming_it(owner: User, extension: Extension) -> None:
    cookie = await sign_in(owner)

    answers = [await ask("extensionId=ext-1", cookie, lastId=last_id) for last_id in ("$", "garbage", 7, "1-x")]
    unread = Exchange(f"{PATH}?extensionId=ext-1", method="POST", cookie=cookie, body=b"{")
    await unread.fetch()

    assert {(status, answer["error"].partition(":")[0]) for status, answer in answers} == {(400, "lastId")}
    assert unread.status == 200


async def test_person__of_two_tenants__picks_one_by_its_id(
    owner: User, extension: Extension, foreign_extension: Extension, foreign_project: Project, opened_keys: list[str]
) -> None:
    organization: Organization = foreign_project.organization
    await Membership.objects.acreate(organization=organization, user=owner, role="owner")

    status, _ = await ask(f"extensionId=ext-1&tenantId={organization.tenant_id}", await sign_in(owner))

    assert (status, set(opened_keys)) == (200, {key_of(foreign_project)})


async def test_stream__with_as_many_sessions_open_as_may_be__says_so(owner: User, extension: Extension) -> None:
    for _ in range(3):
        await open_for(owner, extension)

    exchange = Exchange(f"{PATH}?extensionId=ext-1", cookie=await sign_in(owner))
    refused = await exchange.fetch()

    assert (exchange.status, "limit" in refused["error"]) == (409, True)


async def test_stream__asked_for_otherwise__is_no_method() -> None:
    exchange = Exchange(f"{PATH}?extensionId=ext-1", method="DELETE")
    await exchange.fetch()

    assert (exchange.status, exchange.headers["allow"]) == (405, "GET, POST")
