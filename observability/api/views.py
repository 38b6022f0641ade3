"""What all views of this API share."""

from __future__ import annotations

from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiResponse
from rest_framework.generics import GenericAPIView

from observability.api.errors import ApiError
from observability.api.filters import ProjectFilterSet
from observability.api.renderers import StructRenderer
from observability.api.structs import StructExtension
from observability.models import Trace

ERRORS = {
    400: OpenApiResponse(ApiError, description="A parameter cannot be used; `fields` names it."),
    401: OpenApiResponse(
        ApiError, description="No key and nobody signed in, or the key is unknown, expired or revoked."
    ),
    403: OpenApiResponse(ApiError, description="The key lacks the scope, or the person the role."),
}
GONE = {410: OpenApiResponse(ApiError, description="Blob storage does not have the value any more.")}
NOT_FOUND = {404: OpenApiResponse(ApiError, description="It does not exist, or is somebody else's.")}


# Named, so that it is imported: drf-spectacular finds an extension by its class being there.
__all__ = ["ERRORS", "GONE", "NOT_FOUND", "ReadView", "StructExtension"]


class ReadView(GenericAPIView[Trace]):
    """A view whose query parameters are a filter set's, which also describes them in the OpenAPI document."""

    queryset = Trace.objects.none()
    filter_backends = (DjangoFilterBackend,)
    renderer_classes = (StructRenderer,)
    filterset_class: type[ProjectFilterSet] = ProjectFilterSet
