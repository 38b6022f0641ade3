"""Send what a Python program prints to the Playhead debug console, without ever holding it up."""

from .capture import DebugHandler, capture_output
from .context import request_context
from .producer import Producer, Stats
from .transports import HttpTransport, RedisTransport

__all__ = [
    "DebugHandler",
    "HttpTransport",
    "Producer",
    "RedisTransport",
    "Stats",
    "capture_output",
    "request_context",
]
