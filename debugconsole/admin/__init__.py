"""Django admin of the debug console."""

from debugconsole.admin import configuration, records  # noqa: F401 - importing registers them
