"""Blobs in conflict, put right: a blob's name says what its bytes are and where it is, so there is nothing to choose.

Git finds conflicts where it takes a new blob for a renamed old one. It may then put one blob's bytes under another's name,
or a blob into the folder that its neighbours seem to have moved to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Final

from recstore.git.history import find_blobs
from recstore.git.repository import Repository
from recstore.model import BlobName
from recstore.store import Store

BASE: Final = 1
OURS: Final = 2
THEIRS: Final = 3
"""Stages of Git's index. Source: git-ls-files(1), `--stage`."""


def conflict_stages(repository: Repository) -> dict[str, dict[int, str]]:
    """Return path below the store's folder -> stage -> object id, of all that is in conflict.

    Raises: GitError: the index cannot be read.
    """
    found: dict[str, dict[int, str]] = {}
    for entry in repository.index():
        if entry.stage:
            found.setdefault(entry.path, {})[entry.stage] = entry.oid
    return found


def settle_blobs(store: Store, repository: Repository) -> list[str]:
    """Put every blob in conflict right, and return the paths to stage: where blobs are now, and where none is any more.

    Raises: GitError: the index cannot be read. RecstoreError: the store's folder cannot be written.
    """
    stages = {path: oids for path, oids in conflict_stages(repository).items() if BlobName.from_path(path) is not None}
    wanted: dict[BlobName, list[str]] = {}
    for path, oids in stages.items():
        name = BlobName.from_path(path)
        if name is not None and (OURS in oids or THEIRS in oids):
            wanted.setdefault(name, []).extend(oids.values())
    for name, candidates in wanted.items():
        if not _is_right(store, name):
            _write_blob(store, repository, name, candidates)
    places = {name: name.path for name in wanted if _is_right(store, name)}
    gone = [path for path in stages if _is_left(path, places, wanted)]
    for path in gone:
        store.directory.remove(path)
    return [*gone, *places.values()]


def _is_left(path: str, places: Mapping[BlobName, str], wanted: Collection[BlobName]) -> bool:
    """Return whether the path is one that no side has, or that of a blob which is now where it belongs."""
    name = BlobName.from_path(path)
    return name is not None and (name not in wanted or places.get(name, path) != path)


def _write_blob(store: Store, repository: Repository, name: BlobName, oids: Iterable[str]) -> None:
    staged = (repository.objects.read(oid) for oid in oids)
    elsewhere = (found.data for found in find_blobs(repository, [name]))
    right = next((data for data in chain(staged, elsewhere) if name.fits(data)), None)
    if right is not None:
        store.directory.write(name.path, right)


def _is_right(store: Store, name: BlobName) -> bool:
    data = store.directory.read(name.path)
    return data is not None and name.fits(data)
