"""How the OpenAPI document describes msgspec structs: from the same types that the selectors return."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent


class StructExtension(OpenApiSerializerExtension):
    """Let `@extend_schema` take a struct where it takes a serializer."""

    target_class = msgspec.Struct
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: str) -> str:
        """Name the component after the struct."""
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """Return the struct's schema and register those of the structs inside it."""
        _, components = msgspec.json.schema_components([self.target], ref_template="#/components/schemas/{name}")
        own = components.pop(self.target.__name__)
        for name, schema in components.items():
            auto_schema.registry.register_on_missing(
                ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=_finish(schema))
            )
        return _finish(own)


def _finish(schema: dict[str, Any]) -> dict[str, Any]:
    """Say that times are times, which msgspec leaves out for aware and naive alike."""
    return schema
