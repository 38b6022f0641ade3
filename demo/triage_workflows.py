"""What the triage agent does: sub-agents that work at the same time, tools, retries, and a review that sends back.

Each run is a tree several levels deep whose spans end one by one over some seconds; as children end before their
parents, a viewer sees the leaves first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry.trace import Span

from demo import prompts
from demo.catalogue import CARRIERS
from demo.conversations import Case
from demo.otel_recorder import CallFailedError, Recorder, dump
from demo.replies import Message

MODEL = "gpt-4o"
SMALL_MODEL = "gpt-4o-mini"
REVIEW_ROUNDS = 2
DIGEST_SECTIONS = ("late parcels", "refunds", "returns", "warranty", "praise")


def ask(system: str, question: str) -> list[Message]:
    return [{"role": "system", "content": system}, {"role": "user", "content": question}]


async def triage_ticket(recorder: Recorder, case: Case, root: Span) -> None:
    """Plan, research in parallel, write, review, store."""
    ticket = case.turns[0]
    root.set_attribute("gen_ai.input.messages", dump([_say("user", ticket)]))
    recorder.log("info", "Ticket {} taken up: {}", case.number, ticket, ticket=case.number)
    plan = await recorder.chat(ask(prompts.PLANNER, ticket), model=MODEL)
    questions = json.loads(plan["content"])
    findings = await asyncio.gather(
        research_order(recorder, case, question=questions[0]),
        research_docs(recorder, question=ticket),
        judge_mood(recorder, text=ticket),
    )
    note = await write_note(recorder, ticket=ticket, findings=list(findings))
    await recorder.tool("add_ticket_note", _make_add_note(recorder, case), body=note)
    root.set_attribute("gen_ai.output.messages", dump([_say("assistant", note)]))


def _say(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


async def research_order(recorder: Recorder, case: Case, *, question: str) -> str:
    """Let a model look up order and parcel until it can answer."""
    with recorder.agent("order-researcher"):
        messages = ask(prompts.RESEARCHER, f"{question} Order {case.order.id}.")
        sql = "SELECT id, subject, state FROM tickets WHERE customer_id = ? ORDER BY id DESC"
        recorder.query(sql, (case.customer.id,))
        while True:
            message = await recorder.chat(messages, model=SMALL_MODEL, tools=prompts.STATUS_TOOLS)
            messages.append(message)
            if not message.get("tool_calls"):
                return str(message["content"])
            for call in message["tool_calls"]:
                result = await call_tool(recorder, call)
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": dump(result)})


async def call_tool(recorder: Recorder, call: dict[str, Any]) -> Any:
    """Run a tool the model called; a carrier that never answers becomes a result that says so."""
    function = call["function"]

    async def work(**arguments: str) -> Any:
        paths = {"lookup_order": "orders/{order_id}", "track_shipment": "shipments/{tracking}"}
        return await recorder.call("GET", f"/shop/{paths[function['name']].format(**arguments)}")

    try:
        return await recorder.tool(function["name"], work, call_id=call["id"], **json.loads(function["arguments"]))
    except CallFailedError as error:
        return {"error": str(error)}


async def research_docs(recorder: Recorder, *, question: str) -> str:
    """Search the help centre and have every hit judged at the same time."""
    with recorder.agent("docs-researcher"):

        async def search(query: str) -> Any:
            return (await recorder.call("GET", f"/shop/search?q={query}"))["results"]

        articles = await recorder.tool("search_docs", search, query=question)
        verdicts = await asyncio.gather(*(judge_article(recorder, question=question, article=a) for a in articles))
        titles = [a["title"] for a, is_relevant in zip(articles, verdicts, strict=True) if is_relevant]
        return f"Articles that apply: {', '.join(titles) or 'none'}."


async def judge_article(recorder: Recorder, *, question: str, article: dict[str, str]) -> bool:
    with recorder.step("judge_article", **{"article.slug": article["slug"]}):
        text = f"{question}\n\nArticle: {article['title']}\n\n{article['body']}"
        message = await recorder.chat(ask(prompts.JUDGE, text), model=SMALL_MODEL)
        return bool(json.loads(message["content"])["relevant"])


async def judge_mood(recorder: Recorder, *, text: str) -> str:
    with recorder.agent("mood-reader"):
        message = await recorder.chat(ask(prompts.SENTIMENT, text), model=SMALL_MODEL)
        return f"The customer sounds {message['content']}."


async def write_note(recorder: Recorder, *, ticket: str, findings: list[str]) -> str:
    """Write a note, have it reviewed, and write it again while the reviewer is not content."""
    facts = "\n".join(f"Finding: {finding}" for finding in findings)
    note, comments = "", ""
    for draft in range(1, REVIEW_ROUNDS + 1):
        with recorder.agent("writer") as span:
            span.set_attribute("draft", draft)
            message = await recorder.chat(
                ask(prompts.WRITER, f"{ticket}\n{facts}{comments}"), model=MODEL, streams=True
            )
            note = str(message["content"])
        verdict = await review_note(recorder, note=note, draft=draft)
        if verdict["approved"]:
            break
        recorder.log("info", "Draft {} sent back with {} comments", draft, len(verdict["comments"]))
        comments = "".join(f"\nReviewer: {comment}" for comment in verdict["comments"])
    return note


async def review_note(recorder: Recorder, *, note: str, draft: int) -> dict[str, Any]:
    with recorder.agent("reviewer"):
        label = "second draft" if draft > 1 else "first draft"
        message = await recorder.chat(ask(prompts.REVIEWER, f"This is the {label}.\n\n{note}"), model=SMALL_MODEL)
        verdict: dict[str, Any] = json.loads(message["content"])
        return verdict


def _make_add_note(recorder: Recorder, case: Case) -> Callable[..., Awaitable[dict[str, int]]]:
    async def add_note(body: str) -> dict[str, int]:
        sql = "INSERT INTO tickets (customer_id, workflow, subject) VALUES (?, ?, ?)"
        ticket = recorder.execute(sql, (case.customer.id, case.workflow, case.topic))
        sql = "INSERT INTO notes (ticket_id, author, body) VALUES (?, ?, ?)"
        return {"ticket": ticket, "note": recorder.execute(sql, (ticket, "triage", body))}

    return add_note


async def research_incident(recorder: Recorder, case: Case, root: Span) -> None:
    """Ask every carrier at once, tolerate one that fails, and write up the figures."""
    question = case.turns[0]
    root.set_attribute("gen_ai.input.messages", dump([_say("user", question)]))
    with recorder.agent("figures"):
        rows = await asyncio.gather(*(read_carrier(recorder, carrier=carrier) for carrier in (*CARRIERS, "Pony Post")))
    table = "\n".join(["| carrier | on the way | late |", "|---|---|---|", *filter(None, rows)])
    message = await recorder.chat(ask(prompts.ANALYST, f"{question}\n\n{table}"), model=MODEL, streams=True)
    await recorder.tool("add_ticket_note", _make_add_note(recorder, case), body=str(message["content"]))
    root.set_attribute("gen_ai.output.messages", dump([_say("assistant", str(message["content"]))]))


async def read_carrier(recorder: Recorder, *, carrier: str) -> str:
    """Return a carrier's row of the table; a carrier the shop does not know is an error of its branch alone."""
    try:
        with recorder.step("read_carrier", carrier=carrier):
            figures = await recorder.call("GET", f"/shop/carriers/{carrier}/figures")
            if "error" in figures:
                raise CallFailedError(figures["detail"])
            recorder.query("SELECT count(*) AS tickets FROM tickets WHERE workflow = ?", ("ticketTriage",))
            return f"| {carrier} | {figures['on_the_way']} | {figures['late']} |"
    except CallFailedError as error:
        recorder.log("error", "No figures of {}: {}", carrier, error, carrier=carrier)
        return ""


async def write_digest(recorder: Recorder, case: Case, root: Span) -> None:
    """Write the weekly digest section by section: the long run of the demo."""
    sections = []
    for number, title in enumerate(DIGEST_SECTIONS, start=1):
        with recorder.step("write_section", section=title, number=number) as span:
            rows = recorder.query("SELECT subject FROM tickets ORDER BY id DESC LIMIT ?", (number * 2,))
            await asyncio.sleep(1.2 * recorder.pace)
            notes = "\n".join([f"This week: {title}", *(f"- {row['subject']}" for row in rows)])
            message = await recorder.chat(ask(prompts.SUMMARY, notes), model=SMALL_MODEL)
            sections.append(f"# {title.capitalize()}\n\n{message['content']}")
            span.add_event("section.written", {"characters": len(sections[-1])})
            recorder.log("info", "Section {} of {} written", number, len(DIGEST_SECTIONS))
    root.set_attribute("gen_ai.output.messages", dump([_say("assistant", "\n\n".join(sections))]))


Workflow = Callable[[Recorder, Case, Span], Awaitable[None]]
WORKFLOWS: dict[str, Workflow] = {
    "ticketTriage": triage_ticket,
    "incidentResearch": research_incident,
    "weeklyDigest": write_digest,
}
