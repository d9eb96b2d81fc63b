"""Bring files back from Git: blobs that tests here miss, one test, one recording, the whole trash, or damaged files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from os.path import lexists
from pathlib import Path
from typing import Final

from recstore.errors import Damage, GitError, ManifestConflict, NewerVersion, NotInStore, RecstoreError, UsageError
from recstore.git.history import FileVersion, RecoveredFile, copies_of, find_blobs, heal, trash_copies
from recstore.git.repository import Repository
from recstore.git.trash import Trash
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER, Store
from recstore.store.manifest import MANIFEST_FOLDERS, manifest_path, parse_manifest, shared_path
from recstore.store.rename import is_selected
from recstore.store.verify import problem_of_blob, quarantine

EVERYTHING: Final = "*"
"""A selector for all that is in the trash, or, with a revision, in that commit."""

_DIGITS: Final = re.compile(r"[0-9a-f]{4,64}")
_DEEPEST_EXACT_FOLDER: Final = 8
"""Manifests of test files below more folders than this share folders, as paths are cut there."""

_LOOK: Final = "`recstore restore --list` lists what is in the trash; `git log -- .recstore` what was committed."


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """The files to write, the paths that exist already, and the blobs that are needed and nowhere in Git."""

    files: tuple[RecoveredFile, ...]
    present: tuple[str, ...]
    missing: tuple[BlobName, ...]


@dataclass(frozen=True, slots=True)
class TrashListing:
    """The tests and blobs that one run of gc moved to the trash, `time_s` after the epoch."""

    time_s: int
    tests: tuple[str, ...]
    blobs: tuple[BlobName, ...]


@dataclass(frozen=True, slots=True)
class Repaired:
    """The new names of damaged files, below the store's folder, and the files that took their places."""

    quarantined: tuple[Path, ...] = ()
    files: tuple[RecoveredFile, ...] = ()


def heal_from_git(store: Store, environment: Mapping[str, str]) -> None:
    """Put back every blob that a manifest here names, the store lacks and Git has; after it the files are durable."""
    with suppress(RecstoreError), Repository(store.directory.root, environment) as repository:
        heal(store, repository, _named_blobs(store))  # the reader's own error, that a blob is missing, says more


def plan_restore(
    store: Store, repository: Repository, what: str, *, revision: str = "", is_forced: bool = False
) -> RestorePlan:
    """Return the effect of restoring `what`: a test (or `*` in one), the first digits of a recording, or `EVERYTHING`.

    With "" it is every blob that a manifest here names and the store lacks. With `revision`, that commit alone is read.

    Raises: NotInStore: nothing has that name. UsageError: another manifest is in its place, and `is_forced` is not set.
    GitError: Git cannot answer.
    """
    blobs = _matching_blobs(repository, what, revision) if what else _named_blobs(store)
    manifests: list[RecoveredFile] = []
    if what and not (blobs and what != EVERYTHING):
        for file in _matching_manifests(repository, what, revision):
            present = store.directory.read(file.path)
            if present in (None, file.data) or is_forced:
                manifests += [file] if what != EVERYTHING or is_forced or present is None else []
            elif revision:
                remedy = "Use --force to replace it by the old one."
                raise UsageError(f"{FOLDER}/{file.path}", "is there, and another one", remedy)
            elif what != EVERYTHING:
                manifests.append(RecoveredFile(file.path, present or b"", "the work tree"))
    for manifest in manifests:
        blobs |= parse_manifest(manifest.data, manifest.path).blobs
    if what and not (manifests or blobs):
        if what == EVERYTHING:
            raise NotInStore(revision or "the trash", "has nothing of this store", _LOOK)
        where = f"in {revision}" if revision else "in the trash, in history or in what reflogs remember"
        raise NotInStore(what, f"nothing is called so {where}", _LOOK)
    missing = {blob for blob in blobs if not store.directory.path(blob.path).exists()}
    files: list[RecoveredFile] = []
    for source in (revision, "") if revision else ("",):  # a commit's manifest may name a blob that only another has
        files += find_blobs(repository, sorted(missing), source)
        missing -= {blob for file in files if (blob := BlobName.from_path(file.path)) is not None}
    files += (manifest for manifest in manifests if store.directory.read(manifest.path) != manifest.data)
    absent = {file.path for file in files} | {blob.path for blob in missing}
    asked = (*(blob.path for blob in sorted(blobs)), *(manifest.path for manifest in manifests))
    return RestorePlan(tuple(files), tuple(path for path in asked if path not in absent), tuple(sorted(missing)))


def _named_blobs(store: Store) -> set[BlobName]:
    """Return the blobs that the manifests of the work tree name, as far as those can be read."""
    named: set[BlobName] = set()
    for path in store.manifest_paths():
        data = store.directory.read(path)
        with suppress(Damage, ManifestConflict, NewerVersion):  # `check` and `verify` report these
            named |= parse_manifest(data, path).blobs if data is not None else set()
    return named


def _matching_blobs(repository: Repository, what: str, revision: str) -> set[BlobName]:
    if what != EVERYTHING and not _DIGITS.fullmatch(what):
        return set()
    names = (BlobName.from_path(copy.path) for copy in _copies(repository, what, ["blobs"], revision))
    blobs = {name for name in names if name is not None}
    if what != EVERYTHING:
        blobs = {blob for blob in blobs if blob.key.startswith(what) or blob.digest.startswith(what)}
        if len({blob.key for blob in blobs}) > 1:
            raise UsageError(what, "begins the names of several recordings", "Give more of its digits.")
    return blobs


def _matching_manifests(repository: Repository, what: str, revision: str) -> list[RecoveredFile]:
    """Return the nearest version of each manifest that `what` names."""
    folder = manifest_path(what).rpartition("/")[0]
    is_exact = "*" not in what and folder.count("/") < _DEEPEST_EXACT_FOLDER
    copies = list(_copies(repository, what, [folder] if is_exact else MANIFEST_FOLDERS, revision))
    unreachable: GitError | None = None
    try:
        repository.fetch(copy.oid for copy in copies)
    except GitError as error:
        unreachable = error
    manifests: dict[str, RecoveredFile] = {}
    for copy in copies:
        if copy.path not in manifests and repository.objects.has(copy.oid):
            data, test_id = repository.objects.read(copy.oid), None
            with suppress(Damage, ManifestConflict, NewerVersion):  # not a manifest that could be restored
                test_id = parse_manifest(data, what).test_id
            if what == EVERYTHING or (test_id is not None and is_selected(test_id, what)):
                manifests[copy.path] = RecoveredFile(copy.path, data, copy.location)
    if unreachable is not None and not manifests:
        raise unreachable
    return list(manifests.values())


def _copies(repository: Repository, what: str, folders: Iterable[str], revision: str) -> Iterator[FileVersion]:
    if what != EVERYTHING or revision:
        return copies_of(repository, folders, revision)
    return (copy for copy in trash_copies(repository) if copy.path.startswith(tuple(folders)))


def execute_restore(store: Store, plan: RestorePlan) -> None:
    """Write the files of the plan: blobs, then the manifests that name them. Without files it takes no lock.

    Raises: Locked: another process is writing to the store. DamagedBlob: a blob's file has other bytes.
    """
    if not plan.files:
        return
    manifests: list[Manifest] = []
    with store.locked():
        for file in plan.files:
            blob = BlobName.from_path(file.path)
            if blob is not None:
                store.put_encoded(blob, file.data)
            else:
                manifests.append(parse_manifest(file.data, f"{FOLDER}/{file.path}"))
        store.directory.flush()
        store.publish(manifests)


def trash_contents(repository: Repository) -> Iterator[TrashListing]:
    """Yield the runs of gc whose removals are still in the trash, the newest first.

    Raises: GitError: the trash cannot be read.
    """
    for run in Trash(repository).runs():
        names = {path: BlobName.from_path(path) for path in run.files}
        blobs = sorted(name for name in names.values() if name is not None)
        texts = ((path, repository.objects.read(run.files[path])) for path, name in names.items() if name is None)
        tests = {parse_manifest(text, f"the trash, {path}").test_id or "(outside any test)" for path, text in texts}
        yield TrashListing(run.time_s, tuple(sorted(tests)), tuple(blobs))


def repair(store: Store, repository: Repository | None, damaged: Iterable[str], missing: Iterable[str]) -> Repaired:
    """Replace `damaged` files and put back `missing` ones, as far as Git has sound copies of them.

    After: damaged blobs, and links, are in quarantine in any case; a manifest that Git has not stays, for a person to read.

    Raises: GitError: Git cannot answer. Locked, RecstoreError: the store cannot be written.
    """
    names = tuple(damaged)
    manifests = {name for name in names if not name.startswith("blobs/")}
    blobs = {blob.path: blob for name in (*names, *missing) if (blob := BlobName.from_path(name)) is not None}
    copies: tuple[RecoveredFile, ...] = ()
    older: list[RecoveredFile] = []
    if repository is not None:
        copies = find_blobs(repository, blobs.values())
        for copy in copies_of(repository, frozenset(manifests)):  # the nearest first
            if copy.path not in manifests:
                continue
            with suppress(RecstoreError):  # an absent object, or another damaged copy
                data = repository.objects.read(copy.oid)
                manifest = parse_manifest(data, f"{FOLDER}/{copy.path}")
                shared = {shared_path(blob) for blob in manifest.blobs}
                if copy.path in ({manifest_path(manifest.test_id)} if manifest.test_id is not None else shared):
                    manifests.remove(copy.path)
                    older.append(RecoveredFile(copy.path, data, copy.location))
            if not manifests:
                break

    def must_go(name: str) -> bool:
        """Return whether the path still is a damaged blob, or something other than a file: a link, a device."""
        path = store.directory.path(name)
        if path.is_symlink() or not path.is_file():
            return lexists(path)
        return name.startswith("blobs/") and isinstance(problem_of_blob(store.directory, name), Damage)

    with store.locked():
        quarantined = quarantine(store, filter(must_go, names))
        for file in copies:
            store.put_encoded(blobs[file.path], file.data)
        for file in tuple(older):
            with suppress(RecstoreError):
                store.read_manifest(file.path)
                older.remove(file)  # it can be read again
        quarantined += quarantine(store, [file.path for file in older], is_copy=True)
        for file in older:
            store.directory.write(file.path, file.data)
        store.directory.flush()
    return Repaired(quarantined, (*copies, *older))
