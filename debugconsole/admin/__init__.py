"""Django admin of the debug console."""

from debugconsole.admin import configuration, records, strays  # noqa: F401 - importing registers them
