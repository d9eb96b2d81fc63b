"""Where lost files can be had from: Git's index, the trash, HEAD's history, any ref, what reflogs remember.

In this order, so that what is nearest to the present is taken. A blob is taken only if its bytes fit its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from recstore.errors import GitError
from recstore.git.copies import HISTORY, Copy, commit_place, versions, versions_elsewhere
from recstore.git.objects import EMPTY_BLOBS
from recstore.git.repository import Repository
from recstore.git.trash import Trash
from recstore.model import BlobName
from recstore.store import Store
from recstore.store.names import blob_path, digest_of

__all__ = ["Found", "copies_of", "find_blobs", "heal"]


@dataclass(frozen=True, slots=True)
class Found:
    """The bytes of a path (below the store's folder), and where they were found: `the trash`, `commit 1a2b3c4d5e6f`."""

    path: str
    data: bytes
    place: str


def heal(store: Store, repository: Repository, blobs: Iterable[BlobName]) -> tuple[Found, ...]:
    """Put back those of `blobs` that are not there and can be had from Git, and return them.

    After: they are durable. What could not be found is still missing: whoever asked says so.

    Raises: GitError: Git cannot answer. RecstoreError: the store's folder cannot be written.
    """
    missing = {blob_path(blob): blob for blob in blobs if not store.directory.path(blob_path(blob)).exists()}
    found = find_blobs(repository, missing.values())
    for restored in found:
        store.put_encoded(missing[restored.path], restored.data)
    store.directory.flush()
    return found


def find_blobs(repository: Repository, blobs: Iterable[BlobName], revision: str = "") -> tuple[Found, ...]:
    """Return the bytes of those of `blobs` that Git has somewhere; with `revision`, that one commit has.

    What a partial clone has left with its remote is fetched, if it is nowhere else.

    Raises: GitError: Git cannot answer.
    """
    wanted = {blob_path(blob): blob for blob in blobs}
    found: dict[str, Found] = {}
    absent: list[Copy] = []
    for copy in _copies_of_blobs(repository, wanted, revision):
        if copy.path in wanted and copy.path not in found:
            if repository.objects.has(copy.oid):
                _take(repository, copy, wanted[copy.path], found)
            else:
                absent.append(copy)
        if len(found) == len(wanted):
            break
    left = [copy for copy in absent if copy.path not in found]
    with suppress(GitError):  # out of reach: what is missing stays missing, and is said to be
        repository.fetch(copy.oid for copy in left)
    for copy in left:
        if repository.objects.has(copy.oid):
            _take(repository, copy, wanted[copy.path], found)
    return tuple(found.values())


def _copies_of_blobs(repository: Repository, paths: Collection[str], revision: str) -> Iterator[Copy]:
    """Yield copies of blobs: failing all else, of a time when the project was in another folder."""
    yield from copies_of(repository, paths, revision)
    if paths and not revision:
        yield from versions_elsewhere(repository, paths)


def copies_of(repository: Repository, paths: Iterable[str], revision: str = "") -> Iterator[Copy]:
    """Yield every copy of `paths` (files or folders below the store's folder) that Git has, nearest first.

    Their objects need not be here. With `revision`, only those of that commit.

    Raises: GitError: Git cannot answer, or `revision` is no commit.
    """
    limits = frozenset(path.rstrip("/") for path in paths)
    if limits:
        found = _in_commit(repository, limits, revision) if revision else _anywhere(repository, limits)
        yield from (copy for copy in found if _is_below(copy.path, limits))


def _take(repository: Repository, copy: Copy, blob: BlobName, found: dict[str, Found]) -> None:
    try:
        data = repository.objects.read(copy.oid)
    except GitError:  # damaged: there may be another copy, and there are other blobs
        return
    if digest_of(data) == blob.digest:
        found.setdefault(copy.path, Found(copy.path, data, copy.place))


def _anywhere(repository: Repository, limits: Iterable[str]) -> Iterator[Copy]:
    """Yield copies place by place: one is looked into only if whoever asks has not had enough."""
    yield from (
        Copy(entry.path, entry.oid, "Git's index") for entry in repository.index() if entry.oid not in EMPTY_BLOBS
    )
    for run in Trash(repository).runs():
        yield from (Copy(path, oid, "the trash") for path, oid in run.files.items())
    head = repository.head
    for revisions in (*([(head,)] if head else []), *HISTORY):
        yield from versions(repository, limits, revisions)


def _in_commit(repository: Repository, limits: Iterable[str], revision: str) -> Iterator[Copy]:
    commit = repository.resolve([revision]).get(revision)
    if commit is None:
        raise GitError(revision, "is no commit that is here", "`git log --all --oneline` lists those that are.")
    folders = sorted({limit.partition("/")[0] for limit in limits})
    yield from (Copy(path, oid, commit_place(commit)) for path, oid in repository.store_files(commit, *folders).items())


def _is_below(path: str, limits: frozenset[str]) -> bool:
    return path in limits or any(path[:end] in limits for end, letter in enumerate(path) if letter == "/")
