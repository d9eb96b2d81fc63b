"""Damaged files of a store, put back as Git has them. What was damaged is kept, out of the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os.path import lexists

from recstore.check.restore import RestorePlan, execute_restore
from recstore.errors import Damage, GitError, RecstoreError
from recstore.git.history import RecoveredFile, copies_of, find_blobs
from recstore.git.repository import Repository
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.manifest import parse_manifest
from recstore.store.paths import manifest_path, shared_path
from recstore.store.verify import keep_aside, problem_of_blob, quarantine

_BLOBS = "blobs/"


@dataclass(frozen=True, slots=True)
class Repaired:
    """Where damaged files are now, in the local folder, and what has been put back in their places."""

    quarantined: tuple[str, ...] = ()
    files: tuple[RecoveredFile, ...] = ()


def repair(store: Store, repository: Repository | None, damaged: Iterable[str], missing: Iterable[str]) -> Repaired:
    """Put back the files `damaged` and `missing` that Git has sound copies of: its index, the trash, history, any ref.

    After: damaged blobs, and links, are in quarantine, whether Git has them or not. A damaged manifest is there, and replaced, if Git has
    an earlier one; otherwise it stays, and goes on being damaged: what it says can be read by people.

    Raises: GitError: Git cannot answer. Locked, RecstoreError: of the store.
    """
    names = tuple(damaged)
    blobs = [name for name in names if name.startswith(_BLOBS)]
    manifests = [name for name in names if not name.startswith(_BLOBS)]
    copies: tuple[RecoveredFile, ...] = ()
    older: tuple[RecoveredFile, ...] = ()
    if repository is not None:
        names_of_blobs = map(BlobName.from_path, (*blobs, *missing))
        copies = find_blobs(repository, [blob for blob in names_of_blobs if blob is not None])
        older = _manifests(repository, manifests)
    aside = quarantine(store, (name for name in names if _is_unfit(store, name)))  # which looks under its lock
    execute_restore(store, RestorePlan(files=copies, present=(), missing=()))
    with store.directory.locked():
        older = tuple(file for file in older if not _is_readable(store, file.path))
        aside += keep_aside(store, [file.path for file in older])
        for file in older:
            store.directory.write(file.path, file.data)
        store.directory.flush()
    return Repaired(aside, (*copies, *older))


def _is_unfit(store: Store, name: str) -> bool:
    """Return whether something is there, still, that is no file (a link, a device), or a blob that is damaged."""
    path = store.directory.path(name)
    if not lexists(path):
        return False
    is_odd = path.is_symlink() or not path.is_file()
    return is_odd or (name.startswith(_BLOBS) and isinstance(problem_of_blob(store.directory, name), Damage))


def _is_readable(store: Store, path: str) -> bool:
    try:
        store.read_manifest(path)
    except RecstoreError:
        return False
    return True


def _manifests(repository: Repository, names: list[str]) -> tuple[RecoveredFile, ...]:
    """Return for each manifest the nearest copy of it that can be read."""
    found: dict[str, RecoveredFile] = {}
    for copy in copies_of(repository, names):
        if copy.path in names and copy.path not in found:
            try:
                data = repository.objects.read(copy.oid)
            except GitError:  # not here, or damaged as well
                continue
            if _is_sound(data, copy.path):
                found[copy.path] = RecoveredFile(copy.path, data, copy.location)
        if len(found) == len(names):
            break
    return tuple(found.values())


def _is_sound(data: bytes, path: str) -> bool:
    try:
        manifest = parse_manifest(data, f"{FOLDER}/{path}")
    except RecstoreError:
        return False
    if manifest.test_id is not None:
        return manifest_path(manifest.test_id) == path
    return any(shared_path(entry.blob) == path for entry in manifest.entries)
