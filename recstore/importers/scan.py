"""The files in sources that may hold recordings, by which path the store knows them, and which are not imported."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import iglob
from pathlib import Path
from stat import S_ISREG
from typing import Final, NamedTuple

from recstore.errors import DamagedSource, NotInStore, RecstoreError, UsageError
from recstore.files import read_file
from recstore.importers.formats import entries_by_file, parse_source, render_source_file
from recstore.model import Manifest
from recstore.settings import Settings
from recstore.store import Store

_SKIPPED_FOLDERS: Final = frozenset((".git", ".recstore", ".hg", ".venv", "node_modules", "__pycache__"))
_SUFFIXES: Final = (".json", ".yaml", ".yml")
_MAGIC: Final = re.compile(r"[*?\[]")


class SourceFile(NamedTuple):
    """A file that may hold recordings, as it was when it was scanned: unequal once it has been written again.

    `root_length` is how many characters of its location are not of its name. Two writes within a tick of the clock
    have one `modified_ns`.
    """

    location: str
    root_length: int
    inode: int
    modified_ns: int
    size_bytes: int

    @classmethod
    def of(cls, location: str, root_length: int, status: os.stat_result) -> SourceFile:
        """Return the file at `location` whose `stat` is `status`."""
        return cls(location, root_length, status.st_ino, status.st_mtime_ns, status.st_size)

    @property
    def name(self) -> str:
        """The path as origins state it, with `/`."""
        return self.location[self.root_length :].replace(os.sep, "/")


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
        reason = "leads out of the project by a link, which is not followed"
        remedy = "Name the folder that it leads to."
        outside = filter(self._leads_out, self._paths())
        refused: dict[str, RecstoreError] = {path: UsageError(path, reason, remedy) for path in outside}
        for root in self.roots():
            with suppress(OSError, NotInStore):  # removed since
                below, problems = _scan_below(Path(root), self.project)
                files.update((file.location, file) for file in below)
                refused.update((problem.subject, problem) for problem in problems)
        refuse_clash(files.values())
        return files, refused

    def file_at(self, location: str, roots: Collection[str]) -> SourceFile | None:
        """Return the file that a scan would find at `location`, without a link; None if there is none.

        Also None where another root may have a file of that name: the scan sees whether it does.
        """
        root = next((root for root in roots if location == root or location.startswith(f"{root}{os.sep}")), None)
        if root is None or not location.endswith(_SUFFIXES) or os.path.realpath(location) != location:
            return None
        folders = location[len(root) :].strip(os.sep).split(os.sep)[:-1]
        may_clash = len(roots) > 1 and not Path(root).is_relative_to(self.project.resolve())
        with suppress(OSError):
            status = os.stat(location)
            if S_ISREG(status.st_mode) and _SKIPPED_FOLDERS.isdisjoint(folders) and not may_clash:
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
                folders[:] = [name for name in folders if is_deep and name not in {*matches, *_SKIPPED_FOLDERS}]


def source_files(paths: Iterable[Path], project: Path) -> list[SourceFile]:
    """Return the files below `paths` that may hold recordings, sorted by name, each once.

    A file inside the project is named by its path from the project's folder, any other by its path from
    the folder that was given. Links that lead out of the folder given are left out.

    Raises: NotInStore: one of the paths does not exist. DamagedSource: a folder cannot be listed. UsageError: two files
    would have one name.
    """
    files: dict[str, SourceFile] = {}
    for path in paths:
        below, problems = _scan_below(path, project)
        for problem in problems:
            if isinstance(problem, DamagedSource):
                raise problem
        files.update((file.location, file) for file in below)
    refuse_clash(files.values())
    return sorted(files.values(), key=lambda file: file.name)


def _scan_below(path: Path, project: Path) -> tuple[list[SourceFile], list[RecstoreError]]:
    """Return the files at or below `path`, in any order, and why links (UsageError) and folders (DamagedSource) are left out.

    Raises: NotInStore: the path does not exist.
    """
    start, root_length = path.resolve(), root_length_of(path, project)
    if not start.exists():
        raise NotInStore(str(path), "it does not exist", "Name a folder of recordings, or a file.")
    if start.is_file():
        return [SourceFile.of(str(start), root_length, start.stat())], []
    files: list[SourceFile] = []
    links: list[str] = []
    problems: list[RecstoreError] = []
    folders = [str(start)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as children:
                for child in children:
                    if child.name.endswith(_SUFFIXES) and child.is_file(follow_symlinks=False):  # most of them
                        with suppress(FileNotFoundError):  # removed since
                            files.append(SourceFile.of(child.path, root_length, child.stat()))
                    elif child.is_symlink():
                        links.append(child.path)
                    elif child.name not in _SKIPPED_FOLDERS and child.is_dir():
                        folders.append(child.path)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(DamagedSource(folder, f"cannot be listed: {error.strerror or error}"))
    for link in links:
        if start not in Path(os.path.realpath(link)).parents:
            problems.append(UsageError(link, "is a link that leads out of its source; it is not followed"))
        elif link.endswith(_SUFFIXES) and os.path.isfile(link):
            files.append(SourceFile.of(link, root_length, os.stat(link)))
    return files, problems


def refuse_clash(files: Iterable[SourceFile]) -> None:
    """Raise UsageError if two files have one name: the store would take them for one file.

    It happens outside the project, where the folders that were given are not part of a name.
    """
    locations: dict[str, str] = {}
    for file in sorted(files, key=lambda file: file.location):
        other = locations.setdefault(file.name, file.location)
        if other != file.location:
            remedy = "Name a folder that holds both instead of theirs, or copy them into the project."
            raise UsageError(f"{other} and {file.location}", f"would both be known as {file.name}", remedy)


def root_length_of(path: Path, project: Path) -> int:
    """Return how many characters of the location of a file at or below `path` are not of its name.

    The name begins at the project's folder, or, outside of the project, at what was given.
    """
    path, folder = path.resolve(), project.resolve()
    if not path.is_relative_to(folder):
        folder = path if path.is_dir() else path.parent
    return len(str(folder).rstrip(os.sep)) + 1


def unimported_files(store: Store, settings: Settings, manifests: Iterable[Manifest]) -> Iterator[tuple[str, bool]]:
    """Yield the name of each file in the configured sources that `manifests` do not hold as it is, and whether they know it.

    A file without recordings is not one; one that cannot be read is, for `recstore import` says why.
    """
    project = store.directory.root.parent
    matches = (iglob(source, root_dir=project, recursive=True, include_hidden=True) for source in settings.sources)
    known = entries_by_file(manifests)
    for file in source_files([project / match for each in matches for match in sorted(each)], project):
        entries = known.get(file.name, [])
        try:
            data = read_file(file.location)
            with suppress(RecstoreError):  # a missing or damaged blob is a finding of its own
                if entries and render_source_file(store, file.name, entries) == data:
                    continue
            recordings = parse_source(data, file.name, settings.upstreams)  # a renamed test has other bytes
        except (OSError, RecstoreError):
            yield file.name, bool(entries)
            continue
        if {recording.entry.blob for recording in recordings} != {entry.blob for _, entry in entries}:
            yield file.name, bool(entries)


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
