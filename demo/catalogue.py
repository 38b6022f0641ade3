"""The fictional shop: customers, products, orders and help articles, built from a seed.

Both the stand-in shop API and the agents' own ticket database are filled from here, so what a tool returns agrees
with what the agent says.
"""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass

ORDER_COUNT = 40
CARRIERS = ("DHL", "PostNord", "Royal Mail", "Correos", "Yamato")
REFUND_WINDOW_DAYS = 30


@dataclass(frozen=True)
class Customer:
    id: int
    name: str
    email: str
    language: str
    city: str


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    price_cents: int


@dataclass(frozen=True)
class Article:
    slug: str
    title: str
    body: str


@dataclass(frozen=True)
class Order:
    id: str
    customer: Customer
    items: tuple[tuple[Product, int], ...]
    status: str
    """`processing`, `in_transit`, `delayed`, `delivered` or `returned`."""
    carrier: str
    tracking: str
    placed_on: datetime.date
    due_on: datetime.date

    @property
    def total_cents(self) -> int:
        return sum(product.price_cents * quantity for product, quantity in self.items)


@dataclass(frozen=True)
class Shop:
    """Everything the shop knows, as of `today`."""

    today: datetime.date
    orders: dict[str, Order]

    def order_of(self, customer: Customer) -> Order:
        """Return the customer's newest order."""
        return max((order for order in self.orders.values() if order.customer == customer), key=lambda o: o.placed_on)


CUSTOMERS = (
    Customer(1, "Amelia Hart", "amelia.hart@example.com", "en", "Bristol"),
    Customer(2, "Jonas Weber", "jonas.weber@example.de", "de", "Leipzig"),
    Customer(3, "Lucía Navarro", "lucia.navarro@example.es", "es", "Valencia"),
    Customer(4, "佐藤 花子", "hanako.sato@example.jp", "ja", "札幌市"),
    Customer(5, "Marc Lefèvre", "marc.lefevre@example.fr", "fr", "Lyon"),
    Customer(6, "Priya Raman", "priya.raman@example.com", "en", "Leeds"),
    Customer(7, "ليلى حداد", "leila.haddad@example.com", "ar", "بيروت"),
    Customer(8, "Oskar Lindqvist", "oskar.lindqvist@example.se", "en", "Umeå"),
    Customer(9, "Tom O'Brien", "tom.obrien@example.ie", "en", "Galway"),
    Customer(10, "Grace Mbeki", "grace.mbeki@example.com", "en", "Cardiff"),
)

PRODUCTS = (
    Product("TENT-RIDGE-2", "Ridgeline 2 tent", 34900),
    Product("BAG-DOWN-5", "Fellside down bag, -5 °C", 22900),
    Product("BOOT-SCREE-42", "Scree mid boots, EU 42", 16900),
    Product("STOVE-EMBER", "Ember gas stove", 5900),
    Product("PACK-HAUL-45", "Haul 45 l rucksack", 13900),
    Product("MAT-DRIFT-R", "Drift sleeping mat, regular", 8900),
    Product("LAMP-PICA-400", "Pica 400 head torch", 4500),
    Product("JKT-SQUALL-M", "Squall rain jacket, M", 18900),
    Product("FILTER-BECK", "Beck water filter", 3900),
    Product("POLE-CARB-2", "Carbon trekking poles, pair", 9900),
)

ARTICLES = (
    Article(
        "delivery-times",
        "Delivery times and delays",
        "Orders placed before **14:00** leave the warehouse the same working day.\n\n"
        "| Region | Usual time |\n|---|---|\n| UK and Ireland | 2 to 3 days |\n| EU | 3 to 5 days |\n"
        "| Rest of the world | 6 to 12 days |\n\nA parcel counts as *late* after three days past its due date. "
        "Then we open a search with the carrier and send a replacement or refund within 48 hours.",
    ),
    Article(
        "returns",
        "Returns and exchanges",
        f"You have **{REFUND_WINDOW_DAYS} days** from delivery to return unused goods.\n\n1. Print the label from your "
        "account page.\n2. Pack the goods in any sturdy box.\n3. Drop the parcel at the carrier.\n\n"
        "Exchanges ship as soon as the carrier scans the return.",
    ),
    Article(
        "refunds",
        "How refunds are paid",
        "Refunds go back to the card or account that paid. Banks need **3 to 5 working days**. "
        "Refunds above 250.00 EUR are checked by a person first.",
    ),
    Article(
        "warranty",
        "Two-year warranty",
        "Zips, seams, poles and electronics are covered for two years. Send a photo of the fault and the order number; "
        "we repair first, replace second, and refund where neither is possible.",
    ),
    Article(
        "stove-care",
        "Ember stove: will not light",
        "1. Check that the cartridge is screwed on **upright** and hand-tight.\n2. Clear the jet with the pricker "
        "under the burner.\n3. Below -5 °C warm the cartridge inside your jacket, never with a "
        "flame.\n\n> If you smell gas, stop and move the stove outdoors.",
    ),
    Article(
        "boot-sizing",
        "Which boot size to take",
        "Scree boots run about **half a size small**. With thick socks take one size up. "
        "The heel should not lift when you walk downstairs.",
    ),
    Article(
        "address-change",
        "Changing the delivery address",
        "While an order is *processing* we can change the address. Once it is *in transit* only the carrier can, from "
        "the link in the tracking mail.",
    ),
)


def build_shop(seed: int, *, today: datetime.date) -> Shop:
    """Return the shop of this seed: every customer has orders, in every state a conversation needs."""
    chance = random.Random(seed)
    orders: dict[str, Order] = {}
    for index in range(ORDER_COUNT):
        order = _build_order(chance, index=index, today=today)
        orders[order.id] = order
    return Shop(today=today, orders=orders)


def _build_order(chance: random.Random, *, index: int, today: datetime.date) -> Order:
    status = ("in_transit", "delivered", "delayed", "processing", "delivered")[index % 5]
    age = {"processing": 1, "in_transit": 3, "delayed": 11, "delivered": 9}[status] + chance.randrange(3)
    placed_on = today - datetime.timedelta(days=age)
    products = chance.sample(PRODUCTS, k=chance.choice((1, 1, 2, 3)))
    return Order(
        id=f"KO-{10480 + index * 7 + chance.randrange(7)}",
        customer=CUSTOMERS[(index * 3) % len(CUSTOMERS)],
        items=tuple((product, chance.choice((1, 1, 1, 2))) for product in products),
        status=status,
        carrier=CARRIERS[index % len(CARRIERS)],
        tracking=f"{CARRIERS[index % len(CARRIERS)][:2].upper()}{chance.randrange(10**9):09d}",
        placed_on=placed_on,
        due_on=placed_on + datetime.timedelta(days=5),
    )


def search_articles(query: str, *, limit: int = 3) -> list[Article]:
    """Return the help articles that share the most words with the query, best first; never none."""
    words = {word for word in query.lower().replace("?", " ").split() if len(word) > 3}

    def score(article: Article) -> int:
        text = f"{article.slug} {article.title} {article.body}".lower()
        return sum(word.strip(".,!") in text for word in words)

    return sorted(ARTICLES, key=lambda article: (-score(article), article.slug))[:limit]


def format_money(cents: int) -> str:
    return f"{cents / 100:.2f} EUR"
