"""What the stand-in model answers: a role recognised by its system prompt, and text made from what the tools found.

It is no model. It is just believable enough that a trace of it reads like one of the real thing, and it says the
same to the same conversation, so that a run can be repeated.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from demo import prompts
from demo.catalogue import ARTICLES, format_money
from demo.reply_texts import (
    ANALYSIS,
    ANSWERS,
    FINDING,
    HAND_OVER_NOTE,
    ORDER_STATUS,
    SUGGESTED_REPLIES,
    TICKET_SUMMARY,
    TRANSLATIONS,
)

Message = dict[str, Any]
ORDER_PATTERN = re.compile(r"KO-\d{5}")
TOPIC_PATTERNS: tuple[tuple[str, str], ...] = (
    ("stove", r"\b(?:stove|gas)\b"),
    ("sizing", r"which size|between eu"),
    ("warranty", r"zip|covered|photos"),
    ("address", r"have moved|instead of the old address"),
    ("return", r"return|refund|money|devolver|reembolso|échanger|taille|wrong size"),
    ("thanks", r"perfect, thank|merci beaucoup|ありがとうございます|bitte melden"),
)
LANGUAGE_PATTERNS: tuple[tuple[str, str], ...] = (
    ("ja", r"[\u3040-\u30ff]"),
    ("ar", r"[\u0600-\u06ff]"),
    ("de", r"\b(?:bitte|Guten Tag|meine|habe)\b"),
    ("es", r"[¿¡]|\bhola\b"),
    ("fr", r"\b(?:bonjour|merci)\b"),
)


@dataclass(frozen=True)
class Reply:
    """One answer of the model: text, or calls of the offered tools."""

    text: str | None = None
    tool_calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)


def choose_reply(messages: list[Message], *, tools: list[dict[str, Any]]) -> Reply:
    """Return what the model says next in this conversation."""
    system = next((str(message["content"]) for message in messages if message.get("role") == "system"), "")
    answer = ROLES.get(system, _answer_anything)
    return answer(Conversation(messages=messages, tools=[tool["function"]["name"] for tool in tools]))


@dataclass(frozen=True)
class Conversation:
    """A request's messages with the questions a role asks of them."""

    messages: list[Message]
    tools: list[str]

    @property
    def question(self) -> str:
        """What the user said last."""
        return next((_text(m) for m in reversed(self.messages) if m.get("role") == "user"), "")

    @property
    def everything(self) -> str:
        """All text of user and tools, for finding order and tracking numbers."""
        return "\n".join(_text(m) for m in self.messages if m.get("role") in {"user", "tool"})

    @property
    def results(self) -> dict[str, Any]:
        """Results of the tools called since the user last spoke, by tool name."""
        found: dict[str, Any] = {}
        names: dict[str, str] = {}
        for message in self.messages:
            if message.get("role") == "user":
                found = {}
            for call in message.get("tool_calls") or []:
                names[call["id"]] = call["function"]["name"]
            if message.get("role") == "tool":
                found[names.get(message["tool_call_id"], "")] = _parse(_text(message))
        return found

    def choose(self, options: tuple[str, ...]) -> str:
        """Pick one option by the conversation's content."""
        digest = hashlib.sha256(json.dumps(self.messages, sort_keys=True, default=str).encode()).digest()
        return options[digest[0] % len(options)]


def _text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _find(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found.group() if found else ""


def detect_language(text: str) -> str:
    """Return the language of a customer's message; English unless something says otherwise."""
    return next((code for code, pattern in LANGUAGE_PATTERNS if re.search(pattern, text, re.IGNORECASE)), "en")


def detect_topic(text: str) -> str:
    """Return what a customer's message is about; delivery unless something says otherwise."""
    return next((topic for topic, pattern in TOPIC_PATTERNS if re.search(pattern, text, re.IGNORECASE)), "delivery")


def _answer_support(talk: Conversation) -> Reply:
    topic, language = detect_topic(talk.question), detect_language(talk.question)
    if talk.tools and not talk.results and topic != "thanks":
        return Reply(tool_calls=_support_calls(talk, topic=topic))
    order = talk.results.get("lookup_order")
    facts = _describe_order(order if isinstance(order, dict) else {})
    return Reply(text=talk.choose(ANSWERS[topic].get(language, ANSWERS[topic]["en"])).format(**facts))


def _support_calls(talk: Conversation, *, topic: str) -> list[tuple[str, dict[str, str]]]:
    calls = [
        ("search_docs", {"query": {"delivery": "delivery times delays", "return": "returns refunds"}.get(topic, topic)})
    ]
    order_id = _find(ORDER_PATTERN, talk.everything)
    if order_id:
        calls.insert(0, ("lookup_order", {"order_id": order_id}))
    return calls


def _describe_order(order: dict[str, Any]) -> dict[str, str]:
    items = order.get("items") or [{"name": "your item"}]
    return {
        "order": order.get("id", "your order"),
        "product": items[0]["name"],
        "status": str(order.get("status", "processing")).replace("_", " "),
        "carrier": order.get("carrier", "the carrier"),
        "tracking": order.get("tracking", "your tracking number"),
        "due": order.get("due_on", "the date in your mail"),
        "total": format_money(int(order.get("total_cents", 0))),
    }


def _answer_status(talk: Conversation) -> Reply:
    order, shipment = talk.results.get("lookup_order"), talk.results.get("track_shipment")
    if not isinstance(order, dict):
        return Reply(tool_calls=[("lookup_order", {"order_id": _find(ORDER_PATTERN, talk.everything)})])
    if shipment is None and "error" not in order:
        return Reply(tool_calls=[("track_shipment", {"tracking": order["tracking"]})])
    facts = _describe_order(order)
    if not isinstance(shipment, dict) or "error" in shipment:
        facts["place"] = "not known: the carrier's service does not answer just now"
    else:
        facts["place"] = f"{shipment['place']}, scanned {shipment['hours_ago']} hours ago"
    return Reply(text=ORDER_STATUS.format(**facts))


def _answer_refund(talk: Conversation) -> Reply:
    facts = _parse(talk.question)
    total = int(facts.get("total_cents", 0)) if isinstance(facts, dict) else 0
    days = int(facts.get("days_since_delivery", 0)) if isinstance(facts, dict) else 0
    if total > 25000:
        decision, reason = "escalate", f"{format_money(total)} is above the limit for automatic refunds."
    elif days > 30:
        decision, reason = "refuse", f"Delivered {days} days ago, outside the 30-day window."
    else:
        decision, reason = "approve", "Inside the window, and the customer describes a fault the policy covers."
    return Reply(text=json.dumps({"decision": decision, "amount_cents": total, "reason": reason}))


def _answer_summary(talk: Conversation) -> Reply:
    notes = talk.question.strip().splitlines()
    done = "\n".join(f"- {line.lstrip('- ')}" for line in notes[1:5]) or "- Nothing yet"
    return Reply(text=TICKET_SUMMARY.format(problem=notes[0] if notes else "Unknown", done=done))


def _answer_translation(talk: Conversation) -> Reply:
    return Reply(text=next((text for start, text in TRANSLATIONS if talk.question.startswith(start)), talk.question))


def _answer_plan(talk: Conversation) -> Reply:
    """Plan in JSON as asked; now and then in prose, which the agent cannot read and fails on."""
    order_id = _find(ORDER_PATTERN, talk.question) or "the order"
    questions = [f"What is the state of {order_id} and its parcel?", "Which help article settles the request?"]
    if talk.choose(("prose", *["json"] * 9)) == "prose":
        return Reply(text=f"Sure! First I would ask: {questions[0]} Then: {questions[1]}")
    return Reply(text=json.dumps([*questions, "How upset is the customer?"]))


def _answer_research(talk: Conversation) -> Reply:
    order = talk.results.get("lookup_order")
    if not isinstance(order, dict):
        return Reply(tool_calls=[("lookup_order", {"order_id": _find(ORDER_PATTERN, talk.everything)})])
    shipment = talk.results.get("track_shipment")
    if shipment is None:
        return Reply(tool_calls=[("track_shipment", {"tracking": order.get("tracking", "")})])
    facts = _describe_order(order)
    place = shipment.get("place", "unknown") if isinstance(shipment, dict) else "unknown"
    return Reply(text=FINDING.format(**facts, place=place))


def _answer_judgement(talk: Conversation) -> Reply:
    slug = next((article.slug for article in ARTICLES if article.title in talk.question), "")
    topic = detect_topic(talk.question.partition("Article:")[0])
    wanted = {"delivery": "delivery-times", "return": "returns", "warranty": "warranty"}.get(topic, topic)
    score = 0.93 if slug == wanted else 0.21
    return Reply(text=json.dumps({"relevant": score > 0.5, "score": score}))


def _answer_sentiment(talk: Conversation) -> Reply:
    return Reply(text=talk.choose(("worried", "annoyed", "calm", "angry")))


def _answer_note(talk: Conversation) -> Reply:
    evidence = [line for line in talk.everything.splitlines() if line.startswith(("Finding:", "Reviewer:"))]
    listed = "\n".join(f"- {line.partition(': ')[2]}" for line in evidence) or "- none yet"
    reply = talk.choose(SUGGESTED_REPLIES)
    return Reply(text=HAND_OVER_NOTE.format(ticket=talk.question.splitlines()[0], evidence=listed, reply=reply))


def _answer_review(talk: Conversation) -> Reply:
    if "Reviewer" in talk.question or "second draft" in talk.question:
        return Reply(text=json.dumps({"approved": True, "comments": []}))
    comments = ["Say when the parcel was last scanned.", "Name the article the suggested reply rests on."]
    return Reply(text=json.dumps({"approved": False, "comments": comments}))


def _answer_analysis(talk: Conversation) -> Reply:
    rows = [line for line in talk.question.splitlines() if line.startswith("|")]
    table = "\n".join(rows) or "| figure | value |\n|---|---|\n| none | 0 |"
    return Reply(text=ANALYSIS.format(table=table))


def _answer_anything(talk: Conversation) -> Reply:
    """Answer prompts the stand-in does not know, so that any OpenAI client can talk to it."""
    if talk.tools and not talk.results:
        order_id = _find(ORDER_PATTERN, talk.everything) or "KO-10480"
        return Reply(tool_calls=[(talk.tools[0], {"order_id": order_id})])
    return Reply(text=f"You asked: “{talk.question}” Kestrel Outdoor is glad to help.")


ROLES: dict[str, Callable[[Conversation], Reply]] = {
    prompts.SUPPORT: _answer_support,
    prompts.ORDER_STATUS: _answer_status,
    prompts.REFUND: _answer_refund,
    prompts.SUMMARY: _answer_summary,
    prompts.TRANSLATE: _answer_translation,
    prompts.PLANNER: _answer_plan,
    prompts.RESEARCHER: _answer_research,
    prompts.JUDGE: _answer_judgement,
    prompts.SENTIMENT: _answer_sentiment,
    prompts.WRITER: _answer_note,
    prompts.REVIEWER: _answer_review,
    prompts.ANALYST: _answer_analysis,
}
