"""The words of the stand-in model, by topic and language. Placeholders are the facts of an order."""

from __future__ import annotations

ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    "delivery": {
        "en": (
            (
                "I am sorry about the wait. Order **{order}** ({product}) is *{status}* with {carrier}, parcel "
                "`{tracking}`, and was due on {due}.\n\nI have opened a search with the carrier. If the parcel has "
                "not moved by tomorrow noon, I will send a replacement by express the same day.\n\nKestrel Outdoor"
            ),
            (
                "Thank you for writing. I looked up **{order}**:\n\n- Status: *{status}*\n- Carrier: {carrier}, "
                "`{tracking}`\n- Due: {due}\n\nA parcel counts as late after three days past its date. I have asked "
                "{carrier} for a search and will write to you as soon as they answer.\n\nKestrel Outdoor"
            ),
        ),
        "de": (
            (
                "Es tut mir leid, dass Sie warten müssen. Ihre Bestellung **{order}** ({product}) liegt bei "
                "{carrier}, Sendungsnummer `{tracking}`, fällig am {due}.\n\nIch habe eine Nachforschung eröffnet. "
                "Bewegt sich das Paket bis morgen Mittag nicht, schicken wir Ersatz per Express.\n\nKestrel Outdoor"
            ),
        ),
        "ja": (
            (
                "お待たせして申し訳ございません。ご注文 **{order}**（{product}）は {carrier} "
                "が輸送中です。追跡番号は `{tracking}`、お届け予定日は {due} でした。\n\n"
                "配送会社に調査を依頼しました。明日の正午までに動きがない場合は、代替品を速達でお送りします。\n\n"
                "Kestrel Outdoor"
            ),
        ),
        "ar": (
            (
                "نعتذر عن التأخير. طلبك **{order}** ({product}) لدى شركة {carrier}، رقم التتبع `{tracking}`، وكان "
                "موعد التسليم {due}.\n\nفتحنا طلب بحث لدى شركة الشحن، وسنرسل بديلاً إن لم تتحرك الشحنة حتى ظهر "
                "الغد.\n\nKestrel Outdoor"
            ),
        ),
    },
    "return": {
        "en": (
            (
                "No problem at all. {product} from **{order}** can come back within 30 days of delivery:\n\n1. Print "
                "the label from your account page.\n2. Pack the goods in any sturdy box.\n3. Drop the parcel at "
                "{carrier}.\n\nThe refund goes to the card that paid; banks take 3 to 5 working days.\n\nKestrel "
                "Outdoor"
            ),
        ),
        "es": (
            (
                "¡Sin problema! Puede devolver **{order}** en los 30 días siguientes a la entrega:\n\n1. Imprima la "
                "etiqueta desde su cuenta.\n2. Embale el artículo en una caja resistente.\n3. Entréguelo a "
                "{carrier}.\n\nEl reembolso llega a la misma tarjeta en 3 a 5 días laborables.\n\nKestrel Outdoor"
            ),
        ),
        "fr": (
            (
                "Bien sûr ! L'échange de **{order}** est possible dans les 30 jours :\n\n1. Imprimez l'étiquette "
                "depuis votre compte.\n2. Emballez l'article.\n3. Déposez le colis chez {carrier}.\n\nLe nouvel "
                "article part dès que le transporteur a scanné le retour.\n\nKestrel Outdoor"
            ),
        ),
    },
    "stove": {
        "en": (
            (
                "At that temperature the cartridge is most likely too cold to give pressure. Please try, in this "
                "order:\n\n1. Check that the cartridge is **upright** and hand-tight.\n2. Clear the jet with the "
                "pricker.\n3. Warm the cartridge inside your jacket, never with a flame.\n\n> If you smell gas, stop "
                "and move the stove outdoors.\n\nKestrel Outdoor"
            ),
        ),
    },
    "sizing": {
        "en": (
            (
                "Take **EU 43**. Scree boots run about half a size small, and thick socks ask for one more. If your "
                "heel lifts when you walk downstairs, swap them: exchanges are free for 30 days.\n\nKestrel Outdoor"
            ),
        ),
    },
    "warranty": {
        "en": (
            (
                "Yes: zips are covered for **two years**. Please send a photo of the fault and the number "
                "**{order}** to `warranty@kestrel-outdoor.example`. We repair first, replace second, and refund "
                "where neither works.\n\nKestrel Outdoor"
            ),
        ),
    },
    "address": {
        "en": (
            (
                "Congratulations on the move! **{order}** is *{status}*. While an order is processing we can change "
                "its address; once it is in transit only {carrier} can, from the link in the tracking mail.\n\n"
                "Kestrel Outdoor"
            ),
        ),
    },
    "thanks": {
        "en": ("You are very welcome. Have a good trip! 🏔️\n\nKestrel Outdoor",),
        "de": ("Sehr gern. Ich melde mich, sobald sich etwas tut.\n\nKestrel Outdoor",),
        "fr": ("Avec plaisir, et bonne randonnée !\n\nKestrel Outdoor",),
        "ja": ("ご連絡ありがとうございます。進展があり次第、お知らせいたします。\n\nKestrel Outdoor",),
    },
}

# (how the customer's message starts, its translation); matched by its first letters.
TRANSLATIONS: tuple[tuple[str, str], ...] = (
    ("Guten Tag, wo bleibt", "Good day, where is my order? It has been in the distribution centre for days."),
    ("注文番号 KO-", "My order has not arrived yet. Could you check where it is?"),
    ("مرحباً، أين طلبي", "Hello, where is my order? It should have come last week."),
    ("Hola, quiero devolver", "Hello, I want to return my order. It is unused and has its labels on. How do I do it?"),
    ("Bonjour, je souhaite", "Hello, I would like to exchange an item of my order, the size does not fit."),
    ("Ich habe KO-", "I was charged twice for my order. Please refund the double amount."),
)

SUGGESTED_REPLIES: tuple[str, ...] = (
    "We have found your parcel and asked the carrier to move it today. You will hear from us by noon.",
    "We are sending a replacement by express now; keep the late parcel's label for its way back.",
    "Your refund is on its way. Banks take three to five working days.",
)

ORDER_STATUS = "Your order {order} with {carrier} is **{status}**. Last seen: {place}.\n\n**Tracking:** `{tracking}`"
FINDING = (
    "{order} ({product}, {total}) is {status} with {carrier}, due {due}. "
    "The carrier last saw parcel `{tracking}` at {place}."
)
TICKET_SUMMARY = """## Problem
{problem}

## Done so far
{done}

## Next step
Wait for the carrier until noon, then send a replacement by express."""
HAND_OVER_NOTE = """## Summary
{ticket}

## Evidence
{evidence}

## Suggested reply
> {reply}"""
ANALYSIS = """{table}

**Most likely cause:** one depot stopped scanning on Monday; parcels move, their data does not.

**Today:** write to the customers whose trip starts this week, first the ones with tents."""
