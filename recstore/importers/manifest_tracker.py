"""The manifests of a store by the source files that they name, read again where they have changed.

Of each manifest only little stays in memory; the manifest itself is read again when it is asked for, but for the last few.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from recstore.errors import NotInStore
from recstore.importers import TestEntry
from recstore.importers.formats import entries_by_file
from recstore.model import BlobName, Manifest
from recstore.store import Store
from recstore.store.blob import is_imported, origin_path
from recstore.store.fingerprints import FileCache, Fingerprint, compare
from recstore.store.manifest import MANIFEST_FOLDERS, manifest_path, shared_path

_CACHED_MANIFESTS: Final = 64
"""One batch of files is about a few tests."""

_ShortName: TypeAlias = tuple[int, int]
"""The first 64 bits of a blob's key and digest: a compact key."""


class RecordedBlobs(NamedTuple):
    """The blobs that are new to a manifest, and whether one answers a request that it had an answer to."""

    test_id: str | None
    blobs: tuple[BlobName, ...]
    has_new_answer: bool


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
        self._manifests_of: dict[str, tuple[str, ...]] = {}
        self._references: Counter[_ShortName] = Counter()
        self._recorded: list[RecordedBlobs] = []
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
            self._forget(path)
        for path, fingerprint in changed.items():
            before = self._known.get(path)
            manifest = self._read(path, fingerprint)  # first: where it cannot be used, what is known stays
            self._forget(path)
            if manifest is None:
                continue
            blobs = [entry.blob for entry in manifest.entries]
            known = _Known(fingerprint, tuple(entries_by_file([manifest])), tuple(map(_short, blobs)))
            self._known[path] = known
            self._references.update(known.blobs)
            for name in known.files:
                self._manifests_of[name] = (*self._manifests_of.get(name, ()), path)
            had = set(before.blobs if before else ())
            new = tuple(blob for blob in blobs if _short(blob) not in had)
            if new and not is_own and (before is not None or fingerprint.modified_ns >= self._since_ns):
                has_new_answer = not {key for key, _ in had}.isdisjoint(_short(blob)[0] for blob in new)
                self._recorded.append(RecordedBlobs(manifest.test_id, new, has_new_answer))

    def take_recorded(self) -> list[RecordedBlobs]:
        """Return what has come into manifests since the last call, or since this was made."""
        recorded, self._recorded = self._recorded, []
        return recorded

    def names(self) -> Collection[str]:
        """Return the names of all files that something is recorded of."""
        return self._manifests_of.keys()

    def entries_of(self, name: str) -> list[TestEntry]:
        """Return the entries of the file `name`, of whichever tests."""
        manifests = self._manifests(self._manifests_of.get(name, ()))
        entries = (TestEntry(manifest.test_id, entry) for manifest in manifests for entry in manifest.entries)
        return [each for each in entries if is_imported(each.entry.origin) and origin_path(each.entry.origin) == name]

    def affected(self, names: Collection[str], incoming: Collection[TestEntry]) -> list[Manifest]:
        """Return the manifests that change when `incoming` becomes what is recorded of the files `names`."""
        paths = {path for name in names for path in self._manifests_of.get(name, ())}
        paths |= {
            manifest_path(test_id) if test_id is not None else shared_path(entry.blob) for test_id, entry in incoming
        }
        return self._manifests(sorted(paths & self._known.keys()))

    def is_referenced(self, blob: BlobName) -> bool:
        """Return whether some manifest names the blob."""
        return _short(blob) in self._references

    def _forget(self, path: str) -> None:
        known = self._known.pop(path, None)
        if known is None:
            return
        self._references.subtract(known.blobs)
        for blob in known.blobs:
            if not self._references[blob]:
                del self._references[blob]  # no error where it was deleted already
        for name in known.files:
            rest = tuple(other for other in self._manifests_of[name] if other != path)
            if rest:
                self._manifests_of[name] = rest
            else:
                del self._manifests_of[name]

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
