"""Static files with content hashes in their names, ES module imports included."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Rewrite `import` paths inside our modules to the hashed names, so every file can be cached for ever."""

    support_js_module_import_aggregation = True
    # A page asked for before `collectstatic` ran (tests, the Django shell) falls back to plain names.
    manifest_strict = False
