"""`where?id=`: what became of a trace, span, session or key."""

from __future__ import annotations

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.fields import text_parameter
from observability.api.filters import ProjectFilterSet
from observability.api.views import ERRORS, ReadView
from observability.selectors.whereabouts import find_whereabouts
from observability.selectors.whereabouts_shapes import Whereabouts


class WhereFilterSet(ProjectFilterSet):
    """What is looked for."""

    id: django_filters.Filter = text_parameter("A trace id, span id, session id, or the public id of a key.", limit=300)


class WhereView(ReadView):
    """Where is my trace?"""

    filterset_class = WhereFilterSet

    @extend_schema(operation_id="where", tags=["traces"], responses={200: Whereabouts, **ERRORS}, filters=True)
    def get(self, request: Request) -> Response:
        """Say what became of an id: found, deleted, rejected and why, in another project, hidden, or never arrived.

        Each item says what to do next. Of a whole key only the public half is looked at.
        """
        caller = authorize(request)
        values = WhereFilterSet.read(request)
        if "id" not in values:
            raise ValidationError({"id": ["Give an id."]})
        return Response(find_whereabouts(caller.project_id, values["id"], user=caller.user))
