"""Static files with content hashes in their names, ES module imports included."""

from __future__ import annotations

import re
from collections.abc import Callable

from whitenoise.storage import CompressedManifestStaticFilesStorage

from config.env import BASE_DIR


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Rewrite `import` paths inside our modules to the hashed names, so every file can be cached for ever."""

    support_js_module_import_aggregation = True
    # Each pass settles the names one import deeper.
    max_post_process_passes = 20
    # A page asked for before `collectstatic` ran (tests, the Django shell) falls back to plain names.
    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Return the hashed name, or the plain one while nothing was collected: Django would look for the file."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name

    def url_converter(
        self, name: str, hashed_files: dict[str, str], template: str | None = None
    ) -> Callable[[re.Match[str]], str]:
        """Fail on a reference of ours to a missing file; leave those of packages alone.

        Packages ship comments that look like imports, and source maps' names without the maps.
        """
        convert: Callable[[re.Match[str]], str] = super().url_converter(name, hashed_files, template)
        if (BASE_DIR / "static" / name).exists():
            return convert

        def convert_if_there(match: re.Match[str]) -> str:
            try:
                return convert(match)
            except ValueError:
                return match["matched"]

        return convert_if_there
