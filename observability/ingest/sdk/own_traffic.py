"""The client's own talk with this server, which its http interceptor records like any other call."""

from __future__ import annotations

from urllib.parse import urlsplit

from observability.ingest.sdk.fields import read_fields, read_loose_text

_OWN_PATHS = (
    "/api/observability",
    "/api/portal",
    "/api/public/otel",
    "/api/run-configs",
    "/api/trace-events",
    "/socket.io",
    "/v1/logs",
    "/v1/metrics",
    "/v1/traces",
)
_DEFAULT_PORTS = (":80", ":443")


class OwnTrafficError(ValueError):
    """An http event is the client's own traffic with this server: stored, each batch would cause another."""


def normalise_host(host: str) -> str:
    """Return `host` or `host:port` in lower case, without a port that the scheme implies."""
    host = host.strip().lower()
    return next((host.removesuffix(port) for port in _DEFAULT_PORTS if host.endswith(port)), host)


def is_own_traffic(given: bytes | None, own_hosts: frozenset[str]) -> bool:
    """Tell whether an http event's input names one of this server's SDK routes.

    `own_hosts` are normalised. A host may serve more than this product, so the path decides too.
    """
    url = read_loose_text(read_fields(given), "url")
    if url is None or not own_hosts:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if normalise_host(parts.netloc.rpartition("@")[2]) not in own_hosts:
        return False
    return any(parts.path == path or parts.path.startswith(f"{path}/") for path in _OWN_PATHS)
