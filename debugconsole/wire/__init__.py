"""The console's two wires, pure: what producers put into streams, and what viewers are sent.

- `keys.py`, `entries.py`: the key of a stream and its entries, as the unmodified runner writes them. `emit.py` is the
  other direction, for the emulator and the HTTP door.
- `lines.py`: one line as a typed value, and its JSON.
- `text.py`, `redact.py`: what makes a text harmless, and what hides secrets in it.
- `prepare.py`: an entry to a line that may be shown, or the reason why not. Every exit goes through it.
- `envelope.py`, `tokens.py`: what viewers are sent, the same over every transport, and where they go on.
"""
