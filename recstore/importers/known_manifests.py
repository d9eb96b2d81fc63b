"""The manifests of a store by the files that their recordings stand for, read again where they have changed.

Of each manifest only little is kept in memory; what is asked of one is read again, but for the last few.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from recstore.errors import NotInStore
from recstore.importers import TestEntry
from recstore.importers.render import entries_by_file
from recstore.model import BlobName, Manifest
from recstore.store import Store
from recstore.store.fingerprints import FileCache, Fingerprint
from recstore.store.manifest import MANIFEST_FOLDERS, manifest_path, shared_path

_AT_HAND: Final = 64
"""So many manifests are kept as they were read: one batch of files is about a few tests."""

_Short: TypeAlias = tuple[int, int]
"""The beginnings of a blob's key and digest: no two blobs of one store have these in common."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a manifest has that it did not have before, and whether that answers a request anew that it had."""

    test_id: str | None
    blobs: tuple[BlobName, ...]
    has_new_answer: bool


class _Facts(NamedTuple):
    stamp: Fingerprint
    files: tuple[str, ...]
    blobs: tuple[_Short, ...]


class _Read(NamedTuple):
    manifest: Manifest
    files: dict[str, list[TestEntry]]


_NOTHING: Final = _Facts(Fingerprint(0, 0, 0), (), ())


class KnownManifests:
    """All manifests of a store, of which others may write some at any moment. Not thread-safe.

    Raises: Damage, ManifestConflict, NewerVersion: any question, where a manifest that it is about cannot be used.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache = FileCache(store.directory, MANIFEST_FOLDERS)
        self._since_ns = time.time_ns()
        self._known: dict[str, _Facts] = {}
        self._files: dict[str, tuple[str, ...]] = {}
        self._named: Counter[_Short] = Counter()
        self._recorded: list[Recorded] = []
        self._read = lru_cache(_AT_HAND)(self._read_now)

    def of_test(self, test_id: str | None, path: str) -> list[TestEntry]:
        """Return what the test has recorded of the file `path` now: this reads one manifest, and no other."""
        manifest = None if test_id is None else self._store.manifest(test_id)
        return entries_by_file([manifest] if manifest else []).get(path, [])

    def state(self) -> str:
        """Return what is another once the manifests are others, without reading any; "" if it cannot be told for sure now."""
        return self._cache.digest()

    def look(self, *, thorough: bool = False) -> None:
        """Bring what is known up to date; `thorough`: see `FileCache.look`. All that follows is as of the last look."""
        stamps = self._cache.look(thorough=thorough)
        for name in [name for name in self._known if name not in stamps]:
            self._forget(name)
        for name, stamp in stamps.items():
            before = self._known.get(name, _NOTHING)
            if before.stamp != stamp:
                read = self._read(name, stamp)  # first: where it cannot be used, what is known stays
                self._forget(name)
                if read is not None:
                    self._learn(name, stamp, read)
                    if before is not _NOTHING or stamp.modified_ns >= self._since_ns:
                        self._note(read.manifest, before)

    def recorded(self) -> list[Recorded]:
        """Return what has come into manifests since this was made, or last asked.

        A manifest that changed before the first look counts as new.
        """
        found, self._recorded = self._recorded, []
        return found

    def paths(self) -> Collection[str]:
        """Return the paths of all files that something is recorded of."""
        return self._files.keys()

    def places(self, path: str) -> list[TestEntry]:
        """Return what is recorded of the file `path`, by whichever test."""
        read = (self._read(name, self._known[name].stamp) for name in self._files.get(path, ()))
        return [place for one in read if one is not None for place in one.files.get(path, [])]

    def concerned(self, paths: Collection[str], imported: list[TestEntry]) -> list[Manifest]:
        """Return the manifests that change when `imported` becomes what is recorded of the files `paths`."""
        names = {name for path in paths for name in self._files.get(path, ())}
        names.update(
            manifest_path(test_id) if test_id is not None else shared_path(entry.blob) for test_id, entry in imported
        )
        read = (self._read(name, self._known[name].stamp) for name in sorted(names & self._known.keys()))
        return [one.manifest for one in read if one is not None]

    def named(self, blobs: Collection[BlobName]) -> set[BlobName]:
        """Return those of the blobs that some manifest names."""
        return {blob for blob in blobs if self._named[_short(blob)] > 0}

    def _learn(self, name: str, stamp: Fingerprint, read: _Read) -> None:
        blobs = tuple(_short(entry.blob) for entry in read.manifest.entries)
        self._known[name] = _Facts(stamp, tuple(read.files), blobs)
        self._named.update(blobs)
        for path in read.files:
            self._files[path] = (*self._files.get(path, ()), name)

    def _forget(self, name: str) -> None:
        facts = self._known.pop(name, _NOTHING)
        self._named.subtract(facts.blobs)
        for blob in [blob for blob in facts.blobs if not self._named[blob]]:
            del self._named[blob]  # which does no harm where it has gone already
        for path in facts.files:
            left = tuple(other for other in self._files[path] if other != name)
            if left:
                self._files[path] = left
            else:
                del self._files[path]

    def _note(self, manifest: Manifest, before: _Facts) -> None:
        had, asked = set(before.blobs), {key for key, _ in before.blobs}
        new = tuple(entry.blob for entry in manifest.entries if _short(entry.blob) not in had)
        if new:
            self._recorded.append(Recorded(manifest.test_id, new, any(_short(blob)[0] in asked for blob in new)))

    def _read_now(self, name: str, _stamp: Fingerprint) -> _Read | None:
        with suppress(NotInStore):
            manifest = self._store.read_manifest(name)
            return _Read(manifest, dict(entries_by_file([manifest])))
        return None


def _short(blob: BlobName) -> _Short:
    return int(blob.key[:16], 16), int(blob.digest[:16], 16)
