"""What the support desk does with a case: one function a workflow, each a plain agent loop over tools and a model.

Calls to the model go to a gateway path that names the upstream (`/gateway/api.openai.com/v1`), by which the client
knows them as model calls of OpenAI; everything else over HTTP it records as such.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from elasticdash_sdk.interceptors import wrap_ai
from elasticdash_sdk.interceptors.db import wrap_db

from demo import desk_tools, prompts
from demo.conversations import Case
from demo.replay import find_answer
from demo.replies import Message, detect_language, detect_topic
from demo.ticket_database import TicketDatabase

MODEL = "gpt-4o"
SMALL_MODEL = "gpt-4o-mini"
MODEL_ATTEMPTS = 3
GATEWAY_PATH = "/gateway/api.openai.com/v1/chat/completions"
HANDED_OVER = "The assistant is not available just now; a colleague takes over and answers within the hour."


class ModelUnavailableError(Exception):
    """The model did not answer after several attempts."""


class PatientTransport(httpx.AsyncHTTPTransport):
    """Sends again what a provider asks to send again.

    Below the client that records, so that a call is one call however often it was sent: a rerun, which counts calls,
    may need another number of attempts.
    """

    def __init__(self, *, pace: float) -> None:
        super().__init__()
        self.pace = pace

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the first good answer, or the last."""
        for attempt in range(1, MODEL_ATTEMPTS + 1):
            response = await super().handle_async_request(request)
            if response.status_code == 200 or attempt == MODEL_ATTEMPTS:
                break
            await response.aclose()
            await asyncio.sleep(0.4 * attempt * self.pace)
        return response


class Desk:
    """What the workflows share: the model, the ticket database and a local intent classifier."""

    def __init__(self, *, stand_in: str, pace: float) -> None:
        self.pace = pace
        self.http = httpx.AsyncClient(
            base_url=stand_in, headers=desk_tools.AGENT_HEADERS, timeout=30, transport=PatientTransport(pace=pace)
        )
        self.database = TicketDatabase()
        wrap_db(self.database, ["query", "execute"], label="sqlite")
        self.classify = wrap_ai("intent-small", classify_intent, provider="kestrel")

    async def ask(self, messages: list[Message], *, model: str, **options: Any) -> Message:
        """Return the model's next message."""
        if (recorded := find_answer(model)) is not None:
            return {"role": "assistant", "content": recorded}
        request = {"model": model, "messages": messages, "temperature": 0.2, **options}
        response = await self.http.post(GATEWAY_PATH, json=request)
        if response.status_code != 200:
            raise ModelUnavailableError(model)
        message: Message = response.json()["choices"][0]["message"]
        return message

    async def ask_streamed(self, messages: list[Message], *, model: str) -> Message:
        """Return the model's next message, read as a stream."""
        if (recorded := find_answer(model)) is not None:
            return {"role": "assistant", "content": recorded}
        request = {"model": model, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
        async with self.http.stream("POST", GATEWAY_PATH, json=request) as response:
            if response.status_code != 200:
                raise ModelUnavailableError(model)
            return {"role": "assistant", "content": "".join([piece async for piece in read_stream(response)])}

    async def call_tools(self, message: Message) -> list[Message]:
        """Run all tool calls of a message at the same time; return their results as messages."""
        calls = message.get("tool_calls") or []
        results = await asyncio.gather(*(self.call_tool(call["function"]) for call in calls))
        return [
            {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result, ensure_ascii=False)}
            for call, result in zip(calls, results, strict=True)
        ]

    async def call_tool(self, function: dict[str, str]) -> Any:
        return await desk_tools.TOOLS[function["name"]](**json.loads(function["arguments"]))

    async def run_tools(self, messages: list[Message], *, model: str, tools: list[Any]) -> None:
        """Let the model call tools until it has what it needs; extends `messages`, ending with its answer."""
        while True:
            message = await self.ask(messages, model=model, tools=tools)
            messages.append(message)
            if not message.get("tool_calls"):
                return
            messages.extend(await self.call_tools(message))

    def open_ticket(self, case: Case, *, subject: str) -> int:
        """Insert a ticket; return its id."""
        sql = "INSERT INTO tickets (customer_id, workflow, subject) VALUES (?, ?, ?)"
        return self.database.execute(sql, (case.customer.id, case.workflow, subject))

    def add_note(self, ticket: int, *, author: str, body: str) -> None:
        self.database.execute("INSERT INTO notes (ticket_id, author, body) VALUES (?, ?, ?)", (ticket, author, body))


async def read_stream(response: httpx.Response) -> AsyncIterator[str]:
    """Yield the pieces of text in a streamed answer."""
    async for line in response.aiter_lines():
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line.removeprefix("data: "))["choices"]:
            yield choice["delta"].get("content") or ""


async def classify_intent(text: str) -> dict[str, Any]:
    """Name a message's topic and language; stands for a small model that runs beside the desk."""
    tokens = len(text.encode()) // 4 + 1
    usage = {"prompt_tokens": tokens, "completion_tokens": 4, "total_tokens": tokens + 4}
    return {"label": detect_topic(text), "language": detect_language(text), "confidence": 0.94, "usage": usage}


async def answer_chat(desk: Desk, case: Case, *, text: str, history: list[Message]) -> str:
    """Answer one message of a chat; `history` keeps the conversation from turn to turn."""
    await _take_up(desk, case, text=text, history=history)
    try:
        await desk.run_tools(history, model=MODEL, tools=prompts.SUPPORT_TOOLS)
    except ModelUnavailableError:
        history.append({"role": "assistant", "content": HANDED_OVER})
    return _note_answer(desk, case, history=history)


async def answer_chat_streamed(desk: Desk, case: Case, *, text: str, history: list[Message]) -> str:
    """Answer one message of a chat, the last answer streamed to the customer."""
    await _take_up(desk, case, text=text, history=history)
    try:
        message = await desk.ask(history, model=SMALL_MODEL, tools=prompts.SUPPORT_TOOLS)
        if message.get("tool_calls"):
            history.extend([message, *await desk.call_tools(message)])
        history.append(await desk.ask_streamed(history, model=MODEL))
    except ModelUnavailableError:
        history.append({"role": "assistant", "content": HANDED_OVER})
    return _note_answer(desk, case, history=history)


async def _take_up(desk: Desk, case: Case, *, text: str, history: list[Message]) -> None:
    desk.database.query("SELECT * FROM tickets WHERE customer_id = ? ORDER BY id DESC LIMIT 5", (case.customer.id,))
    await desk.classify(text)
    if not history:
        history.append({"role": "system", "content": prompts.SUPPORT})
    history.append({"role": "user", "content": text})


def _note_answer(desk: Desk, case: Case, *, history: list[Message]) -> str:
    answer = str(history[-1]["content"])
    desk.add_note(desk.open_ticket(case, subject=case.topic), author="agent", body=answer)
    return answer


async def tell_order_status(desk: Desk, case: Case, *, text: str, history: list[Message]) -> str:
    """Answer "where is my order" from order and carrier."""
    history.extend([{"role": "system", "content": prompts.ORDER_STATUS}, {"role": "user", "content": text}])
    try:
        await desk.run_tools(history, model=SMALL_MODEL, tools=prompts.STATUS_TOOLS)
    except ModelUnavailableError:
        return HANDED_OVER
    answer = str(history[-1]["content"])
    await desk_tools.send_email(to=case.customer.email, subject=f"Order {case.order.id}", body=answer)
    return answer


async def handle_refund(desk: Desk, case: Case, *, text: str, history: list[Message]) -> Any:
    """Decide a refund by policy, pay it when approved, and write to the customer."""
    ticket = desk.open_ticket(case, subject=f"Refund {case.order.id}")
    order = await desk_tools.lookup_order(case.order.id)
    policy = desk_tools.refund_policy(case.customer.language.upper())
    facts = {"request": await _translate(desk, text), "total_cents": order["total_cents"], "policy": policy}
    facts["days_since_delivery"] = max(0, 3 * (case.number % 13))
    history.extend([{"role": "system", "content": prompts.REFUND}, {"role": "user", "content": json.dumps(facts)}])
    try:
        message = await desk.ask(history, model=MODEL, response_format={"type": "json_object"})
    except ModelUnavailableError:
        desk.add_note(ticket, author="agent", body=HANDED_OVER)
        return HANDED_OVER
    decision = json.loads(message["content"])
    if decision["decision"] == "approve":
        decision["payment"] = await desk_tools.issue_refund(case.order.id, amount_cents=decision["amount_cents"])
    desk.add_note(ticket, author="agent", body=json.dumps(decision))
    subject = f"Your refund request for {case.order.id}"
    await desk_tools.send_email(to=case.customer.email, subject=subject, body=decision["reason"])
    return decision


async def _translate(desk: Desk, text: str) -> str:
    """Return a message in English, asking the model only when it is in another language."""
    if detect_language(text) == "en":
        return text
    messages = [{"role": "system", "content": prompts.TRANSLATE}, {"role": "user", "content": text}]
    return str((await desk.ask(messages, model=SMALL_MODEL))["content"])


async def summarise_tickets(desk: Desk, case: Case, *, text: str, history: list[Message]) -> str:
    """Summarise a customer's tickets for the next shift."""
    rows = desk.database.query(
        "SELECT t.subject, n.body FROM tickets t LEFT JOIN notes n ON n.ticket_id = t.id ORDER BY t.id DESC LIMIT 4"
    )
    lines = [text, *(f"- {row['subject']}: {str(row['body'] or 'no note').splitlines()[0]}" for row in rows)]
    history.extend([{"role": "system", "content": prompts.SUMMARY}, {"role": "user", "content": "\n".join(lines)}])
    message = await desk.ask(history, model=SMALL_MODEL)
    summary = str(message["content"])
    desk.add_note(desk.open_ticket(case, subject=text), author="summary", body=summary)
    return summary


Workflow = Callable[..., Awaitable[Any]]
WORKFLOWS: dict[str, Workflow] = {
    "chatHandler": answer_chat,
    "chatStreamHandler": answer_chat_streamed,
    "orderStatus": tell_order_status,
    "refundRequest": handle_refund,
    "ticketSummary": summarise_tickets,
}
