"""How much is hidden of a line. A policy says which profile its viewers look with."""

from __future__ import annotations

STANDARD = "standard"
"""Secrets."""
STRICT = "strict"
"""Secrets, and what tells who somebody is: e-mail and IP addresses."""
PROFILES = (STANDARD, STRICT)
"""From the one that hides least on."""
