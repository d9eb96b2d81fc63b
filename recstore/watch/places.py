"""Where loose recordings are: the sources as they are stated, and the files that lie there now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import iglob
from pathlib import Path
from typing import TypeAlias

from recstore.adapters.discovery import SourceFile, source_file_at, source_files
from recstore.errors import RecstoreError

__all__ = ["Seen", "Signature", "Sources", "signature_of"]

Signature: TypeAlias = tuple[int, int, int]
"""Of a file: what is another once it was written again, but for what happens within one tick of the file system's clock."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What lies in the sources: each file with its signature, by its location; and links that lead out of them."""

    files: dict[str, tuple[SourceFile, Signature]]
    refused: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders, files and globs, seen from the project's folder; what is not there yet may come."""

    project: Path
    stated: tuple[str, ...]

    def roots(self) -> dict[str, int]:
        """Return the folders and files that are there now, each with its inode: a folder made anew is another one."""
        found: dict[str, int] = {}
        for stated in self.stated:
            pattern = stated if os.path.isabs(stated) else str(self.project / stated)
            for path in [pattern] if os.path.exists(pattern) else sorted(iglob(pattern, recursive=True)):
                try:
                    found[os.path.realpath(path)] = os.stat(path).st_ino
                except FileNotFoundError:
                    continue
        inside = {path for path in found if any(path.startswith(f"{other}{os.sep}") for other in found)}
        return {path: inode for path, inode in found.items() if path not in inside}

    def file_at(self, location: str, roots: Iterable[str]) -> SourceFile | None:
        """Return the file at that place, if it lies in one of the roots and may hold recordings."""
        for root in roots:
            if location == root or location.startswith(f"{root}{os.sep}"):
                return source_file_at(location, root, self.project)
        return None

    def look(self) -> Seen:
        """Return what lies there. A file that comes or goes meanwhile is there or not."""
        files: dict[str, tuple[SourceFile, Signature]] = {}
        refused: set[str] = set()
        for root in self.roots():
            try:
                found = source_files((Path(root),), self.project)
            except (OSError, RecstoreError):  # it has just gone
                continue
            for file in found:
                signature = signature_of(file.location)
                if signature is not None:
                    files[file.location] = (file, signature)
            refused.update(_links_out(root))
        return Seen(files, frozenset(refused))


def signature_of(location: str) -> Signature | None:
    """Return the signature of the file there, None if there is none."""
    try:
        status = os.stat(location)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _links_out(root: str) -> Iterator[str]:
    """Yield the links directly in a source's folders that lead out of it: nothing behind them is read."""
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                target = os.path.realpath(path)
                if not target.startswith(f"{root}{os.sep}"):
                    yield path
