"""What files lie below a folder, asked again and again: a folder is listed anew only where it has changed."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from recstore.errors import RecstoreError
from recstore.store.directory import TEMPORARY_PREFIX

Stamp: TypeAlias = tuple[int, int, int]
"""Of a file: its inode, when it was written (ns) and its size (bytes): another one once it has been replaced."""

YOUNG_NS: Final = 2_000_000_000
"""A folder that changed so shortly before it was listed may change again and show the same time: clocks tick that slowly."""


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file that `stat` said this of."""
    return status.st_ino, status.st_mtime_ns, status.st_size


@dataclass(frozen=True, slots=True)
class _Folder:
    inode: int
    modified_ns: int
    is_young: bool
    files: dict[str, Stamp]
    folders: tuple[str, ...]


class Listing:
    """The files of the folder `top` of a store, temporary ones left out. Not thread-safe."""

    def __init__(self, root: Path, top: str) -> None:
        self._root = root
        self._top = top
        self._folders: dict[str, _Folder] = {}

    def stamps(self, *, thorough: bool = False) -> Iterator[tuple[str, Stamp]]:
        """Yield the name of each file, relative to the store, with its stamp.

        Files that were put in place as recstore and Git do it, by renaming, are always seen. One that was written where it
        lies is seen if `thorough`, which looks at each file.
        """
        return self._below(self._top, thorough=thorough)

    def state(self) -> Iterator[tuple[str, int, int]]:
        """Yield each folder that is there now, its inode and when it was changed (ns): a look at folders alone.

        This is another once a file has come, gone or been replaced, but for what happens within `YOUNG_NS` of a change.
        """
        folders = [self._top]
        while folders:
            name = folders.pop()
            try:
                status = self._status(name)
                with os.scandir(self._root / name) as children:
                    folders += (f"{name}/{child.name}" for child in children if child.is_dir(follow_symlinks=False))
            except (FileNotFoundError, NotADirectoryError):
                continue
            yield name, status.st_ino, status.st_mtime_ns

    def _status(self, name: str) -> os.stat_result:
        status = os.lstat(self._root / name)
        if stat.S_ISLNK(status.st_mode):
            raise RecstoreError(f"{self._root}/{name}", "is a link, which recstore does not follow", "Remove it.")
        return status

    def _below(self, name: str, *, thorough: bool) -> Iterator[tuple[str, Stamp]]:
        try:
            status = self._status(name)
            known = self._folders.get(name)
            is_known = known is not None and (known.inode, known.modified_ns) == (status.st_ino, status.st_mtime_ns)
            if known is None or not is_known or known.is_young or thorough:
                known = self._folders[name] = self._listed(name, status)
        except (FileNotFoundError, NotADirectoryError):
            self._folders.pop(name, None)
            return
        yield from known.files.items()
        for folder in known.folders:
            yield from self._below(folder, thorough=thorough)

    def _listed(self, name: str, status: os.stat_result) -> _Folder:
        is_young = time.time_ns() - status.st_mtime_ns < YOUNG_NS
        files: dict[str, Stamp] = {}
        folders = []
        with os.scandir(self._root / name) as children:
            for child in children:
                if child.is_dir(follow_symlinks=False):
                    folders.append(f"{name}/{child.name}")
                elif child.is_file(follow_symlinks=False) and not child.name.startswith(TEMPORARY_PREFIX):
                    try:
                        own = child.stat(follow_symlinks=False)
                    except FileNotFoundError:  # it has gone since
                        continue
                    files[f"{name}/{child.name}"] = stamp_of(own)
        return _Folder(status.st_ino, status.st_mtime_ns, is_young, files, tuple(folders))
