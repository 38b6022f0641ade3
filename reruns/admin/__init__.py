"""Django admin of the reruns."""

from reruns.admin import configuration, evaluations, records  # noqa: F401 - importing registers them
