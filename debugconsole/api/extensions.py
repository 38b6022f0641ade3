"""What may be watched, and why it may or may not, over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from debugconsole.api import examples
from debugconsole.api.shapes import Extensions, describe_extension
from debugconsole.api.views import ERRORS, BareFilterSet, DebugView
from debugconsole.selectors.extensions import MOST_EXTENSIONS, get_extension_for_viewer, list_extensions_for_viewer
from debugconsole.selectors.policy import Decision, explain
from observability.api.fields import integer_parameter, text_parameter
from observability.api.filters import MOST_BIGINT


class ExtensionFilterSet(BareFilterSet):
    """Which extensions."""

    project = integer_parameter("Number of a project; all of yours if absent.", least=1, most=MOST_BIGINT)


class ExplainFilterSet(BareFilterSet):
    """Which extension, and which install of it."""

    extension = text_parameter("Its id, as runners name it, or its number. Required.", limit=200)
    install = text_parameter("Only this install.", limit=200)


class ExtensionList(DebugView):
    """Extensions of one's projects."""

    filterset_class = ExtensionFilterSet

    @extend_schema(
        operation_id="debug_extensions_list",
        tags=["debug"],
        responses={200: Extensions, **ERRORS},
        filters=True,
        examples=[examples.EXTENSIONS],
    )
    def get(self, request: Request) -> Response:
        """List the extensions of your projects, or of the key's. Whether each may be watched says `policy/explain`."""
        watcher = self.find_watcher(request)
        values = ExtensionFilterSet.read(request)
        found = list_extensions_for_viewer(watcher, project_id=values.get("project"))
        items = [describe_extension(extension) for extension in found]
        return Response(Extensions(items=items, is_complete=len(items) < MOST_EXTENSIONS))


class ExplainView(DebugView):
    """The decision."""

    filterset_class = ExplainFilterSet

    @extend_schema(
        operation_id="debug_policy_explain",
        tags=["debug"],
        responses={200: Decision, **ERRORS},
        filters=True,
        examples=[examples.DECISION],
    )
    def get(self, request: Request) -> Response:
        """Say whether you may watch an extension now, which rule decides, and which others apply. Opens nothing."""
        watcher = self.find_watcher(request)
        values = ExplainFilterSet.read(request)
        if "extension" not in values:
            raise ValidationError({"extension": ["Give the id of an extension, or its number."]})
        extension = get_extension_for_viewer(watcher, values["extension"])
        return Response(explain(user=watcher.user, extension=extension, install_id=values.get("install", "")))
