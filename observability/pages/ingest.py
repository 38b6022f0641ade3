"""The Ingest health page: what became of what was sent, why some was refused, and what to do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from observability.errors import InvalidError
from observability.pages.access import project_page
from observability.pages.overview import USUAL_RANGE, make_health_frame, make_range_context
from observability.pages.time_range import TimeRange, read_time_range
from observability.selectors.access import ProjectAccess
from observability.selectors.ingest_health import IngestHealth, get_ingest_health

_HOUR = timedelta(hours=1)
_ADVICE = {
    "invalid": "The item does not follow its wire format. The reason names the field: correct what fills it.",
    "unstorable": "The database cannot hold a value of it. The reason names it.",
    "trace_deleted": "Its trace was deleted here. Nothing is to be done, unless the sender reuses trace ids.",
    "too_large": "The request is over the size limit. Send smaller batches, or shorten the largest values.",
    "own_traffic": "An SDK recorded its own requests to this server. Exclude this address from its instrumentation.",
}
_OTHER_ADVICE = "The reason of a sample says what is wrong."


@require_safe
@project_page()
def ingest_health(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show counts by door and cause, samples of what was refused, and the lag; a script gets the figures alone."""
    frame = make_health_frame(access, "ingest")
    try:
        time_range = read_time_range(request.GET, default=USUAL_RANGE)
        since, until = time_range.bounds()
        health = get_ingest_health(access.project.pk, since=since, until=until)
    except InvalidError as error:
        frame |= make_range_context(TimeRange(name=USUAL_RANGE)) | {"problem": str(error)}
        return render(request, "observability/ingest.html", frame, status=400)
    frame |= make_range_context(time_range) | {
        "health": health,
        "causes": [{"cause": cause, "advice": _ADVICE.get(cause.code, _OTHER_ADVICE)} for cause in health.causes],
        "chart_data": _make_chart_data(health),
    }
    template = "observability/_ingest.html" if request.htmx else "observability/ingest.html"  # type: ignore[attr-defined]
    response = render(request, template, frame)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _make_chart_data(health: IngestHealth) -> dict[str, Any]:
    """Return a bucket an hour, the empty ones too."""
    counted = {one.hour: one for one in health.hours}
    # Rounded up, without the hour after the last.
    hours = [health.since + _HOUR * number for number in range(-((health.since - health.until) // _HOUR))]
    return {
        "start": health.since.isoformat(),
        "bucketSeconds": 3600,
        "buckets": [
            {
                "at": hour.isoformat(),
                "values": {
                    "accepted": one.accepted if (one := counted.get(hour)) else 0,
                    "duplicates": one.duplicates if one else 0,
                    "rejected": one.rejected if one else 0,
                },
            }
            for hour in hours
        ],
    }
