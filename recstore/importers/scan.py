"""Which files of a source to look at, and by which path the store is to know them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from recstore.errors import DamagedSource, NotInStore, RecstoreError, UsageError

PRUNED: Final = frozenset((".git", ".recstore", ".hg", ".venv", "node_modules", "__pycache__"))
"""Folders that are never looked into."""

_SUFFIXES: Final = (".json", ".yaml", ".yml")
_ONE_NAME: Final = "Name a folder that holds both instead of theirs, or copy them into the project."


class SourceFile(NamedTuple):
    """A file that may hold recordings, as it lay there: another one once it has been written again.

    `prefix` is how many characters of its location are not of its name; `modified_ns` is equal for two writes within a
    tick of the clock.
    """

    location: str
    prefix: int
    inode: int
    modified_ns: int
    size_bytes: int

    @property
    def name(self) -> str:
        """The path as origins state it, with `/`."""
        return self.location[self.prefix :].replace(os.sep, "/")

    def unread(self) -> SourceFile:
        """Return the file as it never lay there: no look at it gives this."""
        return self._replace(size_bytes=-1)


@dataclass(frozen=True, slots=True)
class Found:
    """What lies below a path, in any order: files, and why others are not among them: `links_out`, `unreadable` folders."""

    files: tuple[SourceFile, ...]
    links_out: tuple[str, ...] = ()
    unreadable: tuple[RecstoreError, ...] = ()


def source_files(paths: tuple[Path, ...], project: Path) -> list[SourceFile]:
    """Return the files below `paths` that may hold recordings, sorted by name, each once.

    A file inside the project is named by its path from the project's folder, any other by its path from
    the folder that was given. Links that lead out of the folder given are left out.

    Raises: NotInStore: one of the paths is not there. DamagedSource: a folder cannot be listed. UsageError: two files
    would have one name.
    """
    everything = [found_below(path, project) for path in paths]
    for problem in (problem for found in everything for problem in found.unreadable):
        raise problem
    files = {file.location: file for found in everything for file in found.files}
    clash = name_clash(files.values())
    if clash is not None:
        raise clash
    return sorted(files.values(), key=lambda file: file.name)


def name_clash(files: Iterable[SourceFile]) -> UsageError | None:
    """Return what is wrong where two files have one name, None where none have: the store would take them for one file.

    It happens outside the project, where the folders that were given are no part of a name.
    """
    known: dict[str, str] = {}
    for file in sorted(files, key=lambda file: file.location):
        other = known.setdefault(file.name, file.location)
        if other != file.location:
            return UsageError(f"{other} and {file.location}", f"would both be known as {file.name}", _ONE_NAME)
    return None


def found_below(path: Path, project: Path) -> Found:
    """Return what lies at or below `path`, named as `source_files` says.

    Raises: NotInStore: nothing is there.
    """
    start, prefix = path.resolve(), _prefix(path, project)
    if not start.exists():
        raise NotInStore(str(path), "there is no such file or folder", "Name a folder of recordings, or a file.")
    if start.is_file():
        return Found((_source_file(str(start), prefix, start.stat()),))
    files: list[SourceFile] = []
    links: list[str] = []
    unreadable: list[RecstoreError] = []
    folders = [str(start)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as children:
                folders += _sort_out(children, prefix, files, links)
        except FileNotFoundError:
            continue
        except OSError as error:
            unreadable.append(DamagedSource(folder, f"cannot be listed: {error.strerror or error}"))
    links_out = [link for link in links if start not in Path(os.path.realpath(link)).parents]
    inside = [link for link in links if link not in links_out and link.endswith(_SUFFIXES) and os.path.isfile(link)]
    files += (_source_file(link, prefix, os.stat(link)) for link in inside)
    return Found(tuple(files), tuple(links_out), tuple(unreadable))


def _sort_out(
    children: Iterable[os.DirEntry[str]], prefix: int, files: list[SourceFile], links: list[str]
) -> list[str]:
    """Add what a folder has to `files` and `links`, and return the folders in it that are to be looked into."""
    folders = []
    for child in children:
        if child.name.endswith(_SUFFIXES) and child.is_file(follow_symlinks=False):  # of which there are many
            try:
                status = child.stat()
            except FileNotFoundError:  # it has gone since
                continue
            files.append(_source_file(child.path, prefix, status))
        elif child.is_symlink():
            links.append(child.path)
        elif child.name not in PRUNED and child.is_dir():
            folders.append(child.path)
    return folders


def source_file_at(location: str, root: str, project: Path) -> SourceFile | None:
    """Return the file at that place, as `source_files` would find it below the folder or file `root`; None if it would not."""
    if not location.endswith(_SUFFIXES) or os.path.islink(location):
        return None
    inside = location[len(root) :].strip(os.sep).split(os.sep)[:-1]
    try:
        status = os.stat(location)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or not PRUNED.isdisjoint(inside) or os.path.realpath(location) != location:
        return None
    return _source_file(location, _prefix(Path(root), project), status)


def _source_file(location: str, prefix: int, status: os.stat_result) -> SourceFile:
    return SourceFile(location, prefix, status.st_ino, status.st_mtime_ns, status.st_size)


def _prefix(path: Path, project: Path) -> int:
    """Return how many characters of a location are not of its name."""
    return len(str(_origin_folder(path, project)).rstrip(os.sep)) + 1


def scope_of(paths: tuple[Path, ...], project: Path) -> tuple[str, ...]:
    """Return what `is_within` takes for the names of files at or below `paths`: a name, a folder's with `/`, "" for any."""
    return tuple(_scope(path.resolve(), _origin_folder(path, project)) for path in paths)


def is_within(name: str, scope: tuple[str, ...]) -> bool:
    """Return whether a file of that name lies at or below one of the paths whose scope this is."""
    return any(name == one or (one[-1:] in ("", "/") and name.startswith(one)) for one in scope)


def _scope(path: Path, folder: Path) -> str:
    if path == folder:
        return ""
    name = path.relative_to(folder).as_posix()
    return f"{name}/" if path.is_dir() else name


def _origin_folder(path: Path, project: Path) -> Path:
    path, project = path.resolve(), project.resolve()
    if path == project or project in path.parents:
        return project
    return path if path.is_dir() else path.parent
