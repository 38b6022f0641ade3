"""How lines reach viewers: WebSocket, SSE, long-poll, and a stream compatible with an older console.

ASGI applications on `debugconsole.viewing`, and no Django views: a view cannot be woken by its client and wait for
lines at the same time. All send the messages of `debugconsole.wire.envelope`.
"""
