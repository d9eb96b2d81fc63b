"""The versions that files have had, and the copies that Git still has of them.

The objects that are named need not be in this repository (shallow and partial clones): only `committed_copies` and
`find_blobs` look at the bytes. Everything here raises GitError where Git cannot answer or a revision is not a commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from recstore.errors import GitError
from recstore.git.objects import INTENT_TO_ADD_IDS, is_transient
from recstore.git.program import encode_path
from recstore.git.repository import Repository, stashes
from recstore.git.trash import Trash
from recstore.model import BlobName
from recstore.store import FOLDER, Store

_ALL_REFS: Final = ("--exclude=refs/recstore/*", "--all")
_ALL_REFS_AND_REFLOGS: Final = (*_ALL_REFS, "--reflog")

_LOG_OPTIONS: Final = (
    *("--format=%x01%H", "--raw", "--no-abbrev", "-z", "--no-relative", "--no-renames", "--root"),
    *("--full-history", "--diff-merges=separate"),  # what a merge left out is a version too
)

_MAX_PATHS: Final = 100


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A path, the object with its bytes, and the location of that: `commit 1a2b3c4d5e6f`, `the trash`, `Git's index`."""

    path: str
    oid: str
    location: str
    commit: str = ""


@dataclass(frozen=True, slots=True)
class RecoveredFile:
    """The bytes of a path below the store's folder, and the location that they come from, as in `FileVersion`."""

    path: str
    data: bytes
    location: str


def heal(store: Store, repository: Repository, blobs: Iterable[BlobName]) -> tuple[RecoveredFile, ...]:
    """Put back those of `blobs` that the store lacks and Git has, and return them.

    After: they are durable. The caller reports what is still missing.

    Raises: GitError: Git cannot answer. RecstoreError: the store's folder cannot be written.
    """
    missing = {blob.path: blob for blob in blobs if not store.directory.path(blob.path).exists()}
    recovered = find_blobs(repository, missing.values())
    for file in recovered:
        store.put_encoded(missing[file.path], file.data)
    store.directory.flush()
    return recovered


def find_blobs(repository: Repository, blobs: Iterable[BlobName], revision: str = "") -> tuple[RecoveredFile, ...]:
    """Return the bytes of those of `blobs` that Git has anywhere, or, with `revision`, that this commit has.

    The nearest copy whose bytes fit the blob's name is taken; one that cannot be read just now is an error, for that does not
    mean "nowhere". What a partial clone has left with its remote is fetched if
    there is no other copy. Failing all else, stores in other folders of history are searched: the project may have moved.
    """
    wanted = {blob.path: blob for blob in blobs}
    recovered: dict[str, RecoveredFile] = {}
    unreadable: dict[str, GitError] = {}
    absent: list[FileVersion] = []

    def take(copies: Iterable[FileVersion]) -> None:
        """Take the copies that are sound, and note those whose object is not in this repository."""
        for copy in copies:
            if copy.path in wanted and copy.path not in recovered:
                try:
                    if not repository.objects.has(copy.oid):
                        absent.append(copy)
                        continue
                    data = repository.objects.read(copy.oid)
                except GitError as error:  # there may be another copy, and there are other blobs
                    if is_transient(error):
                        unreadable.setdefault(copy.path, error)
                    continue
                if wanted[copy.path].fits(data):
                    recovered[copy.path] = RecoveredFile(copy.path, data, copy.location)
            if len(recovered) == len(wanted):
                return

    take(copies_of(repository, wanted, revision))
    if len(recovered) < len(wanted) and not revision:
        for_moved = versions(repository, wanted, _ALL_REFS_AND_REFLOGS, f"**/{FOLDER}/")
        take(replace(version, path=version.path.rpartition(f"{FOLDER}/")[2]) for version in for_moved)
    absent = [copy for copy in absent if copy.path not in recovered]
    with suppress(GitError):  # what is out of reach stays missing
        repository.fetch(copy.oid for copy in absent)
    take(tuple(absent))
    for path, error in unreadable.items():
        if path not in recovered:
            raise error
    return tuple(recovered.values())


def copies_of(repository: Repository, paths: Iterable[str], revision: str = "") -> Iterator[FileVersion]:
    """Yield every copy of `paths` (files or folders below the store's folder) that Git has, nearest first.

    Each source is read only when the caller asks for more. With `revision`, only that commit is read.
    """
    limits = frozenset(path.rstrip("/") for path in paths)

    def anywhere() -> Iterator[FileVersion]:
        for entry in repository.index():
            if entry.oid not in INTENT_TO_ADD_IDS:
                yield FileVersion(entry.path, entry.oid, "Git's index")
        yield from trash_copies(repository)
        head = repository.head
        for revisions in ((head,) if head else (), _ALL_REFS, _ALL_REFS_AND_REFLOGS):
            if revisions:
                yield from versions(repository, limits, revisions)

    for copy in (_in_commit(repository, limits, revision) if revision else anywhere()) if limits else ():
        folders = (copy.path[:end] for end, letter in enumerate(copy.path) if letter == "/")
        if copy.path in limits or any(folder in limits for folder in folders):
            yield copy


def trash_copies(repository: Repository) -> Iterator[FileVersion]:
    """Yield every file in the trash, newest run first."""
    for run in Trash(repository).runs():
        yield from (FileVersion(path, oid, "the trash") for path, oid in run.files.items())


def _in_commit(repository: Repository, limits: Iterable[str], revision: str) -> Iterator[FileVersion]:
    commit = repository.commit(revision)
    for path, oid in repository.store_files(commit, *sorted({limit.partition("/")[0] for limit in limits})).items():
        yield FileVersion(path, oid, f"commit {commit[:12]}", commit)


def committed_copies(repository: Repository, wanted: Mapping[str, frozenset[str]]) -> dict[tuple[str, str], str]:
    """Return (path, object id) -> the location of a committed copy, for those of `wanted` that have one.

    `wanted` is path below the store's folder -> object ids. Counted are commits that a ref or a stash reaches, but not
    the trash and the reflogs, and only objects that are in this repository and undamaged.
    """
    copies: dict[tuple[str, str], str] = {}
    remaining = {(path, oid) for path, oids in wanted.items() for oid in oids}

    def candidates() -> Iterator[FileVersion]:
        if repository.head is not None:
            yield from _in_commit(repository, wanted, "HEAD")
        yield from versions(repository, {path for path, _ in remaining}, (*_ALL_REFS, *stashes(repository)))

    for version in candidates() if remaining else ():
        key = (version.path, version.oid)
        if key in remaining and repository.objects.is_whole(version.oid):
            copies[key] = version.location
            remaining.remove(key)
            if not remaining:
                break
    return copies


def versions(
    repository: Repository, paths: Iterable[str], revisions: Iterable[str], prefix: str | None = None
) -> Iterator[FileVersion]:
    """Yield every version that `paths` (files or folders below the store's folder) have had, newest commit first.

    `revisions` are arguments of `git log`. The paths are below `prefix` if that is given; where it is a pattern (`**/`), those
    of the versions begin at the top folder.
    """
    prefix, limits = repository.prefix if prefix is None else prefix, list(paths)
    git, is_pattern = repository.top, "*" in prefix
    if is_pattern:
        git = git.with_variables(GIT_LITERAL_PATHSPECS="0", GIT_GLOB_PATHSPECS="1")
    if len(limits) > _MAX_PATHS:  # whole folders: Git compares every path with every limit
        limits = sorted({path.partition("/")[0] + "/**" * is_pattern for path in limits})
    data = b"".join(encode_path(f"{line}\n") for line in ("--", *(prefix + limit for limit in limits)))
    fields = iter(git.fields("log", *_LOG_OPTIONS, *revisions, "--stdin", data=data))
    commit = ""
    for field in fields:
        text = field.lstrip("\n")
        if text.startswith("\x01"):
            commit, _, text = text[1:].partition("\n")
        if text.startswith(":"):
            _, mode, _, oid, _ = text[1:].split(" ")  # the new version: the old one belongs to an earlier commit
            path = next(fields).removeprefix(prefix)
            if mode.startswith("100"):
                yield FileVersion(path, oid, f"commit {commit[:12]}", commit)
