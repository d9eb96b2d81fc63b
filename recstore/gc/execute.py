"""Carry out a plan of gc: under the store's lock, each row checked again before it goes.

The order makes every crash harmless: the trash first, for what no commit has; then the index, manifests, blobs.
"""

from __future__ import annotations

from collections.abc import Iterable
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
        kept = sum(len(format_manifest(row.left)) for row in self.removals if row.left is not None)
        return sum(row.size_bytes for row in self.removals) - kept


def execute_plan(
    store: Store, repository: Repository, plan: Plan, now_s: int, trash_days: int = EXPIRY_DAYS
) -> GcResult:
    """Remove what the plan says, if that still holds, and empty the trash of what is older than `trash_days`.

    What holds is planned again, from the present files, index and refs: but only manifests that the plan named are
    judged, and no manifest is parsed that the plan has read.

    Units: `now_s` is in seconds since the epoch.
    After: a crash leaves every byte in the work tree, in a commit or in the trash, and no manifest without its blobs.
    Raises: Locked: another process is writing to the store. GitError, ManifestConflict and the like: as `plan_gc`,
    or the trash or the index cannot be written; then nothing was removed.
    """
    with store.locked():
        again = plan_gc(store, repository, plan.options, plan).removals if plan.removals else ()
        present = {(row.path, row.oid, row.staged_oid, row.left): row for row in again}
        same = {row.path: present.get((row.path, row.oid, row.staged_oid, row.left)) for row in plan.removals}
        rows = [row for row in same.values() if row is not None]
        changed = tuple(path for path, row in same.items() if row is None)
        trash = Trash(repository)
        uncommitted = [row for row in rows if row.keeper == IN_TRASH]
        staged = {row.path: row.staged_oid for row in uncommitted if row.staged_oid and row.staged_oid != row.oid}
        for files in (staged, {row.path: row.oid for row in uncommitted if row.oid}):  # of one path, both versions
            if files:
                trash.keep(files, f"gc, {len(files)} files", now_s)
        _update_indexes(repository, rows)
        store.publish(row.left for row in rows if row.left is not None)
        paths = [row.path for row in rows if row.oid and row.left is None]
        for are_blobs in (False, True):  # manifests first: one that a power cut brings back must find its blobs
            for path in paths:
                if path.startswith("blobs/") == are_blobs:
                    store.directory.remove(path)
            store.directory.flush()
        trash.expire(now_s, trash_days)
    return GcResult(tuple(rows), changed)


def _update_indexes(repository: Repository, rows: Iterable[Removal]) -> None:
    """Stage what is removed, in the index that is being committed and in the one that stays."""
    changes = {}
    for row in rows:
        if row.staged_oid:
            new = "0" * repository.objects.id_length
            if row.left is not None:
                text = format_manifest(row.left)
                new = repository.git.run("hash-object", "-w", "--no-filters", "--stdin", data=text).decode().strip()
            changes[row.path] = (row.staged_oid, f"{'0' if row.left is None else '100644'} {new}")
    if not changes:
        return
    indexes, proper = [repository.top], repository.git_dir / "index.lock"
    index_file = Path(repository.git.variables.get("GIT_INDEX_FILE", ""))
    if index_file.name.startswith(_PARTIAL_INDEX) and proper.exists():
        indexes.append(repository.top.with_variables(GIT_INDEX_FILE=str(proper)))
    for git in indexes:
        present = {entry.path: entry.oid for entry in index_entries(git, repository.prefix) if entry.stage == 0}
        lines = (
            encode_path(f"{new}\t{repository.prefix}{path}\0")
            for path, (old, new) in changes.items()
            if present.get(repository.prefix + path) == old
        )
        git.run("update-index", "-z", "--index-info", data=b"".join(lines))
