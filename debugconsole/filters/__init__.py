"""The filter language of the console, one for the page, its address and the API.

    level>=warn stream:stderr request:abc message:"time out" -message:/health(z|check)/ (a OR b)

The grammar is the house's (`observability.query`), the fields are a line's. Pure. What a filter lets through is decided
on the server, before a line is queued, and after secrets are hidden: otherwise a filter could guess them.
"""

from debugconsole.filters.fields import FIELDS
from debugconsole.filters.match import NO_FILTER, Filter
from debugconsole.filters.parse import MOST_CHARACTERS, parse_filter

__all__ = ["FIELDS", "MOST_CHARACTERS", "NO_FILTER", "Filter", "parse_filter"]
