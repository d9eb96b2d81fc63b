"""What readers do before they say that a recording is missing: a blob that a manifest names and the store lacks is looked for in Git.

A merge can drop a file that the other branch newly shares, without a conflict. Nothing that reads Git is loaded unless a
blob is missing, which is hardly ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from recstore.errors import RecstoreError
from recstore.model import BlobName
from recstore.store import Store
from recstore.store.manifest import manifest_path


def heal_missing(store: Store, blobs: Iterable[BlobName], environment: Mapping[str, str]) -> bool:
    """Return whether any of `blobs` was missing. Then Git was searched, for all that the store's manifests name and lack.

    No error is raised: the reader's own, that a blob is missing, tells more. After: the files are durable.
    """
    root = store.directory.root
    if all(os.path.exists(f"{root}/{blob.path}") for blob in blobs):
        return False
    from recstore.check.restore import heal_from_git

    heal_from_git(store, environment)
    return True


def heal_scope(store: Store, scope_id: str | None, environment: Mapping[str, str]) -> bool:
    """Return whether a blob of the test or scope was missing, after `heal_missing`; None: of recordings made outside any test."""
    blobs: set[BlobName] = set()
    for path in store.manifest_paths("shared") if scope_id is None else (manifest_path(scope_id),):
        with suppress(RecstoreError):
            blobs |= store.read_manifest(path).blobs
    return heal_missing(store, blobs, environment)
