"""Carry out a plan of gc: under the store's lock, each row looked at again before it goes.

The order makes every crash harmless: what no commit has is written to the trash first; then the index; then
manifests; then blobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.gc.plan import IN_TRASH, Plan, Removal
from recstore.gc.planning import plan_gc
from recstore.git.program import Git, encode_path
from recstore.git.repository import Repository, index_entries
from recstore.git.trash import EXPIRY_DAYS, Trash
from recstore.model import Manifest
from recstore.store import Store
from recstore.store.manifest import format_manifest

_PARTIAL_INDEX: Final = "next-index-"
"""How the name of the index begins that `git commit PATH` makes: HEAD and the named paths.

Source: builtin/commit.c of Git. The index proper waits meanwhile as `index.lock`.
"""


@dataclass(frozen=True, slots=True)
class Expiry:
    """When it is (seconds since the epoch), and after how many days the trash is emptied."""

    now_s: int
    days: int = EXPIRY_DAYS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was removed, and the paths that were not, because they have changed since the plan."""

    removals: tuple[Removal, ...]
    left: tuple[str, ...]

    @property
    def anchored(self) -> int:
        """How many files are kept in the trash, because no commit has them."""
        return sum(row.keeper == IN_TRASH for row in self.removals)

    @property
    def freed_bytes(self) -> int:
        """How much smaller the checkout is."""
        return sum(row.freed_bytes for row in self.removals)


def execute_plan(store: Store, repository: Repository, plan: Plan, expiry: Expiry) -> Outcome:
    """Remove what the plan says, if that still holds, and empty the trash of what is too old.

    After: a crash leaves every byte in the work tree, in a commit or in the trash, and no manifest without its blobs.

    Raises: Locked: another process is writing to the store. GitError, ManifestConflict and the like: as `plan_gc`,
    or the trash or the index cannot be written; then nothing was removed.
    """
    with store.directory.locked():
        outcome = _still_valid(plan, plan_gc(store, repository, plan.options)) if not plan.is_empty else Outcome((), ())
        trash = Trash(repository)
        for files in _anchored(outcome):
            trash.keep(files, f"gc, {len(files)} files", expiry.now_s)
        _update_indexes(repository, outcome)
        _update_work_tree(store, outcome)
        trash.expire(expiry.now_s, expiry.days)
    return outcome


def _still_valid(plan: Plan, now: Plan) -> Outcome:
    """Return the rows of `plan` that a plan made now has too, as that one states them."""
    rows = {row.path: row for row in now.removals}
    valid = {row.path: rows[row.path] for row in plan.removals if row.path in rows and _is_same(row, rows[row.path])}
    return Outcome(tuple(valid.values()), tuple(row.path for row in plan.removals if row.path not in valid))


def _is_same(row: Removal, now: Removal) -> bool:
    return (row.oid, row.staged_oid, row.left) == (now.oid, now.staged_oid, now.left)


def _anchored(outcome: Outcome) -> list[dict[str, str]]:
    """Return path -> object id of what the trash must hold; apart from it, what the index has of the same paths."""
    rows = [row for row in outcome.removals if row.keeper == IN_TRASH]
    here = {row.path: row.oid for row in rows if row.oid}
    staged = {row.path: row.staged_oid for row in rows if row.staged_oid and row.staged_oid != row.oid}
    return [files for files in (staged, here) if files]


def _update_work_tree(store: Store, outcome: Outcome) -> None:
    store.publish(row.left for row in outcome.removals if row.left is not None)
    paths = [row.path for row in outcome.removals if row.oid and row.left is None]
    for are_blobs in (False, True):  # manifests first, for good: one that a power cut brings back must find its blobs
        for path in paths:
            if path.startswith("blobs/") == are_blobs:
                store.directory.remove(path)
        store.directory.flush()


def _update_indexes(repository: Repository, outcome: Outcome) -> None:
    """Stage what is removed, in the index that is being committed and in the one that stays."""
    changes = {row.path: (row.staged_oid, _written(repository, row.left)) for row in outcome.removals if row.staged_oid}
    if not changes:
        return
    _update_index(repository, repository.top, changes)
    index_file = Path(repository.git.variables.get("GIT_INDEX_FILE", ""))
    proper = repository.place.git_dir / "index.lock"
    if index_file.name.startswith(_PARTIAL_INDEX) and proper.exists():
        git = repository.top.varied(GIT_INDEX_FILE=str(proper))
        present = {entry.path: entry.oid for entry in index_entries(git, repository.prefix) if entry.stage == 0}
        same = {path: change for path, change in changes.items() if present.get(repository.prefix + path) == change[0]}
        _update_index(repository, git, same)


def _written(repository: Repository, left: Manifest | None) -> str:
    """Return the id of the object that now holds what is left, "" where nothing is."""
    if left is None:
        return ""
    oid = repository.git.run("hash-object", "-w", "--no-filters", "--stdin", data=format_manifest(left))
    return oid.decode().strip()


def _update_index(repository: Repository, git: Git, changes: dict[str, tuple[str, str]]) -> None:
    """Put path -> (what it was, what it is to be or "") into one index, in one step."""
    nothing = "0" * repository.objects.id_length
    lines = (
        encode_path(f"{'100644' if new else '0'} {new or nothing}\t{repository.prefix}{path}\0")
        for path, (_, new) in changes.items()
    )
    git.run("update-index", "-z", "--index-info", data=b"".join(lines))
