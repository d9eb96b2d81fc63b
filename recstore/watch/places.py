"""Where loose recordings are: the sources as they are stated, and the files that lie there now."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from glob import iglob
from pathlib import Path
from typing import Final

from recstore.adapters.discovery import SourceFile, found_below, source_file_at
from recstore.errors import RecstoreError, UsageError

__all__ = ["Seen", "Sources"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What lies in the sources: the files by their locations, and why links and folders in them are not followed."""

    files: dict[str, SourceFile]
    refused: dict[str, RecstoreError]


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
            is_glob = not os.path.exists(pattern)
            start = os.path.realpath(_start(pattern)) if is_glob else ""
            for path in sorted(iglob(pattern, recursive=True)) if is_glob else [pattern]:
                if is_glob and not Path(os.path.realpath(path)).is_relative_to(start):
                    continue  # by a link, which may be a stranger's
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
        seen = Seen({}, {})
        for root in self.roots():
            try:
                found = found_below(Path(root), self.project)
            except (OSError, RecstoreError):  # it has just gone
                continue
            seen.files.update((file.location, file) for file in found.files)
            seen.refused.update((link, UsageError(link, _LEADS_OUT)) for link in found.links_out)
            seen.refused.update((problem.subject, problem) for problem in found.unreadable)
        return seen


def _start(pattern: str) -> str:
    """Return the folder that the first `*` or the like of a glob stands in."""
    return os.path.dirname(pattern[: magic.start()]) if (magic := _MAGIC.search(pattern)) else pattern


_MAGIC: Final = re.compile(r"[*?\[]")
_LEADS_OUT: Final = "is a link that leads out of its source; it is not followed"
