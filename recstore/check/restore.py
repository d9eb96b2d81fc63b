"""Bring back what is gone: the blobs that tests here miss, a test, a recording, or all that was thrown away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from recstore.errors import Damage, GitError, ManifestConflict, NewerVersion, NotInStore, UsageError
from recstore.git.history import FileVersion, RecoveredFile, copies_of, find_blobs
from recstore.git.repository import Repository
from recstore.git.trash import Trash
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.manifest import parse_manifest
from recstore.store.paths import MANIFEST_FOLDERS, manifest_path
from recstore.store.selectors import is_named

EVERYTHING: Final = "*"
"""What stands for all that the trash has, or with a revision all that it has."""

_DIGITS: Final = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """`revision`: take it from that commit alone. `is_forced`: in place of another manifest that is there."""

    revision: str = ""
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What would be written, what is there already, and the blobs that are needed and nowhere to be had."""

    files: tuple[RecoveredFile, ...]
    present: tuple[str, ...]
    missing: tuple[BlobName, ...]


def plan_restore(store: Store, repository: Repository, what: str, options: RestoreOptions) -> RestorePlan:
    """Return what restoring `what` would do: a test (or `*` in one), the first digits of a recording, or `EVERYTHING`.

    With "" it is every blob that a manifest here names and that is not here.

    Raises: NotInStore: nothing is called so. UsageError: another manifest is there, and `is_forced` is not set.
    GitError: Git cannot answer.
    """
    search = _Search(store, repository, options)
    manifests = search.manifests_of(what)
    blobs = search.blobs_of(what) | {
        blob for found in manifests for blob in parse_manifest(found.data, found.path).blobs
    }
    absent = [blob for blob in sorted(blobs) if not store.directory.path(blob.path).exists()]
    found = find_blobs(repository, absent, options.revision)
    if options.revision:  # a manifest of that commit may name what only another one has
        found += find_blobs(repository, set(absent) - _names_of(found))
    new = [manifest for manifest in manifests if store.directory.read(manifest.path) != manifest.data]
    if not manifests and not blobs and what:
        raise _nothing(what, options.revision)
    files = (*found, *new)
    written = {file.path for file in files}
    asked = [*(blob.path for blob in sorted(blobs)), *(manifest.path for manifest in manifests)]
    missing = set(absent) - _names_of(found)
    return RestorePlan(
        files=files,
        present=tuple(path for path in asked if path not in written | {blob.path for blob in missing}),
        missing=tuple(sorted(missing)),
    )


def execute_restore(store: Store, plan: RestorePlan) -> None:
    """Write what the plan says: blobs, then the manifests that name them. Nothing to write waits for nobody.

    Raises: Locked: another process is writing to the store. DamagedBlob: other bytes are there under a blob's name.
    """
    if not plan.files:
        return
    manifests = []
    with store.directory.locked():
        for file in plan.files:
            blob = BlobName.from_path(file.path)
            if blob is not None:
                store.put_encoded(blob, file.data)
            else:
                manifests.append(parse_manifest(file.data, f"{FOLDER}/{file.path}"))
        store.directory.flush()
        store.publish(manifests)


@dataclass(frozen=True, slots=True)
class Thrown:
    """What one run of gc threw away that no commit had: when, whose manifests, which blobs."""

    time_s: int
    tests: tuple[str, ...]
    blobs: tuple[BlobName, ...]


def thrown_away(repository: Repository) -> Iterator[Thrown]:
    """Yield what is in the trash, the newest run first.

    Raises: GitError: the trash cannot be read.
    """
    for run in Trash(repository).runs():
        manifests = [(path, oid) for path, oid in run.files.items() if BlobName.from_path(path) is None]
        tests = {
            parse_manifest(repository.objects.read(oid), f"the trash, {path}").test_id or "(outside any test)"
            for path, oid in manifests
        }
        blobs = {blob for path in run.files if (blob := BlobName.from_path(path)) is not None}
        yield Thrown(run.time_s, tuple(sorted(tests)), tuple(sorted(blobs)))


@dataclass(frozen=True, slots=True)
class _Search:
    store: Store
    repository: Repository
    options: RestoreOptions

    def manifests_of(self, what: str) -> list[RecoveredFile]:
        """Return the manifests that `what` stands for: the one that is here, or the nearest that Git has."""
        if not what or (_DIGITS.fullmatch(what) and self.blobs_of(what)):
            return []
        found: dict[str, RecoveredFile] = {}
        copies = list(self._copies(what, _manifest_limits(what)))
        out_of_reach = self._fetched(copies)
        for copy in copies:
            if copy.path not in found and self.repository.objects.has(copy.oid):
                data = self.repository.objects.read(copy.oid)
                if what == EVERYTHING or _is_manifest_of(data, what):
                    found[copy.path] = RecoveredFile(copy.path, data, copy.location)
        if out_of_reach is not None and not found:
            raise out_of_reach
        return [
            manifest for manifest in map(self._checked, found.values()) if what != EVERYTHING or self._is_new(manifest)
        ]

    def blobs_of(self, what: str) -> set[BlobName]:
        """Return the blobs that `what` itself stands for."""
        if not what:
            return self._named_here()
        if what != EVERYTHING and not _DIGITS.fullmatch(what):
            return set()
        named = {blob for copy in self._copies(what, ["blobs"]) if (blob := BlobName.from_path(copy.path)) is not None}
        if what == EVERYTHING:
            return named
        matching = {blob for blob in named if blob.key.startswith(what) or blob.digest.startswith(what)}
        if len({blob.key for blob in matching}) > 1:
            raise UsageError(what, "begins the names of several recordings", "Give more of its digits.")
        return matching

    def _fetched(self, copies: Iterable[FileVersion]) -> GitError | None:
        """Bring what a partial clone has left with its remote; return why that could not be, None if it could."""
        try:
            self.repository.fetch(copy.oid for copy in copies)
        except GitError as error:
            return error
        return None

    def _copies(self, what: str, limits: Iterable[str]) -> Iterator[FileVersion]:
        if what != EVERYTHING or self.options.revision:
            yield from copies_of(self.repository, limits, self.options.revision)
            return
        folders = tuple(limits)
        for run in Trash(self.repository).runs():
            yield from (
                FileVersion(path, oid, "the trash") for path, oid in run.files.items() if path.startswith(folders)
            )

    def _checked(self, manifest: RecoveredFile) -> RecoveredFile:
        """Return the manifest, or the one that is here in its place: a present one is replaced only if told."""
        present = self.store.directory.read(manifest.path)
        if present is None or present == manifest.data or self.options.is_forced:
            return manifest
        if self.options.revision:
            raise UsageError(
                f"{FOLDER}/{manifest.path}", "is there, and another one", "Use --force to replace it by the old one."
            )
        return RecoveredFile(manifest.path, present, "the work tree")

    def _is_new(self, manifest: RecoveredFile) -> bool:
        return self.options.is_forced or self.store.directory.read(manifest.path) is None

    def _named_here(self) -> set[BlobName]:
        """Return what the manifests of the work tree name, as far as they can be read."""
        named: set[BlobName] = set()
        for path in self.store.manifest_paths():
            data = self.store.directory.read(path)
            with suppress(Damage, ManifestConflict, NewerVersion):  # `check` and `verify` are there to say so
                named |= parse_manifest(data, path).blobs if data is not None else set()
        return named


_LOOK: Final = "`recstore restore --list` lists what is in the trash; `git log -- .recstore` what was committed."
_ANYWHERE: Final = "in the trash, in history or in what reflogs remember"
_MANIFEST_FOLDERS_KEPT: Final = 8


def _nothing(what: str, revision: str) -> NotInStore:
    if what == EVERYTHING:
        return NotInStore(revision or "the trash", "has nothing of this store", _LOOK)
    return NotInStore(what, f"nothing is called so {f'in {revision}' if revision else _ANYWHERE}", _LOOK)


def _manifest_limits(what: str) -> list[str]:
    """Return the folder below the store's that has all manifests `what` may stand for."""
    folder = manifest_path(what).rpartition("/")[0]
    is_exact = "*" not in what and folder.count("/") < _MANIFEST_FOLDERS_KEPT
    return [folder] if is_exact else list(MANIFEST_FOLDERS)


def _is_manifest_of(data: bytes, what: str) -> bool:
    try:
        test_id = parse_manifest(data, what).test_id
    except (Damage, ManifestConflict, NewerVersion):
        return False
    return test_id is not None and is_named(test_id, what)


def _names_of(found: Iterable[RecoveredFile]) -> set[BlobName]:
    return {blob for file in found if (blob := BlobName.from_path(file.path)) is not None}
