"""Where in history the bytes of a path are: for what is about to go, and for what should come back.

The `git` program walks history limited to paths, many times faster than a walk over all trees; what it
names counts only if the object is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from recstore.git.program import Git, encode_path
from recstore.git.repository import Repository
from recstore.git.state import stashes
from recstore.store import FOLDER

HISTORY: Final = (("--exclude=refs/recstore/*", "--all"), ("--exclude=refs/recstore/*", "--all", "--reflog"))
"""Options of `git log` for history beyond HEAD's: of every ref, then also of what a reflog remembers."""

_FEW_PATHS: Final = 100

_LOG_OPTIONS: Final = (
    *("--format=%x01%H", "--raw", "--no-abbrev", "-z", "--no-relative", "--no-renames", "--root"),
    *("--full-history", "--diff-merges=separate"),  # what a merge has left out is a version too
)


@dataclass(frozen=True, slots=True)
class Copy:
    """An object that holds the bytes of `path` (below the store's folder), and where: `commit 1a2b3c4d5e6f`."""

    path: str
    oid: str
    place: str
    commit: str = ""


def commit_place(commit: str) -> str:
    """Return what a person is told about a commit as a place."""
    return f"commit {commit[:12]}"


def find_protected(repository: Repository, wanted: Mapping[str, frozenset[str]]) -> dict[tuple[str, str], str]:
    """Return (path, object id) -> the place, a commit that Git protects, of those of `wanted` there is one for.

    `wanted` is path below the store's folder -> ids of the objects that it holds. Protected is what a ref or a
    stash reaches, the trash and the reflogs left out, and only if the object is here and whole.

    Raises: GitError: history cannot be read.
    """
    found: dict[tuple[str, str], str] = {}
    left = {path: set(oids) for path, oids in wanted.items()}
    head = repository.head
    if head is not None and left:
        tree = repository.store_files(head, *{path.partition("/")[0] for path in left})
        _take(repository, left, found, (Copy(path, tree[path], commit_place(head)) for path in wanted if path in tree))
    if left:
        _take(repository, left, found, versions(repository, left, protected_revisions(repository)))
    return found


def protected_revisions(repository: Repository) -> tuple[str, ...]:
    """Return the arguments of `git log` that reach all that Git protects: refs, work trees' HEADs and stashes."""
    return (*HISTORY[0], *(stash.oid for stash in stashes(repository)))


def versions(repository: Repository, paths: Iterable[str], revisions: Iterable[str]) -> Iterator[Copy]:
    """Yield every version that `paths` (files or folders below the store's folder) have had, newest commit first.

    Whether the object is here is not looked at.

    Raises: GitError: history cannot be read.
    """
    limits = list(paths)
    if len(limits) > _FEW_PATHS:
        limits = sorted({path.partition("/")[0] for path in limits})
    skipped = len(repository.prefix)
    for copy in path_versions(repository, [repository.prefix + limit for limit in limits], revisions):
        yield replace(copy, path=copy.path[skipped:])


def versions_elsewhere(repository: Repository, paths: Iterable[str]) -> Iterator[Copy]:
    """Yield the versions that `paths`, files below the store's folder, have had in any store of all history.

    The project may have been in another folder once. Paths alone tell blobs, whose names are hashes, and nothing else.

    Raises: GitError: history cannot be read.
    """
    limits = list(paths)
    if len(limits) > _FEW_PATHS:
        limits = sorted({f"{path.partition('/')[0]}/**" for path in limits})
    git = repository.top.varied(GIT_LITERAL_PATHSPECS="0", GIT_GLOB_PATHSPECS="1")
    for copy in _logged(git, [f"**/{FOLDER}/{limit}" for limit in limits], HISTORY[-1]):
        yield replace(copy, path=copy.path.rpartition(f"{FOLDER}/")[2])


def path_versions(repository: Repository, paths: Iterable[str], revisions: Iterable[str]) -> Iterator[Copy]:
    """Yield the same for paths in the repository, which the copies name too.

    Raises: GitError: history cannot be read.
    """
    return _logged(repository.top, paths, revisions)


def _logged(git: Git, paths: Iterable[str], revisions: Iterable[str]) -> Iterator[Copy]:
    data = b"".join(encode_path(f"{line}\n") for line in ("--", *paths))
    fields = iter(git.fields("log", *_LOG_OPTIONS, *revisions, "--stdin", data=data))
    commit = ""
    for field in fields:
        text = field.lstrip("\n")
        if text.startswith("\x01"):
            commit, _, text = text[1:].partition("\n")
        if text.startswith(":"):
            yield from _version(text, next(fields), commit)


def _version(change: str, path: str, commit: str) -> Iterator[Copy]:
    """Yield what the change made of the path: what it was before, an earlier commit has made of it."""
    _, mode, _, oid, _ = change[1:].split(" ")
    if mode.startswith("100"):
        yield Copy(path, oid, commit_place(commit), commit)


def _take(
    repository: Repository, left: dict[str, set[str]], found: dict[tuple[str, str], str], copies: Iterable[Copy]
) -> None:
    """Move what `copies` has, and what is here and whole, from `left` to `found`."""
    for copy in copies:
        if copy.oid in left.get(copy.path, ()) and repository.objects.is_whole(copy.oid):
            found[copy.path, copy.oid] = copy.place
            left[copy.path].discard(copy.oid)
            if not left[copy.path]:
                del left[copy.path]
        if not left:
            return
