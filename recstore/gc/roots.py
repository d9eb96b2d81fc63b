"""Everything that may still need a blob: each class of root by name, and the manifests that its roots reach.

A blob that any of these manifests names is kept. Tips of branches count with what they added or changed since
their merge base with HEAD: what both sides had and HEAD dropped, a merge drops too; what they newly name, a merge
would leave dangling. ORIG_HEAD, which stays for good after every reset, counts like a tip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from recstore.git.repository import IndexEntry, Ref, Repository
from recstore.git.state import (
    Named,
    index_of,
    pending_commits,
    rebase_commits,
    stashes,
    work_trees,
)
from recstore.store.paths import MANIFEST_FOLDERS


@dataclass(frozen=True, slots=True)
class Root:
    """One thing that reaches manifests: its class, what a person calls it, and path -> object id of each."""

    kind: str
    name: str
    manifests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rooted:
    """What roots are looked for in.

    `tips_since_s` leaves out tips whose commit is older (seconds since the epoch). `index`, where given, is the
    index as it will be.
    """

    repository: Repository
    tips_since_s: int = 0
    index: tuple[IndexEntry, ...] | None = None


def roots_of(rooted: Rooted) -> Iterator[Root]:
    """Yield every root that Git has, by class; those of the work tree itself are files, and `plan` reads them.

    Raises: GitError: a root cannot be read; whoever removes things must remove nothing.
    """
    for find in ROOT_CLASSES.values():
        yield from find(rooted)


def _of_index(rooted: Rooted) -> Iterator[Root]:
    entries = rooted.repository.index() if rooted.index is None else rooted.index
    yield from _index_roots("Git's index", entries)


def _of_other_indexes(rooted: Rooted) -> Iterator[Root]:
    for tree in work_trees(rooted.repository):
        if not tree.is_current:
            yield from _index_roots(f"the index of {tree.title}", index_of(rooted.repository, tree))


def _index_roots(name: str, entries: tuple[IndexEntry, ...]) -> Iterator[Root]:
    for stage, side in _STAGES.items():
        found = {entry.path: entry.oid for entry in entries if entry.stage == stage and _is_manifest(entry.path)}
        yield Root("index", name + side, found)


def _of_pending(rooted: Rooted) -> Iterator[Root]:
    for tree in work_trees(rooted.repository):
        yield from _commit_roots(rooted, "operation", pending_commits(rooted.repository, tree))


def _of_rebases(rooted: Rooted) -> Iterator[Root]:
    for tree in work_trees(rooted.repository):
        yield from _commit_roots(rooted, "rebase", rebase_commits(rooted.repository, tree))


def _of_other_heads(rooted: Rooted) -> Iterator[Root]:
    names = [f"{tree.ref_prefix}HEAD" for tree in work_trees(rooted.repository) if not tree.is_current]
    heads = rooted.repository.resolve(names)
    yield from _commit_roots(rooted, "work tree", tuple(Named(name, oid) for name, oid in heads.items()))


def _of_stashes(rooted: Rooted) -> Iterator[Root]:
    yield from _commit_roots(rooted, "stash", stashes(rooted.repository))


def _of_original_heads(rooted: Rooted) -> Iterator[Root]:
    names = [f"{tree.ref_prefix}ORIG_HEAD" for tree in work_trees(rooted.repository)]
    heads = rooted.repository.resolve(names)
    yield from _tip_roots(rooted, "ORIG_HEAD", tuple(Ref(name, oid, 0) for name, oid in heads.items()))


def _of_tips(rooted: Rooted) -> Iterator[Root]:
    head = rooted.repository.head
    options = ("--no-merged=HEAD",) if head else ()
    refs = rooted.repository.refs("refs/heads", "refs/remotes", options=options)
    yield from _tip_roots(rooted, "tip", tuple(ref for ref in refs if ref.time_s >= rooted.tips_since_s))


ROOT_CLASSES: Final[Mapping[str, Callable[[Rooted], Iterator[Root]]]] = {
    "Git's index": _of_index,
    "other work trees' indexes": _of_other_indexes,
    "merges, picks, reverts, bisections": _of_pending,
    "rebases": _of_rebases,
    "other work trees' HEAD": _of_other_heads,
    "stashes": _of_stashes,
    "ORIG_HEAD": _of_original_heads,
    "tips of branches and of remote branches": _of_tips,
}
"""Each class of root that Git has; beside them count the work tree's own manifests and recordings in progress."""

_STAGES: Final = {0: "", 1: ", common ancestor", 2: ", ours", 3: ", theirs"}


def _is_manifest(path: str) -> bool:
    return path.partition("/")[0] in MANIFEST_FOLDERS


def _commit_roots(rooted: Rooted, kind: str, commits: tuple[Named, ...]) -> Iterator[Root]:
    seen: set[str] = set()
    for commit in commits:
        if commit.oid not in seen:
            seen.add(commit.oid)
            yield Root(kind, commit.name, rooted.repository.store_files(commit.oid, *MANIFEST_FOLDERS))


def _tip_roots(rooted: Rooted, kind: str, tips: tuple[Ref, ...]) -> Iterator[Root]:
    head, repository = rooted.repository.head, rooted.repository
    seen: set[str] = {head or ""}
    for tip in tips:
        if tip.oid in seen:
            continue
        seen.add(tip.oid)
        bases = repository.merge_bases(head, tip.oid) if head else ()
        changed = repository.changed_store_files(bases, tip.oid, *MANIFEST_FOLDERS)
        yield Root(kind, tip.name.removeprefix("refs/").removeprefix("heads/"), changed)
