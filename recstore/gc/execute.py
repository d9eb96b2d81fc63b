"""Carry out a plan of gc: under the store's lock, each row checked again before it goes.

The order makes every crash harmless: what no commit has is written to the trash first; then the index; then
manifests; then blobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.gc.plan import IN_TRASH, Plan, Removal, plan_gc
from recstore.git.program import encode_path
from recstore.git.repository import Repository, index_entries
from recstore.git.trash import EXPIRY_DAYS, Trash
from recstore.store import Store
from recstore.store.manifest import format_manifest

_PARTIAL_INDEX: Final = "next-index-"
"""The beginning of the name of the index that `git commit PATH` makes: HEAD and the named paths.

Source: builtin/commit.c of Git. The index proper waits meanwhile as `index.lock`.
"""


@dataclass(frozen=True, slots=True)
class Expiry:
    """The present (seconds since the epoch), and after how many days the trash is emptied."""

    now_s: int
    days: int = EXPIRY_DAYS


@dataclass(frozen=True, slots=True)
class GcResult:
    """What was removed, and the paths that were not, because they have changed since the plan."""

    removals: tuple[Removal, ...]
    left: tuple[str, ...] = ()

    @property
    def anchored(self) -> int:
        """How many files are in the trash now, because no commit has them."""
        return sum(row.keeper == IN_TRASH for row in self.removals)

    @property
    def freed_bytes(self) -> int:
        """How much smaller the checkout is."""
        return sum(row.freed_bytes for row in self.removals)


def execute_plan(store: Store, repository: Repository, plan: Plan, expiry: Expiry) -> GcResult:
    """Remove what the plan says, if that still holds, and empty the trash of what is too old.

    What holds is planned again, from the present files, index and refs: but only manifests that the plan named are
    judged, and no manifest is parsed that the plan has read.

    After: a crash leaves every byte in the work tree, in a commit or in the trash, and no manifest without its blobs.

    Raises: Locked: another process is writing to the store. GitError, ManifestConflict and the like: as `plan_gc`,
    or the trash or the index cannot be written; then nothing was removed.
    """
    with store.locked():
        valid: dict[str, Removal] = {}
        if plan.removals:
            present = {row.path: row for row in plan_gc(store, repository, plan.options, plan).removals}
            for row in plan.removals:
                now = present.get(row.path)
                if now is not None and (now.oid, now.staged_oid, now.left) == (row.oid, row.staged_oid, row.left):
                    valid[row.path] = now
        rows = tuple(valid.values())
        trash = Trash(repository)
        _anchor(trash, rows, expiry.now_s)
        _update_indexes(repository, rows)
        store.publish(row.left for row in rows if row.left is not None)
        paths = [row.path for row in rows if row.oid and row.left is None]
        for are_blobs in (False, True):  # manifests first: one that a power cut brings back must find its blobs
            for path in paths:
                if path.startswith("blobs/") == are_blobs:
                    store.directory.remove(path)
            store.directory.flush()
        trash.expire(expiry.now_s, expiry.days)
    return GcResult(rows, tuple(row.path for row in plan.removals if row.path not in valid))


def _anchor(trash: Trash, rows: tuple[Removal, ...], now_s: int) -> None:
    """Put into the trash what no commit has; what the index has of the same paths in a run of its own."""
    uncommitted = [row for row in rows if row.keeper == IN_TRASH]
    staged = {row.path: row.staged_oid for row in uncommitted if row.staged_oid and row.staged_oid != row.oid}
    for files in (staged, {row.path: row.oid for row in uncommitted if row.oid}):
        if files:
            trash.keep(files, f"gc, {len(files)} files", now_s)


def _update_indexes(repository: Repository, rows: tuple[Removal, ...]) -> None:
    """Stage what is removed, in the index that is being committed and in the one that stays."""
    changes = {}
    for row in rows:
        if row.staged_oid:
            new = ""
            if row.left is not None:
                text = format_manifest(row.left)
                new = repository.git.run("hash-object", "-w", "--no-filters", "--stdin", data=text).decode().strip()
            changes[row.path] = (row.staged_oid, new)
    indexes = [repository.top] if changes else []
    index_file = Path(repository.git.variables.get("GIT_INDEX_FILE", ""))
    proper = repository.git_dir / "index.lock"
    if changes and index_file.name.startswith(_PARTIAL_INDEX) and proper.exists():
        indexes.append(repository.top.with_variables(GIT_INDEX_FILE=str(proper)))
    nothing = "0" * repository.objects.id_length
    for git in indexes:
        present = {entry.path: entry.oid for entry in index_entries(git, repository.prefix) if entry.stage == 0}
        lines = (
            encode_path(f"{'100644' if new else '0'} {new or nothing}\t{repository.prefix}{path}\0")
            for path, (old, new) in changes.items()
            if present.get(repository.prefix + path) == old
        )
        git.run("update-index", "-z", "--index-info", data=b"".join(lines))
