"""Which files are there, and which changed since they were last read: one answer for the index, verify, imports and watch.

A fingerprint says that a file is as it was only if the file was at rest when it was read (`is_settled`): one that is
written twice within a tick of the file system's clock, to the same size, looks as it did before.

Source: Git, Documentation/technical/racy-git.txt
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson

from recstore.model import Digest
from recstore.store.directory import TEMPORARY_PREFIX, Directory, file_failure

RACY_WINDOW_NS: Final = 2_000_000_000
"""The coarsest clock of a file system in use: FAT's, of two seconds."""


class Fingerprint(NamedTuple):
    """What changes when a file is replaced or written.

    Units: `modified_ns` nanoseconds since 1970; `size_bytes` bytes.
    """

    inode: int
    modified_ns: int
    size_bytes: int

    @classmethod
    def of(cls, status: os.stat_result) -> Fingerprint:
        """Return the fingerprint of a file whose `stat` is `status`."""
        return cls(status.st_ino, status.st_mtime_ns, status.st_size)

    def is_settled(self, now_ns: int) -> bool:
        """Return whether the file had been at rest for so long that its next change must show."""
        return self.modified_ns + RACY_WINDOW_NS <= now_ns


def compare(
    known: Mapping[str, Fingerprint], files: Mapping[str, Fingerprint]
) -> tuple[dict[str, Fingerprint], list[str]]:
    """Return the files that are new or not as they are known, and the paths of known files that are not there."""
    changed = {path: fingerprint for path, fingerprint in files.items() if known.get(path) != fingerprint}
    return changed, [path for path in known if path not in files]


def load_note(directory: Directory, name: str, version: int) -> dict[str, Any]:
    """Return what `save_note` wrote; nothing where that is absent, damaged or of another version.

    Raises: RecstoreError: the file is there and the system refuses to read it.
    """
    with suppress(ValueError):
        note = orjson.loads(directory.read(name) or b"")
        if isinstance(note, dict) and note.get("version") == version:
            return note
    return {}


def save_note(directory: Directory, name: str, version: int, **members: Any) -> None:
    """Write what the next process may know to the file `name`; it is derived data and need not be durable.

    Raises: RecstoreError: the folder cannot be written.
    """
    directory.write(name, orjson.dumps({"version": version, **members}))


class _Folder(NamedTuple):
    fingerprint: Fingerprint
    is_settled: bool
    files: dict[str, Fingerprint]
    folders: list[str]


class FileCache:
    """The files of some folders of a store; those of an unchanged folder are remembered. Not thread-safe.

    Raises: RecstoreError: from any look, where a folder is a link or cannot be listed.
    """

    def __init__(self, directory: Directory, tops: Iterable[str]) -> None:
        self._directory = directory
        self._tops = tuple(tops)
        self._folders: dict[str, _Folder] = {}

    def look(self, *, thorough: bool = False) -> dict[str, Fingerprint]:
        """Return the fingerprint of each file that is there, temporary ones left out, by its path below the directory.

        Files that were renamed into place, as recstore and Git do it, are always seen. One that was written in place is
        seen if `thorough`, which looks at each file.
        """
        known, self._folders = self._folders, {}
        paths = list(self._tops)
        while paths:
            path = paths.pop()
            self._directory.check_no_symlink(path)
            try:
                fingerprint = Fingerprint.of(os.lstat(self._directory.path(path)))
                folder = known.get(path)
                if folder is None or folder.fingerprint != fingerprint or not folder.is_settled or thorough:
                    folder = self._list(path, fingerprint)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise file_failure(str(self._directory.path(path)), "cannot be listed", error) from error
            self._folders[path] = folder
            paths += folder.folders
        return {path: file for folder in self._folders.values() for path, file in folder.files.items()}

    def digest(self) -> str:
        """Return a digest that changes when any file is added, removed or replaced; reads no file.

        "" where a folder changed so lately that its next change may not show.
        """
        self.look()
        if not all(folder.is_settled for folder in self._folders.values()):
            return ""
        return Digest.of(orjson.dumps(sorted((path, *folder[0][:2]) for path, folder in self._folders.items())))

    def _list(self, path: str, fingerprint: Fingerprint) -> _Folder:
        folder = _Folder(fingerprint, fingerprint.is_settled(time.time_ns()), {}, [])
        with os.scandir(self._directory.path(path)) as children:
            for child in sorted(children, key=lambda child: child.name):
                if child.is_dir(follow_symlinks=False):
                    folder.folders.append(f"{path}/{child.name}")
                elif child.is_file(follow_symlinks=False) and not child.name.startswith(TEMPORARY_PREFIX):
                    with suppress(FileNotFoundError):  # removed since the folder was listed
                        folder.files[f"{path}/{child.name}"] = Fingerprint.of(child.stat(follow_symlinks=False))
        return folder
