"""A session's lines as a file, over REST."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from debugconsole.api.views import ENDED, ERRORS, TOO_OFTEN, UNAVAILABLE, BareFilterSet, DebugView, describe_refusals
from debugconsole.exporting import MOST_BYTES, MOST_LINES, LineExport
from debugconsole.services.sessions import allow_export, get_session_for_viewer
from observability.api.fields import choice_parameter
from observability.api.streams import AnyNegotiation, stream_file


class ExportFilterSet(BareFilterSet):
    """As what kind of file."""

    format = choice_parameter("`ndjson` if absent.", ("ndjson", "csv"))


class SessionExport(DebugView):
    """Lines as a file."""

    filterset_class = ExportFilterSet
    content_negotiation_class = AnyNegotiation

    @extend_schema(
        operation_id="debug_sessions_export",
        tags=["debug"],
        description=(
            "Stream what is still in the session's stream, oldest first, as NDJSON or CSV: redacted and filtered as "
            f"the session shows it. At most {MOST_LINES:,} lines and {MOST_BYTES >> 20} MiB; the last line says "
            "whether that is all, and what is not in it. Only where the policy allows it, and written to the audit "
            "before the first byte."
        ),
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(
                OpenApiTypes.STR,
                description=(
                    "One event a line, as the streams send them; the last line is "
                    '`{"export": {"rows", "is_complete", "cut", "filtered", "dropped"}}`.'
                ),
            ),
            (200, "text/csv"): OpenApiResponse(
                OpenApiTypes.STR,
                description="A line of names, then one line each; `# not complete` ends what is not all.",
            ),
            **ERRORS,
            **describe_refusals("export_denied"),
            **ENDED,
            **TOO_OFTEN,
            **UNAVAILABLE,
        },
        filters=True,
    )
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        """Stream the session's lines as a file."""
        watcher = self.find_watcher(request)
        form = ExportFilterSet.read(request).get("format", "ndjson")
        session = get_session_for_viewer(watcher, session_id)
        export = LineExport(session)
        allow_export(session=session, format=form)
        name = f"debug-lines-{timezone.now():%Y%m%dT%H%M%SZ}.{form}"
        if form == "csv":
            kind = "text/csv; charset=utf-8; header=present"
            return stream_file(request, export.write_csv(), content_type=kind, name=name)
        return stream_file(request, export.write_ndjson(), content_type="application/x-ndjson", name=name)
