"""What the ground floor tells the rooms above it, which it does not know. There is one signal and no other.

`request_stored`
    A door has stored a request, and is about to answer it. Sent in the event loop after the commit, by name with

    `identity` (`services.keys.KeyIdentity`)
        Whose key it came with.
    `delivery` (`ingest.door.exchange.Delivery`)
        What it held: records, session.
    `result` (`ingest.records.WriteResult`)
        What became of it.

    A receiver is a plain function that looks at memory only and returns at once: every batch waits for it. It returns
    None, or an awaitable of members to add to the reply of an SDK, which is awaited before the answer goes out.
"""

from __future__ import annotations

from django.dispatch import Signal

request_stored = Signal()
