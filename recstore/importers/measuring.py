"""How large the recordings would be without a store: in the files they came from, or as sent over the wire."""

from __future__ import annotations

from collections.abc import Callable

from recstore.content.bodies import body_bytes
from recstore.errors import RecstoreError
from recstore.importers.render import entries_by_file, file_bytes
from recstore.model import Manifest, Recording
from recstore.store import Store
from recstore.store.origins import is_imported

Progress = Callable[[int, int], None]
"""Called with the number of files done, and of all files."""


def recorded_bytes(store: Store, manifests: list[Manifest], progress: Progress | None = None) -> int:
    """Return the bytes of all recordings as they were recorded; damaged and missing ones count nothing."""
    total = 0
    files = entries_by_file(manifests)
    for done, (path, places) in enumerate(files.items(), start=1):
        try:
            total += len(file_bytes(store, path, places))
        except RecstoreError:
            continue  # `verify` is there to tell
        finally:
            if progress is not None:
                progress(done, len(files))
    return total + _native_bytes(store, manifests)


def _native_bytes(store: Store, manifests: list[Manifest]) -> int:
    total = 0
    for manifest in manifests:
        for entry in manifest.entries:
            if not is_imported(entry.origin):
                try:
                    total += _wire_bytes(store.get(entry))
                except RecstoreError:
                    continue
    return total


def _wire_bytes(recording: Recording) -> int:
    return len(body_bytes(recording.request.body)) + len(body_bytes(recording.response.body))
