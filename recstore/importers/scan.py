"""Which files of a source may hold recordings, by which path the store knows them, and which are not imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from glob import iglob
from pathlib import Path
from typing import Final, NamedTuple

from recstore.errors import DamagedSource, NotInStore, RecstoreError, UsageError
from recstore.files import read_file
from recstore.importers.formats import entries_by_file, parse_source, render_source_file
from recstore.model import Manifest
from recstore.settings import Settings
from recstore.store import Store

SKIPPED_FOLDERS: Final = frozenset((".git", ".recstore", ".hg", ".venv", "node_modules", "__pycache__"))
SUFFIXES: Final = (".json", ".yaml", ".yml")


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


def source_files(paths: Iterable[Path], project: Path) -> list[SourceFile]:
    """Return the files below `paths` that may hold recordings, sorted by name, each once.

    A file inside the project is named by its path from the project's folder, any other by its path from
    the folder that was given. Links that lead out of the folder given are left out.

    Raises: NotInStore: one of the paths does not exist. DamagedSource: a folder cannot be listed. UsageError: two files
    would have one name.
    """
    files: dict[str, SourceFile] = {}
    for path in paths:
        below, problems = scan_below(path, project)
        for problem in problems:
            if isinstance(problem, DamagedSource):
                raise problem
        files.update((file.location, file) for file in below)
    refuse_clash(files.values())
    return sorted(files.values(), key=lambda file: file.name)


def scan_below(path: Path, project: Path) -> tuple[list[SourceFile], list[RecstoreError]]:
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
                    if child.name.endswith(SUFFIXES) and child.is_file(follow_symlinks=False):  # most of them
                        with suppress(FileNotFoundError):  # removed since
                            files.append(SourceFile.of(child.path, root_length, child.stat()))
                    elif child.is_symlink():
                        links.append(child.path)
                    elif child.name not in SKIPPED_FOLDERS and child.is_dir():
                        folders.append(child.path)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(DamagedSource(folder, f"cannot be listed: {error.strerror or error}"))
    for link in links:
        if start not in Path(os.path.realpath(link)).parents:
            problems.append(UsageError(link, "is a link that leads out of its source; it is not followed"))
        elif link.endswith(SUFFIXES) and os.path.isfile(link):
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
