"""Django admin of the reruns."""

from reruns.admin import configuration, records  # noqa: F401 - importing registers them
