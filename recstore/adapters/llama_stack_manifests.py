"""The manifests of a store by the files that their recordings stand for, read again where they have changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from recstore.adapters.exporting import Place, entries_by_file
from recstore.adapters.merging import ImportedEntry, Owner, owner_for
from recstore.errors import NotInStore
from recstore.model import Manifest
from recstore.store import Store
from recstore.store.origins import origin_path

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

    def of_test(self, test_id: str | None, path: str) -> list[Place]:
        """Return what the test has recorded of the file `path`: asking for that reads one manifest."""
        manifest = None if test_id is None else self._store.manifest(test_id)
        return entries_by_file([manifest] if manifest else []).get(path, [])

    def of_all(self) -> dict[str, list[Place]]:
        """Return what is recorded of each file, by whichever test."""
        stamps = dict(self._stamps())
        if stamps != {name: stamp for name, (stamp, _) in self._known.items()}:
            self._known = {name: (stamp, manifest) for name, stamp, manifest in self._read(stamps)}
            self._files = entries_by_file(manifest for _, manifest in self._known.values())
        return self._files

    def concerned(self, path: str, imported: list[ImportedEntry]) -> list[Manifest]:
        """Return the manifests that change when `imported` becomes what is recorded of the file `path`."""
        self.of_all()
        owners = {owner_for(entry.test_id, entry.blob) for entry in imported}
        return [
            manifest
            for _, manifest in self._known.values()
            if _owner(manifest) in owners or any(origin_path(entry.origin) == path for entry in manifest.entries)
        ]

    def _stamps(self) -> Iterator[tuple[str, _Stamp]]:
        for folder in ("tests", "shared"):
            for file in self._store.directory.walk(folder):
                with suppress(FileNotFoundError):  # it has gone since the folder was listed
                    yield self._store.directory.name_of(file), _stamp(os.stat(file.path))

    def _read(self, stamps: dict[str, _Stamp]) -> Iterator[tuple[str, _Stamp, Manifest]]:
        for name, stamp in stamps.items():
            known = self._known.get(name)
            if known is not None and known[0] == stamp:
                yield name, stamp, known[1]
                continue
            with suppress(NotInStore):
                yield name, stamp, self._store.read_manifest(name)


def _owner(manifest: Manifest) -> Owner | None:
    return owner_for(manifest.test_id, manifest.entries[0].blob) if manifest.entries else None


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_size
