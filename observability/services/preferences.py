"""How a person wants the pages to look."""

from __future__ import annotations

from observability.errors import InvalidError
from observability.models import User


def set_theme(*, user: User, theme: str) -> None:
    """Keep the theme for every browser the person signs in with. Raises `InvalidError`."""
    if theme not in User.Theme.values:
        raise InvalidError(f"theme: choose from {', '.join(User.Theme.values)}")
    user.theme = theme
    user.save(update_fields=["theme"])
