"""How the OpenAPI document describes msgspec structs: from the same types that the selectors return."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent


class StructExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Let `@extend_schema` take a struct where it takes a serializer."""

    target_class = msgspec.Struct
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: str) -> str:
        """Name the component after the struct; the names of structs inside others are registered before, by name."""
        set_override(self.target, "suppress_collision_warning", True)  # noqa: FBT003 - its signature
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """Return the struct's schema and register those of the structs inside it."""
        _, components = msgspec.json.schema_components(
            [self.target], ref_template="#/components/schemas/{name}", schema_hook=_describe_other
        )
        own: dict[str, Any] = components.pop(self.target.__name__)
        for name, schema in components.items():
            auto_schema.registry.register_on_missing(_make_component(name, schema))
        return own


def _describe_other(type_: type) -> dict[str, Any]:
    """Describe what msgspec cannot: a field of type `object` holds any JSON."""
    if type_ is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError(type_)


def _make_component(name: str, schema: dict[str, Any]) -> ResolvedComponent:
    return ResolvedComponent(  # type: ignore[no-untyped-call]
        name=name, type=ResolvedComponent.SCHEMA, object=name, schema=schema
    )
