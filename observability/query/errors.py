"""What is wrong with a query, and where."""

from __future__ import annotations

from observability.errors import InvalidError


class QueryError(InvalidError):
    """The query cannot be read. `position` and `length` count characters of the text as it was given."""

    code = "invalid_query"

    def __init__(self, message: str, *, position: int, length: int = 1) -> None:
        super().__init__(message)
        self.position = position
        self.length = length
