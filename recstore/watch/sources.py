"""Where loose recordings are: the sources as they are stated, and the files that lie there now."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISREG
from typing import Final

from recstore.errors import RecstoreError, UsageError
from recstore.importers.scan import SKIPPED_FOLDERS, SourceFile, name_clash, scan_below, source_file_at


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
        for path in self._paths():
            with suppress(OSError):  # it has just gone
                if not self._leads_out(path):
                    found[os.path.realpath(path)] = os.stat(path).st_ino
        inside = {path for path in found if any(path.startswith(f"{other}{os.sep}") for other in found)}
        return {path: inode for path, inode in found.items() if path not in inside}

    def _paths(self) -> Iterator[str]:
        """Yield the places that are stated, or that a glob stands for; one where nothing is may be among them."""
        for stated in self.stated:
            pattern = os.path.normpath(self.project / stated)
            if _MAGIC.search(pattern) and not os.path.lexists(pattern):
                yield from _matching(pattern)
            else:
                yield pattern

    def _leads_out(self, path: str) -> bool:
        """Return whether a link on the way leads out of the project: who has stated the way may not have made the link."""
        project = self.project.resolve()
        stated = Path(os.path.normpath(path))
        is_inside = stated.is_relative_to(project) or stated.is_relative_to(self.project)
        return is_inside and not Path(os.path.realpath(path)).is_relative_to(project)

    def file_at(self, location: str, roots: Iterable[str]) -> SourceFile | None:
        """Return the file at that place, if it lies in one of the roots, may hold recordings and can have no other's name."""
        every = list(roots)
        for root in every:
            if location == root or location.startswith(f"{root}{os.sep}"):
                return source_file_at(location, root, self.project) if self._is_inside(root, every) else None
        return None

    def look(self) -> Seen:
        """Return what lies there. A file that comes or goes meanwhile is there or not.

        Raises: UsageError: two files would be taken for one.
        """
        seen = Seen({}, {path: UsageError(path, _LEAVES, _NAME_IT) for path in self._paths() if self._leads_out(path)})
        roots = self.roots()
        for root in roots:
            try:
                files, problems = scan_below(Path(root), self.project)
            except (OSError, RecstoreError):  # it has just gone
                continue
            seen.files.update((file.location, file) for file in files)
            seen.refused.update((problem.subject, problem) for problem in problems)
        clash = None if all(self._is_inside(root, roots) for root in roots) else name_clash(seen.files.values())
        if clash is not None:
            raise clash
        return seen

    def _is_inside(self, root: str, roots: Collection[str]) -> bool:
        """Return whether no file of another root can have the name of a file of this one: paths in the project differ."""
        return len(roots) == 1 or Path(root).is_relative_to(self.project.resolve())


def has_gone(location: str) -> bool:
    """Return whether there is no file: nothing, or a folder or link in its place, but not a folder that cannot be read."""
    try:
        return not S_ISREG(os.lstat(location).st_mode) or os.path.realpath(location) != location
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _matching(pattern: str) -> Iterator[str]:
    """Yield what a glob stands for, nothing below another of it; no link is followed, and no folder of tools looked into."""
    parts = pattern.split(os.sep)
    first = next(number for number, part in enumerate(parts) if _MAGIC.search(part))
    start, wanted = os.sep.join(parts[:first]) or os.sep, parts[first:]
    for folder, folders, files in os.walk(start):
        inside = folder[len(start) :].strip(os.sep)
        above = inside.split(os.sep) if inside else []
        found = [name for name in (*folders, *files) if _is_match([*above, name], wanted)]
        yield from (os.path.join(folder, name) for name in sorted(found))
        is_deep = "**" in wanted or len(above) + 1 < len(wanted)
        folders[:] = [name for name in folders if is_deep and name not in found and name not in SKIPPED_FOLDERS]


def _is_match(parts: list[str], wanted: list[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return _is_match(parts, wanted[1:]) or (bool(parts) and _is_match(parts[1:], wanted))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _is_match(parts[1:], wanted[1:])


_MAGIC: Final = re.compile(r"[*?\[]")
_LEAVES: Final = "leads out of the project by a link, which is not followed"
_NAME_IT: Final = "Name the folder that it leads to, if that is meant."
