"""How a person wants to be called and the pages to look."""

from __future__ import annotations

from zoneinfo import available_timezones

from observability.errors import InvalidError
from observability.models import User

PREFERENCES = ("theme", "density", "time_zone", "shortcuts")
_NAME_LENGTH = 150


def set_preferences(*, user: User, **changes: str) -> None:
    """Keep what is given of theme, density, time zone and shortcuts, for every browser the person signs in with.

    Nothing is kept when one value is wrong. Raises `InvalidError` naming the field.
    """
    for name, value in changes.items():
        check_preference(name, value)
        setattr(user, name, value)
    user.save(update_fields=list(changes))


def check_preference(name: str, value: str) -> None:
    """Raise `InvalidError` unless the value is one that can be chosen; an empty time zone means the browser's own."""
    if name == "time_zone":
        if value and value not in available_timezones():
            raise InvalidError(f"time_zone: {value!r} is no time zone, such as Europe/Zurich")
        return
    choices = {
        "theme": User.Theme.values,
        "density": User.Density.values,
        "shortcuts": User.Shortcuts.values,
    }.get(name)
    if choices is None:
        raise InvalidError(f"{name}: there is no such preference")
    if value not in choices:
        raise InvalidError(f"{name}: choose from {', '.join(choices)}")


def rename_person(*, user: User, name: str) -> None:
    """Change the name others see. Raises `InvalidError`."""
    name = " ".join(name.split())
    if len(name) > _NAME_LENGTH:
        raise InvalidError(f"name: at most {_NAME_LENGTH} characters")
    user.name = name
    user.save(update_fields=["name"])
