"""Files whose recordings are in the store, and which are to go once nobody writes them any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from recstore.errors import NotInStore, RecstoreError
from recstore.files import read_file
from recstore.importers.scan import SourceFile
from recstore.model import Digest
from recstore.store import Store
from recstore.store.directory import Directory
from recstore.watch.import_changes import Followed

Fate: TypeAlias = Literal["removed", "other", "kept"]
"""What became of a spent file; `other`: it is to be followed again; `kept`: it cannot be removed, which is told."""

_QUIET_S: Final = 2.0
"""So long nobody has written to a file that goes: some recorders hold one open, and write a recording at a time."""

_OLD_S: Final = 10.0
"""A file that was written so long ago, by its own time, need not wait: clocks of other machines may differ by less."""


@dataclass(frozen=True, slots=True)
class _Spent:
    file: SourceFile
    followed: Followed
    due_s: float


class SpentFiles:
    """The files that wait; `is_held`: none is removed for now."""

    def __init__(self, store: Store) -> None:
        self.is_held = False
        self._store = store
        self._files: dict[str, _Spent] = {}

    def __len__(self) -> int:
        return len(self._files)

    def add(self, file: SourceFile, followed: Followed) -> None:
        """Have the file removed after a while, unless it is followed again before."""
        is_old = time.time() - file.modified_ns / 1e9 >= _OLD_S
        self._files[file.location] = _Spent(file, followed, time.monotonic() + (0 if is_old else _QUIET_S))

    def discard(self, location: str) -> None:
        """Have the file stay."""
        self._files.pop(location, None)

    def remove(self) -> Iterator[tuple[SourceFile, Fate, Followed]]:
        """Remove the files that have waited for long enough, and yield each with what became of it."""
        now_s = time.monotonic()
        due = [spent for spent in self._files.values() if now_s >= spent.due_s and not self.is_held]
        for spent in due:
            self.discard(spent.file.location)
            try:
                yield spent.file, self._remove(spent), spent.followed
            except RecstoreError as problem:
                yield spent.file, "kept", replace(spent.followed, outcome="bad", problem=problem)

    def _remove(self, spent: _Spent) -> Fate:
        location = spent.file.location
        if not self._is_stored(spent.followed) or digest_at(location) != spent.followed.digest:
            return "other"
        place = Path(location)
        Directory(place.parent).remove(place.name)
        return "removed"

    def _is_stored(self, followed: Followed) -> bool:
        """Return whether each recording is named in the store and there, which a change of the branch can undo.

        Raises: Damage: it is not as it was.
        """
        manifests = [self._store.manifest(test_id) for test_id in followed.tests if test_id is not None]
        named = {entry.blob for manifest in manifests if manifest is not None for entry in manifest.entries}
        try:
            for blob in followed.blobs:
                self._store.read_blob(blob)
        except NotInStore:
            return False
        return all(blob in named or self._store.shared_manifest(blob) is not None for blob in followed.blobs)


def digest_at(location: str) -> str | None:
    """Return the digest of the file's bytes, "" if they cannot be read, None if there is no file."""
    try:
        return Digest.of(read_file(location))
    except FileNotFoundError:
        return None
    except OSError:
        return ""
