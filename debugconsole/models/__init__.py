"""Tables of the debug console, by subject."""

from debugconsole.models.audit import DebugAudit, DebugAuditHead
from debugconsole.models.extensions import Extension, ExtensionInstall
from debugconsole.models.policies import DebugGrant, DebugPolicy
from debugconsole.models.sessions import DebugSession

__all__ = [
    "DebugAudit",
    "DebugAuditHead",
    "DebugGrant",
    "DebugPolicy",
    "DebugSession",
    "Extension",
    "ExtensionInstall",
]
