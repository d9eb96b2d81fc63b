"""What is under way in a repository: work trees, stashes, and merges, rebases and the like that are not done.

Commits are looked up by name where they are refs (Git may keep those in files or in a table), and read from
Git's own files where they are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.errors import GitError
from recstore.git.program import Git, decode_path
from recstore.git.repository import IndexEntry, Repository, index_entries


@dataclass(frozen=True, slots=True)
class WorkTree:
    """One work tree: its own Git folder, and what its refs' names begin with when asked from another one."""

    git_dir: Path
    ref_prefix: str
    is_current: bool

    @property
    def title(self) -> str:
        """How a person knows it."""
        return "this work tree" if self.is_current else self.ref_prefix.rstrip("/")


@dataclass(frozen=True, slots=True)
class Named:
    """A commit, and what it is called here: `stash@{0}: WIP on main`."""

    name: str
    oid: str


def work_trees(repository: Repository) -> tuple[WorkTree, ...]:
    """Return the current work tree, then all others that Git knows, those whose folder is gone included.

    Source: gitrepository-layout(5), `worktrees/`; git-worktree(1), "REFS" for the names of their refs.
    """
    place = repository.place
    found = [WorkTree(place.git_dir, "", is_current=True)]
    if place.git_dir != place.common_dir:
        found.append(WorkTree(place.common_dir, "main-worktree/", is_current=False))
    linked = place.common_dir / "worktrees"
    folders = sorted(linked.iterdir()) if linked.is_dir() else []
    others = (folder for folder in folders if folder != place.git_dir and (folder / "HEAD").exists())
    return (*found, *(WorkTree(folder, f"worktrees/{folder.name}/", is_current=False) for folder in others))


def index_of(repository: Repository, tree: WorkTree) -> tuple[IndexEntry, ...]:
    """Return the entries that the index of a work tree has below the store's folder, with paths below it.

    Raises: GitError: it cannot be read.
    """
    if tree.is_current:
        return repository.index()
    if not (tree.git_dir / "index").exists():
        return ()
    git = _git_of(repository, tree)
    skipped = len(repository.prefix)
    return tuple(
        IndexEntry(entry.path[skipped:], entry.oid, entry.mode, entry.stage, entry.is_skipped)
        for entry in index_entries(git, repository.prefix)
    )


def stashes(repository: Repository) -> tuple[Named, ...]:
    """Return every stash as up to three commits: what was in the work tree, in the index, and untracked.

    Raises: GitError: the list, or a stash, cannot be read.
    """
    [*ref] = repository.refs("refs/stash")
    if not ref:
        return ()
    lines = repository.git.lines("log", "--walk-reflogs", "--format=%H%x00%gd: %gs", "refs/stash", "--")
    listed = [Named(name, oid) for oid, _, name in (line.partition("\0") for line in lines)]
    found: list[Named] = []
    for stash in listed or [Named("refs/stash", ref[0].oid)]:
        found.append(stash)
        parts = repository.objects.parents_of(stash.oid)[1:]
        found += [Named(f"{part} of {stash.name}", oid) for part, oid in zip(_STASH_PARTS, parts, strict=False)]
    return tuple(found)


def operation(repository: Repository) -> str | None:
    """Return what is under way in this work tree (`a merge`), None if nothing is.

    Raises: GitError: Git cannot answer.
    """
    folder = repository.place.git_dir
    for name, files in _OPERATION_FILES.items():
        if any((folder / file).exists() for file in files):
            return name
    names = repository.resolve(_OPERATION_REFS)
    return next((_OPERATION_REFS[name] for name in names), None)


def pending_commits(repository: Repository, tree: WorkTree) -> tuple[Named, ...]:
    """Return the commits that a merge, cherry-pick, revert, rebase or bisect in `tree` is about.

    A revert brings back what its commit took away: the commit's parents count too.

    Raises: GitError: Git cannot answer.
    """
    names = [f"{tree.ref_prefix}{name}" for name in _PENDING_REFS]
    found = [Named(name, oid) for name, oid in repository.resolve(names).items()]
    reverted = [name.oid for name in found if name.name.endswith("REVERT_HEAD")]
    for oid in reverted:
        found += [Named("REVERT_HEAD's parent", parent) for parent in repository.objects.parents_of(oid)]
    for file in _PENDING_FILES:
        found += _commits_in(repository, tree, file)
    return tuple(dict.fromkeys(found))


def rebase_commits(repository: Repository, tree: WorkTree) -> tuple[Named, ...]:
    """Return the commits that the files of a rebase or a sequence of picks in `tree` name.

    Where it began, what it goes onto, its autostash with its parts, and what is picked or still to pick.

    Raises: GitError: Git cannot answer, or a commit that is still to pick is not here.
    """
    found: list[Named] = []
    for folder in _SEQUENCE_FOLDERS:
        for file in _SEQUENCE_FILES:
            found += _commits_in(repository, tree, f"{folder}/{file}")
    autostashes = [name for name in found if name.name.endswith("autostash")]
    for stash in autostashes:
        parts = repository.objects.parents_of(stash.oid)[1:]
        found += [Named(f"{part} of {stash.name}", oid) for part, oid in zip(_STASH_PARTS, parts, strict=False)]
    return tuple(dict.fromkeys(found))


_STASH_PARTS: Final = ("index", "untracked files")

_OPERATION_FILES: Final = {
    "a merge": ("MERGE_HEAD",),
    "a rebase": ("rebase-merge", "rebase-apply"),
    "a sequence of picks or reverts": ("sequencer",),
    "a bisection": ("BISECT_LOG",),
}
_OPERATION_REFS: Final = {"CHERRY_PICK_HEAD": "a cherry-pick", "REVERT_HEAD": "a revert"}

_PENDING_REFS: Final = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_HEAD")
_PENDING_FILES: Final = ("MERGE_HEAD", "MERGE_AUTOSTASH", "BISECT_START")
"""MERGE_HEAD is a ref and has a line for each head that an octopus merges; git-merge's autostash is a file."""

_SEQUENCE_FOLDERS: Final = ("rebase-merge", "rebase-apply", "sequencer")
_SEQUENCE_FILES: Final = (
    *("orig-head", "head", "onto", "autostash", "amend", "stopped-sha"),
    *("git-rebase-todo", "git-rebase-todo.backup", "done", "todo"),
)
_COMMANDS: Final = re.compile(
    r"(?:(?:pick|p|reword|r|edit|e|squash|s|fixup(?: -[cC])?|f(?: -[cC])?|drop|d|revert|merge -[cC]|m -[cC]) )?"
    r"([0-9a-f]{7,64})(?: .*)?"
)


def _commits_in(repository: Repository, tree: WorkTree, file: str) -> Iterator[Named]:
    """Yield the commits that a file of Git's own names: one a line, as an id or as a command about one."""
    try:
        lines = decode_path((tree.git_dir / file).read_bytes()).split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise GitError(str(tree.git_dir / file), f"cannot be read: {error.strerror}") from error
    asked = [match[1] for line in lines if (match := _COMMANDS.fullmatch(line.strip()))]
    found = repository.resolve(asked)
    for name in dict.fromkeys(asked):
        if name not in found:
            raise GitError(f"{tree.title}, {file}", f"names the commit {name[:12]}, which is not here")
        yield Named(f"{tree.ref_prefix}{file}", found[name])


def _git_of(repository: Repository, tree: WorkTree) -> Git:
    return repository.git.within(tree.git_dir).varied(
        GIT_DIR=str(tree.git_dir), GIT_INDEX_FILE=str(tree.git_dir / "index")
    )
