"""What the rooms above add to this floor's pages, known by name alone: nothing of theirs is imported.

An entry is used where the address it names exists, so the floor works without any of them. The navigation
(`context.SECTIONS`) is told of their pages in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.conf import settings

from observability.pages.palette import find_page


@dataclass(frozen=True, slots=True)
class TraceTab:
    """A view of a trace in a tab of its own, and what it lets the reader do with the trace or with one event.

    `url_name` takes organization, project and trace: what the view reads. `module` is its script, loaded on first use,
    whose default export is a view as `static/js/trace/views.js` describes; `act(what, spanId)` does an action. `styles`
    is loaded with it. `key` stands for the first action.
    """

    name: str
    label: str
    url_name: str
    module: str
    styles: str
    action: str
    key: str
    # What may be done with one event of these kinds: (what, label).
    event_actions: tuple[tuple[str, str], ...] = ()
    event_kinds: tuple[str, ...] = ()


TRACE_TABS = (
    TraceTab(
        name="reruns",
        label="Reruns",
        url_name="reruns:trace-reruns",
        module="js/reruns/trace-tab.js",
        styles="css/reruns.css",
        action="Rerun from here",
        key="r",
        event_actions=(("from", "Rerun from here"), ("step", "Rerun step")),
        event_kinds=("ai", "tool", "http", "db"),
    ),
)


@dataclass(frozen=True, slots=True)
class LogSource:
    """Lines that the Log tab of a trace shows beside its records, read once when the tab is opened.

    `url_name` takes organization, project and trace, and answers `items` of `{extension, console, event}`; `switch` is
    the name of the setting without which there is none.
    """

    url_name: str
    switch: str


LOG_SOURCE = LogSource("debugconsole:trace-lines", switch="DEBUG_CONSOLE_ENABLED")


def find_log_source(*slugs: str, trace_id: str) -> str:
    """Return the address of a trace's lines, or "" where there is no such room or it is switched off."""
    return find_page(LOG_SOURCE.url_name, *slugs, trace_id) if getattr(settings, LOG_SOURCE.switch) else ""


@cache
def list_trace_tabs() -> tuple[TraceTab, ...]:
    """Return the tabs whose rooms are there."""
    return tuple(tab for tab in TRACE_TABS if find_page(tab.url_name, "organization", "project", "trace"))
