"""The manifests of a store by the files that their recordings stand for, read again where they have changed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

from recstore.adapters.exporting import Place, entries_by_file
from recstore.adapters.merging import ImportedEntry, Owner, owner_for
from recstore.errors import NotInStore
from recstore.model import BlobName, Manifest
from recstore.store import Store

__all__ = ["KnownManifests"]

_Stamp = tuple[int, int, int]
"""What is another once a file has been replaced."""


class KnownManifests:
    """All manifests of a store, of which others may write some at any moment. Not thread-safe.

    Raises: Damage, ManifestConflict, NewerVersion: any question, where a manifest that it is about cannot be used.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[_Stamp, Manifest]] = {}
        self._files: dict[str, list[Place]] = {}
        self._owners: dict[Owner, str] = {}
        self._named: Counter[BlobName] = Counter()
        self._changes: list[tuple[Manifest | None, Manifest | None]] = []

    def of_test(self, test_id: str | None, path: str) -> list[Place]:
        """Return what the test has recorded of the file `path`: asking for that reads one manifest."""
        manifest = None if test_id is None else self._store.manifest(test_id)
        return entries_by_file([manifest] if manifest else []).get(path, [])

    def of_all(self) -> Mapping[str, list[Place]]:
        """Return what is recorded of each file, by whichever test, as it is now."""
        stamps = dict(self._stamps())
        for name in [name for name in self._known if name not in stamps]:
            self._changes.append((self._known[name][1], None))
            self._forget(name)
        for name, stamp in stamps.items():
            known = self._known.get(name)
            if known is None or known[0] != stamp:
                manifest = self._read(name)  # first: where it cannot be used, what is known stays
                self._changes.append((known[1] if known else None, manifest))
                self._forget(name)
                if manifest is not None:
                    self._learn(name, stamp, manifest)
        return self._files

    def changes(self) -> list[tuple[Manifest | None, Manifest | None]]:
        """Return which manifests changed since this was last asked, as of `of_all`: before and after, None for none."""
        found, self._changes = self._changes, []
        return found

    def concerned(self, paths: Collection[str], imported: list[ImportedEntry]) -> list[Manifest]:
        """Return the manifests that change when `imported` becomes what is recorded of the files `paths`, as of `of_all`."""
        places = [place for path in paths for place in self._files.get(path, [])]
        owners = {owner_for(entry.test_id, entry.blob) for entry in imported}
        owners.update(owner_for(test_id, entry.blob) for test_id, entry in places)
        return [self._known[self._owners[owner]][1] for owner in owners if owner in self._owners]

    def named(self, blobs: Collection[BlobName]) -> set[BlobName]:
        """Return those of the blobs that some manifest names, as of `of_all`."""
        return {blob for blob in blobs if self._named[blob] > 0}

    def _learn(self, name: str, stamp: _Stamp, manifest: Manifest) -> None:
        self._known[name] = stamp, manifest
        self._named.update(entry.blob for entry in manifest.entries)
        for path, places in entries_by_file([manifest]).items():
            self._files[path] = [*self._files.get(path, []), *places]
        if manifest.entries:
            self._owners[owner_for(manifest.test_id, manifest.entries[0].blob)] = name

    def _forget(self, name: str) -> None:
        if name not in self._known:
            return
        _, manifest = self._known.pop(name)
        self._named.subtract(entry.blob for entry in manifest.entries)
        for path, gone in entries_by_file([manifest]).items():
            left = [place for place in self._files[path] if not any(place[1] is one for _, one in gone)]
            if left:
                self._files[path] = left
            else:
                del self._files[path]
        if manifest.entries:
            self._owners.pop(owner_for(manifest.test_id, manifest.entries[0].blob), None)

    def _stamps(self) -> Iterator[tuple[str, _Stamp]]:
        for folder in ("tests", "shared"):
            for file in self._store.directory.walk(folder):
                with suppress(FileNotFoundError):  # it has gone since the folder was listed
                    yield self._store.directory.name_of(file), _stamp(os.stat(file.path))

    def _read(self, name: str) -> Manifest | None:
        with suppress(NotInStore):
            return self._store.read_manifest(name)
        return None


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_size
