"""The sources as they are stated, and the files that lie there now."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISREG
from typing import Final

from recstore.errors import NotInStore, RecstoreError, UsageError
from recstore.importers.scan import SKIPPED_FOLDERS, SUFFIXES, SourceFile, refuse_clash, root_length_of, scan_below

_MAGIC: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders, files and globs, seen from the project's folder; they need not exist yet."""

    project: Path
    stated: tuple[str, ...]

    def roots(self) -> dict[str, int]:
        """Return the folders and files that exist now, each with its inode: a folder made again is another one."""
        inodes: dict[str, int] = {}
        for path in self._paths():
            with suppress(OSError):  # removed since
                if not self._leads_out(path):
                    inodes[os.path.realpath(path)] = os.stat(path).st_ino
        inside = {path for path in inodes if any(path.startswith(f"{other}{os.sep}") for other in inodes)}
        return {path: inode for path, inode in inodes.items() if path not in inside}

    def scan(self) -> tuple[dict[str, SourceFile], dict[str, RecstoreError]]:
        """Return the files in the sources by their locations, and by their paths why links and folders are not followed.

        A file that is added or removed meanwhile is there or not.
        Raises: UsageError: the store would take two files for one.
        """
        files: dict[str, SourceFile] = {}
        reason, remedy = (
            "leads out of the project by a link, which is not followed",
            "Name the folder that it leads to.",
        )
        refused: dict[str, RecstoreError] = {
            path: UsageError(path, reason, remedy) for path in self._paths() if self._leads_out(path)
        }
        for root in self.roots():
            with suppress(OSError, NotInStore):  # removed since
                below, problems = scan_below(Path(root), self.project)
                files.update((file.location, file) for file in below)
                refused.update((problem.subject, problem) for problem in problems)
        refuse_clash(files.values())
        return files, refused

    def file_at(self, location: str, roots: Collection[str]) -> SourceFile | None:
        """Return the file that a scan would find at `location`, without a link; None if there is none.

        Also None where another root may have a file of that name: the scan sees whether it does.
        """
        root = next((root for root in roots if location == root or location.startswith(f"{root}{os.sep}")), None)
        if root is None or not location.endswith(SUFFIXES) or os.path.realpath(location) != location:
            return None
        folders = location[len(root) :].strip(os.sep).split(os.sep)[:-1]
        may_clash = len(roots) > 1 and not Path(root).is_relative_to(self.project.resolve())
        with suppress(OSError):
            status = os.stat(location)
            if S_ISREG(status.st_mode) and SKIPPED_FOLDERS.isdisjoint(folders) and not may_clash:
                return SourceFile.of(location, root_length_of(Path(root), self.project), status)
        return None

    def _leads_out(self, path: str) -> bool:
        """Return whether a link on the way leads out of the project: its maker need not be who stated the source."""
        project = self.project.resolve()
        stated = Path(os.path.normpath(path))
        is_inside = stated.is_relative_to(project) or stated.is_relative_to(self.project)
        return is_inside and not Path(os.path.realpath(path)).is_relative_to(project)

    def _paths(self) -> Iterator[str]:
        """Yield the paths that are stated, and those that match a glob, none below another; some may not exist.

        Links are not followed, and folders of tools are skipped.
        """
        for stated in self.stated:
            pattern = os.path.normpath(self.project / stated)
            if not _MAGIC.search(pattern) or os.path.lexists(pattern):
                yield pattern
                continue
            parts = pattern.split(os.sep)
            first = next(number for number, part in enumerate(parts) if _MAGIC.search(part))
            start, wanted = os.sep.join(parts[:first]) or os.sep, parts[first:]
            for folder, folders, files in os.walk(start):
                above = [part for part in folder[len(start) :].split(os.sep) if part]
                matches = {name for name in (*folders, *files) if _is_match([*above, name], wanted)}
                yield from (os.path.join(folder, name) for name in sorted(matches))
                is_deep = "**" in wanted or len(above) + 1 < len(wanted)
                folders[:] = [name for name in folders if is_deep and name not in {*matches, *SKIPPED_FOLDERS}]


def is_removed(location: str) -> bool:
    """Return whether the file is gone: nothing, a folder or a link is there instead; a parent that cannot be read says nothing."""
    try:
        return not S_ISREG(os.lstat(location).st_mode) or os.path.realpath(location) != location
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _is_match(parts: list[str], wanted: list[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return _is_match(parts, wanted[1:]) or (bool(parts) and _is_match(parts[1:], wanted))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _is_match(parts[1:], wanted[1:])
