"""The manifests of a store by the source files that they name, read again where they have changed.

Of each manifest only little stays in memory; the manifest itself is read again when it is asked for, but for the last few.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from recstore.errors import NotInStore
from recstore.importers import TestEntry
from recstore.importers.formats import entries_by_file
from recstore.model import BlobName, Manifest
from recstore.store import Store
from recstore.store.fingerprints import FileCache, Fingerprint, compare
from recstore.store.manifest import MANIFEST_FOLDERS, manifest_path, shared_path

_CACHED_MANIFESTS: Final = 64
"""One batch of files is about a few tests."""

_ShortName: TypeAlias = tuple[int, int]
"""The first 64 bits of a blob's key and digest: a compact key."""


class _Known(NamedTuple):
    fingerprint: Fingerprint
    files: tuple[str, ...]
    blobs: tuple[_ShortName, ...]


class ManifestTracker:
    """All manifests of a store, which other processes may write at any moment. Not thread-safe.

    Raises: Damage, ManifestConflict, NewerVersion: from any question, where a manifest that it is about cannot be used.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache = FileCache(store.directory, MANIFEST_FOLDERS)
        self._since_ns = time.time_ns()
        self._known: dict[str, _Known] = {}
        self._recorded: list[tuple[str | None, tuple[BlobName, ...], bool]] = []
        self._read = lru_cache(_CACHED_MANIFESTS)(self._read_now)

    def digest(self) -> str:
        """Return a digest that changes when any manifest changes; reads none. "" if it could miss a change now."""
        return self._cache.digest()

    def refresh(self, *, thorough: bool = False, is_own: bool = False) -> None:
        """Read what changed; every answer is as of the last refresh. `thorough` also sees files written in place.

        With `is_own`, the changes are the caller's own, and none of them is new to it.
        """
        fingerprints = {path: known.fingerprint for path, known in self._known.items()}
        changed, removed = compare(fingerprints, self._cache.look(thorough=thorough))
        for path in removed:
            del self._known[path]
        for path, fingerprint in changed.items():
            manifest = self._read(path, fingerprint)  # first: where it cannot be used, what is known stays
            before = self._known.pop(path, None)
            if manifest is None:
                continue
            blobs = [entry.blob for entry in manifest.entries]
            self._known[path] = _Known(fingerprint, tuple(entries_by_file([manifest])), tuple(map(_short, blobs)))
            had = set(before.blobs if before else ())
            new = tuple(blob for blob in blobs if _short(blob) not in had)
            if new and not is_own and (before is not None or fingerprint.modified_ns >= self._since_ns):
                has_new_answer = not {key for key, _ in had}.isdisjoint(_short(blob)[0] for blob in new)
                self._recorded.append((manifest.test_id, new, has_new_answer))

    def take_recorded(self) -> list[tuple[str | None, tuple[BlobName, ...], bool]]:
        """Return what has come into manifests since the last call, or since this was made.

        Shape: (id of the test, blobs that are new to its manifest, whether one answers what it had an answer to)
        """
        recorded, self._recorded = self._recorded, []
        return recorded

    def names(self) -> set[str]:
        """Return the names of all files that something is recorded of."""
        return {name for known in self._known.values() for name in known.files}

    def entries_of(self, names: Collection[str]) -> dict[str, list[TestEntry]]:
        """Return the entries of each of the files `names`, of whichever tests."""
        entries = entries_by_file(self._manifests(self._paths_naming(names)))
        return {name: entries.get(name, []) for name in names}

    def affected(self, names: Collection[str], incoming: Collection[TestEntry]) -> list[Manifest]:
        """Return the manifests that change when `incoming` becomes what is recorded of the files `names`."""
        paths = {
            manifest_path(test_id) if test_id is not None else shared_path(entry.blob) for test_id, entry in incoming
        }
        return self._manifests(sorted(paths & self._known.keys() | {*self._paths_naming(names)}))

    def unreferenced(self, blobs: Collection[BlobName]) -> list[BlobName]:
        """Return those of `blobs` that no manifest names."""
        named = {short for known in self._known.values() for short in known.blobs} if blobs else ()
        return [blob for blob in blobs if _short(blob) not in named]

    def _paths_naming(self, names: Collection[str]) -> list[str]:
        wanted = set(names)
        return [path for path, known in self._known.items() if not wanted.isdisjoint(known.files)]

    def _manifests(self, paths: Collection[str]) -> list[Manifest]:
        manifests = (self._read(path, self._known[path].fingerprint) for path in paths)
        return [manifest for manifest in manifests if manifest is not None]

    def _read_now(self, path: str, _fingerprint: Fingerprint) -> Manifest | None:
        try:
            return self._store.read_manifest(path)
        except NotInStore:
            return None


def _short(blob: BlobName) -> _ShortName:
    return int(blob.key[:16], 16), int(blob.digest[:16], 16)
