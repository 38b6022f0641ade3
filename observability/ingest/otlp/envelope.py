"""The outer layers of an OTLP request, with everything inside left as bytes.

Wire-compatible with `ExportTraceServiceRequest` and `ExportLogsServiceRequest`, whose field numbers agree: protobuf
writes a nested message and a bytes field alike. Used only for bodies that do not parse as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from observability.ingest.otlp.wire import MalformedBodyError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = "playhead.envelope"
_REPEATED = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
_OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE


def _build_request_type() -> Any:
    """Make the three message types in a pool of their own."""
    file = descriptor_pb2.FileDescriptorProto(name="playhead/envelope.proto", package=_PACKAGE, syntax="proto3")
    request = file.message_type.add(name="Request")
    request.field.add(name="holders", number=1, label=_REPEATED, type=_MESSAGE, type_name=f".{_PACKAGE}.Holder")
    holder = file.message_type.add(name="Holder")
    holder.field.add(name="resource", number=1, label=_OPTIONAL, type=_BYTES)
    holder.field.add(name="groups", number=2, label=_REPEATED, type=_MESSAGE, type_name=f".{_PACKAGE}.Group")
    group = file.message_type.add(name="Group")
    group.field.add(name="scope", number=1, label=_OPTIONAL, type=_BYTES)
    group.field.add(name="items", number=2, label=_REPEATED, type=_BYTES)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Request"))


_Request = _build_request_type()


def parse(body: bytes) -> Iterable[Any]:
    """Return the holders (`resource`, `groups` of `scope` and `items`). Raises `MalformedBodyError`."""
    request = _Request()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise MalformedBodyError("the body is not an OTLP request in protobuf: it is truncated or corrupt") from error
    return cast("Iterable[Any]", request.holders)
