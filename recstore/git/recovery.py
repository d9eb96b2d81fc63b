"""Where lost files can be had from: Git's index, the trash, HEAD's history, any ref, what reflogs remember.

In this order, so that what is nearest to the present is taken. A blob is taken only if its bytes fit its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from recstore.errors import GitError
from recstore.git.history import HISTORY, Copy, commit_place, versions, versions_elsewhere
from recstore.git.objects import EMPTY_BLOBS, is_in_doubt
from recstore.git.repository import Repository
from recstore.git.trash import Trash
from recstore.model import BlobName
from recstore.store import Store


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
    missing = {blob.path: blob for blob in blobs if not store.directory.path(blob.path).exists()}
    found = find_blobs(repository, missing.values())
    for restored in found:
        store.put_encoded(missing[restored.path], restored.data)
    store.directory.flush()
    return found


def find_blobs(repository: Repository, blobs: Iterable[BlobName], revision: str = "") -> tuple[Found, ...]:
    """Return the bytes of those of `blobs` that Git has somewhere; with `revision`, that one commit has.

    What a partial clone has left with its remote is fetched, if it is nowhere else.

    Raises: GitError: Git cannot answer, or the one copy of a blob cannot be read just now: that is not "nowhere".
    """
    search = _Search(repository, {blob.path: blob for blob in blobs})
    absent: list[Copy] = []
    for copy in _copies_of_blobs(repository, search.wanted, revision):
        if copy.path in search.wanted and not search.take(copy):
            absent.append(copy)
        if len(search.found) == len(search.wanted):
            break
    left = [copy for copy in absent if copy.path not in search.found]
    with suppress(GitError):  # out of reach: what is missing stays missing, and is said to be
        repository.fetch(copy.oid for copy in left)
    for copy in left:
        search.take(copy)
    for path, error in search.in_doubt.items():
        if path not in search.found:
            raise error
    return tuple(search.found.values())


@dataclass(frozen=True, slots=True)
class _Search:
    """What is wanted, what was found, and why a copy that is there could not be read."""

    repository: Repository
    wanted: Mapping[str, BlobName]
    found: dict[str, Found] = field(default_factory=dict)
    in_doubt: dict[str, GitError] = field(default_factory=dict)

    def take(self, copy: Copy) -> bool:
        """Take the copy if it is whole and none was found before; return whether its object is here."""
        if copy.path in self.found:
            return True
        try:
            if not self.repository.objects.has(copy.oid):
                return False
            data = self.repository.objects.read(copy.oid)
        except GitError as error:  # there may be another copy, and there are other blobs
            if is_in_doubt(error):
                self.in_doubt.setdefault(copy.path, error)
            return True
        if self.wanted[copy.path].fits(data):
            self.found[copy.path] = Found(copy.path, data, copy.place)
        return True


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
