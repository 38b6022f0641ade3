"""What all views of this API share."""

from __future__ import annotations

from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiResponse
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.views import APIView

from observability.api import examples
from observability.api.errors import ApiError
from observability.api.filters import ProjectFilterSet
from observability.api.renderers import StructRenderer
from observability.api.structs import StructExtension
from observability.errors import NotFoundError
from observability.models import Trace

ERRORS = {
    400: OpenApiResponse(
        ApiError, description="A parameter cannot be used; `fields` names it.", examples=[examples.WRONG_PARAMETER]
    ),
    401: OpenApiResponse(
        ApiError,
        description="No key and nobody signed in, or the key is unknown, expired or revoked.",
        examples=[examples.NO_KEY],
    ),
    403: OpenApiResponse(
        ApiError, description="The key lacks the scope, or the person the role.", examples=[examples.NO_SCOPE]
    ),
    404: OpenApiResponse(
        ApiError,
        description="It, or the project, does not exist or is somebody else's.",
        examples=[examples.NOT_THERE],
    ),
}
GONE = {410: OpenApiResponse(ApiError, description="Blob storage does not have the value any more.")}

# Named, so that it is imported: drf-spectacular finds an extension by its class being there.
__all__ = ["ERRORS", "GONE", "NoSuchAddressView", "ReadView", "StructExtension"]


class NoSuchAddressView(APIView):
    """Answers every other address under the API's in the API's own way, to anybody."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (StructRenderer,)
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Refuse before a method is looked for: no method is right here."""
        raise NotFoundError("There is no such address.")


class ReadView(GenericAPIView[Trace]):
    """A view whose query parameters are a filter set's, which also describes them in the OpenAPI document."""

    queryset = Trace.objects.none()
    filter_backends = (DjangoFilterBackend,)
    renderer_classes = (StructRenderer,)
    # OPTIONS would ask a serializer what can be written; the OpenAPI document says it.
    metadata_class = None
    filterset_class: type[ProjectFilterSet] = ProjectFilterSet
