"""Which files of a source to look at, and by which path the store is to know them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.errors import NotInStore

__all__ = ["SourceFile", "scope_of", "source_file_at", "source_files"]

_SUFFIXES: Final = (".json", ".yaml", ".yml")
_PRUNED: Final = frozenset((".git", ".recstore", ".hg", ".venv", "node_modules", "__pycache__"))


@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """A file to import: `name` is its path as origins state it, with `/`; `size_bytes` as `stat` gave it."""

    name: str
    location: str
    size_bytes: int


def source_files(paths: tuple[Path, ...], project: Path) -> list[SourceFile]:
    """Return the files below `paths` that may hold recordings, sorted by name, each once.

    A file inside the project is named by its path from the project's folder, any other by its path from
    the folder that was given. Links that lead out of the folder given are left out.

    Raises: NotInStore: one of the paths is not there.
    """
    found: dict[str, SourceFile] = {}
    for path in paths:
        if not path.exists():
            raise NotInStore(str(path), "there is no such file or folder", "Name a folder of recordings, or a file.")
        for file in _files_below(path, _origin_folder(path, project)):
            found[file.location] = file
    return sorted(found.values())


def source_file_at(location: str, root: str, project: Path) -> SourceFile | None:
    """Return the file at that place, as `source_files` would find it below the folder or file `root`; None if it would not."""
    if not location.endswith(_SUFFIXES) or os.path.islink(location):
        return None
    inside = location[len(root) :].strip(os.sep).split(os.sep)[:-1]
    try:
        status = os.stat(location)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or not _PRUNED.isdisjoint(inside) or os.path.realpath(location) != location:
        return None
    prefix = len(str(_origin_folder(Path(root), project)).rstrip(os.sep)) + 1
    return SourceFile(location[prefix:].replace(os.sep, "/"), location, status.st_size)


def scope_of(paths: tuple[Path, ...], project: Path) -> tuple[str, ...]:
    """Return the beginnings of the names that files below `paths` get: ("",) is any name at all."""
    return tuple(_scope(path.resolve(), _origin_folder(path, project)) for path in paths)


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


def _files_below(path: Path, folder: Path) -> Iterator[SourceFile]:
    start = path.resolve()
    prefix = len(str(folder).rstrip(os.sep)) + 1
    if start.is_file():
        yield SourceFile(str(start)[prefix:].replace(os.sep, "/"), str(start), start.stat().st_size)
        return
    for entry in _walk(str(start)):
        if entry.name.endswith(_SUFFIXES) and _stays_below(entry, start):
            yield SourceFile(entry.path[prefix:].replace(os.sep, "/"), entry.path, entry.stat().st_size)


def _walk(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as listing:
        children = list(listing)
    for child in children:
        if child.is_dir(follow_symlinks=False):
            if child.name not in _PRUNED:
                yield from _walk(child.path)
        else:
            yield child


def _stays_below(entry: os.DirEntry[str], start: Path) -> bool:
    if not entry.is_symlink():
        return entry.is_file()
    target = Path(os.path.realpath(entry.path))
    return target.is_file() and start in target.parents
