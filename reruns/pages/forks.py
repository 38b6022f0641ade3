"""The Reruns tab of a trace: the tree of what was run again from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from observability.pages.access import project_page
from observability.selectors.access import ProjectAccess
from observability.selectors.traces import get_trace
from reruns.pages.access import find_denial, slugs_of
from reruns.selectors.forks import ForkNode, get_forks

LANE = 18
_MIDDLE = LANE // 2
ROW = 36


@dataclass(frozen=True, slots=True)
class Line:
    """A node with what its lines look like: `rails` are the x of lines that pass it, `elbow` that of its own parent."""

    node: ForkNode
    x: int
    width: int
    rails: list[int]
    elbow: int | None
    is_last: bool
    has_children: bool


@require_safe
@project_page()
def trace_reruns(request: HttpRequest, access: ProjectAccess, trace_id: str) -> HttpResponse:
    """Show the tab's content, read again whenever one of its reruns changes."""
    trace = get_trace(access.project.pk, trace_id)
    forks = get_forks(access.project.pk, trace.trace_id)
    _, denial = find_denial(request, access)
    context: dict[str, Any] = {
        "project": access.project,
        "trace": trace,
        "forks": forks,
        "lines": draw_lines(forks.items),
        "row": ROW,
        "middle": ROW // 2,
        "denial": denial,
        "dialog_url": reverse("reruns:rerun-dialog", args=[*slugs_of(access), trace.trace_id]),
        "compare_url": reverse("observability:compare", args=slugs_of(access)),
        "list_url": reverse("reruns:rerun-list", args=slugs_of(access)),
    }
    return render(request, "reruns/_forks.html", context)


def draw_lines(nodes: list[ForkNode]) -> list[Line]:
    """Return the nodes, which come depth first, with their lines. Walked from the end: what follows is known then."""
    lines: list[Line] = []
    width = (max(node.depth for node in nodes) + 1) * LANE
    # Depths at which a later row hangs from the same parent.
    open_depths: set[int] = set()
    for place in range(len(nodes) - 1, -1, -1):
        depth = nodes[place].depth
        is_last = depth not in open_depths
        open_depths = {one for one in open_depths if one <= depth} | {depth}
        lines.append(
            Line(
                node=nodes[place],
                x=depth * LANE + _MIDDLE,
                width=width,
                rails=[(one - 1) * LANE + _MIDDLE for one in sorted(open_depths) if 0 < one < depth],
                elbow=(depth - 1) * LANE + _MIDDLE if depth else None,
                is_last=is_last,
                has_children=place + 1 < len(nodes) and nodes[place + 1].depth > depth,
            )
        )
    return lines[::-1]
