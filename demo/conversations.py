"""What customers write, and in which order work reaches the agents."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from demo.catalogue import CUSTOMERS, Customer, Order, Shop

Turns = tuple[str, ...]

# (topic, language, what the customer writes, turn by turn). Placeholders: order, product, name.
SCRIPTS: tuple[tuple[str, str, Turns], ...] = (
    (
        "delivery",
        "en",
        (
            "Hi, my order {order} was meant to be here on Friday and the tracking has not moved since. Where is it?",
            "OK. We leave for the Cairngorms on Saturday. If it is lost, can you send another {product} in time?",
            "Perfect, thank you! 🙏",
        ),
    ),
    (
        "delivery",
        "de",
        (
            "Guten Tag, wo bleibt meine Bestellung {order}? Sie liegt laut Sendungsverfolgung seit Tagen im Depot.",
            "Danke. Bitte melden Sie sich, sobald das Paket wieder in Bewegung ist.",
        ),
    ),
    (
        "delivery",
        "ja",
        (
            "注文番号 {order} の商品がまだ届いていません。配送状況を確認していただけますか。",
            "ありがとうございます。明日まで待ってみます。",
        ),
    ),
    (
        "delivery",
        "ar",
        ("مرحباً، أين طلبي رقم {order}؟ كان من المفترض أن يصل الأسبوع الماضي.",),
    ),
    (
        "return",
        "en",
        (
            "I would like to return the {product} from {order}. It is unused, I just ordered the wrong size.",
            "I cannot print the label, the page says I am signed out. Can you do it? My login is this address, "
            "password: Rid9eline-7",
            "Great. And how long until the money is back on my card?",
        ),
    ),
    (
        "return",
        "es",
        (
            "Hola, quiero devolver el pedido {order}. Está sin usar y con las etiquetas puestas. ¿Cómo lo hago?",
            "¿Y cuánto tarda el reembolso?",
        ),
    ),
    (
        "return",
        "fr",
        (
            "Bonjour, je souhaite échanger un article de la commande {order}, la taille ne convient pas.",
            "Merci beaucoup, c'est parfait.",
        ),
    ),
    (
        "stove",
        "en",
        (
            "My Ember stove will not light. The gas hisses but the igniter does nothing. It is about -8 °C here.",
            "That worked, it was the cold cartridge. Should I worry about a slight smell of gas when I unscrew it?",
        ),
    ),
    (
        "sizing",
        "en",
        ("I am between EU 42 and 43 and wear thick socks. Which size of the Scree boots should I take?",),
    ),
    (
        "warranty",
        "en",
        (
            "The zip of my {product} (order {order}) split on its second trip. Is that covered?",
            "I have photos. Where do I send them?",
        ),
    ),
    (
        "address",
        "en",
        ("I have moved! Can order {order} go to 14 Harbour Row, Galway instead of the old address?",),
    ),
)

REFUND_REQUESTS: tuple[str, ...] = (
    "The {product} arrived with a torn seam. I do not want a replacement, please refund {order}.",
    "Order {order} came eleven days late and I had to buy another one on the way. I want my money back.",
    "Please refund {order}: the {product} is not what the photos show. I only opened the box.",
    "Ich habe {order} zweimal berechnet bekommen. Bitte erstatten Sie den doppelten Betrag.",
)

TICKET_SUBJECTS: tuple[str, ...] = (
    "Parcel {order} stuck in the depot for a week, customer leaves on Saturday",
    "Torn seam on {product}, customer asks for refund of {order}",
    "Wrong size in {order}, wants exchange before a trip",
    "Charged twice for {order}?",
    "{product} from {order}: zip failed on second use",
)

INCIDENT_QUESTIONS: tuple[str, ...] = (
    "Why did late parcels double since Monday, and which customers should hear from us first?",
    "Refund requests for one product are up. Is it a faulty batch or a wrong photo in the shop?",
)

# The order of workflows in a steady stream: mostly chat, as on a real desk.
DESK_CYCLE: tuple[str, ...] = (
    "chatHandler",
    "orderStatus",
    "chatStreamHandler",
    "refundRequest",
    "chatHandler",
    "ticketSummary",
)
TRIAGE_CYCLE: tuple[str, ...] = ("ticketTriage", "ticketTriage", "incidentResearch", "ticketTriage", "weeklyDigest")


@dataclass(frozen=True)
class Case:
    """One piece of work for an agent: a workflow, the customer it is for and what they write."""

    workflow: str
    number: int
    topic: str
    customer: Customer
    order: Order
    turns: Turns

    @property
    def product(self) -> str:
        return self.order.items[0][0].name


def list_desk_cases(shop: Shop, *, seed: int) -> Iterator[Case]:
    """Yield support-desk work without end, the same for the same seed and day."""
    chance = random.Random(f"desk {seed}")
    number = 0
    while True:
        for workflow in DESK_CYCLE:
            number += 1
            yield build_case(shop, chance, workflow=workflow, number=number)


def list_triage_cases(shop: Shop, *, seed: int) -> Iterator[Case]:
    """Yield triage work without end, the same for the same seed and day."""
    chance = random.Random(f"triage {seed}")
    number = 0
    while True:
        for workflow in TRIAGE_CYCLE:
            number += 1
            yield build_case(shop, chance, workflow=workflow, number=number)


def build_case(shop: Shop, chance: random.Random, *, workflow: str, number: int) -> Case:
    """Choose a customer and their words for one workflow."""
    if workflow in {"chatHandler", "chatStreamHandler"}:
        topic, language, turns = chance.choice(SCRIPTS)
    elif workflow == "refundRequest":
        topic, language, turns = "refund", "", (chance.choice(REFUND_REQUESTS),)
    elif workflow == "incidentResearch":
        topic, language, turns = "incident", "", (chance.choice(INCIDENT_QUESTIONS),)
    elif workflow in {"ticketTriage", "ticketSummary"}:
        topic, language, turns = "ticket", "", (chance.choice(TICKET_SUBJECTS),)
    else:
        topic, language, turns = "delivery", "en", ("Where is {order}?",)
    customer = chance.choice([person for person in CUSTOMERS if not language or person.language == language])
    order = shop.order_of(customer)
    case = Case(workflow=workflow, number=number, topic=topic, customer=customer, order=order, turns=())
    texts = tuple(turn.format(order=order.id, product=case.product, name=customer.name) for turn in turns)
    return Case(workflow=workflow, number=number, topic=topic, customer=customer, order=order, turns=texts)
