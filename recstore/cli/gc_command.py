"""`recstore gc`."""

from __future__ import annotations

import os
import shlex
import time
from typing import Final

import click

from recstore.check.check import Check, with_remedies
from recstore.cli.output import echo, echo_err, json_option, show_json
from recstore.cli.project import open_project, without_collector
from recstore.errors import DamagedBlob, UsageError
from recstore.gc.execute import GcResult, execute_plan
from recstore.gc.plan import GcOptions, Plan, plan_gc
from recstore.git.repository import Repository, operation_in_progress
from recstore.git.trash import EXPIRY_DAYS
from recstore.git.trees import IndexTree
from recstore.store import FOLDER, Store
from recstore.text import human_size, plural, short_blob

_DAY_S: Final = 86_400


@click.command("gc")
@click.option("--staged", is_flag=True, help="Judge by what Git is about to commit, and stage what is removed.")
@click.option("--unused", is_flag=True, help="Also remove entries that the last complete passing run did not use.")
@click.option("--force", is_flag=True, help="Even during a merge, rebase, cherry-pick or bisection.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing where nothing is removed.")
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
@json_option
def gc_command(*, quiet: bool, dry_run: bool, as_json: bool, **options: bool) -> None:
    """Remove recordings that nothing needs: not the tests, Git's index, a branch, a stash or another work tree.

    Nothing is lost: what no commit has goes to the trash. `recstore restore` brings anything back. With --staged nothing
    is removed while a damaged blob is about to be committed.
    """
    store, now_s = open_project().store, int(time.time())
    with without_collector(), Repository(store.directory.root, os.environ) as repository:
        days = _days(repository, "recstore.trashDays", EXPIRY_DAYS)
        tips_since_s = max(0, now_s - _days(repository, "recstore.tipDays", now_s) * _DAY_S)
        plan = _plan(store, repository, GcOptions(options["staged"], options["unused"], options["force"], tips_since_s))
        result = GcResult(plan.removals) if dry_run else execute_plan(store, repository, plan, now_s, days)
    blobs = plan.blobs - sum(row.path.startswith("blobs/") and bool(row.oid) for row in result.removals)
    if as_json:
        removed = []
        for row in result.removals:
            facts = {"path": row.path, "size_bytes": row.size_bytes, "reason": row.reason, "kept_in": row.keeper}
            entries_left = None if row.left is None else len(row.left.entries)
            places = {"work_tree": bool(row.oid), "index": bool(row.staged_oid)}
            removed.append({**facts, **places, "entries_left": entries_left})
        unused = [{"test": row.test_id, "unused": row.unused, "entries": row.entries} for row in plan.unused]
        renamed = [{"old": old, "new": new} for old, new in plan.renames]
        changes = {"removed": removed, "changed_meanwhile": result.left, "renamed": renamed, "unused": unused}
        kept = {"kept": plan.protected, "kept_blobs": blobs, "anchored": result.anchored, "notes": plan.notes}
        done = {"dry_run": dry_run, "staged": plan.options.is_staged, "freed_bytes": result.freed_bytes}
        show_json({**done, **changes, **kept})
    elif not quiet or plan.removals or plan.renames:
        _show(plan, result, blobs, dry_run=dry_run)
        if result.anchored:
            files = plural(result.anchored, "file")
            echo(f"{files} that no commit has: in the trash for {days} days (`recstore restore`).")
        if not dry_run and any(row.left is None and not row.path.startswith("blobs/") for row in result.removals):
            echo_err("A test that has another name now: `recstore restore OLD`, then `recstore mv OLD NEW`.")


def _days(repository: Repository, setting: str, default: int) -> int:
    """Return the days that Git's configuration sets."""
    values = repository.git.configured(setting)
    if values and not values[-1].isdecimal():
        raise UsageError(setting, f"{values[-1]!r} is not a number of days", f"git config {setting} 14")
    return int(values[-1]) if values else default


def _plan(store: Store, repository: Repository, options: GcOptions) -> Plan:
    """Return the plan; an empty one where what Git is about to commit ends a merge or the like.

    Raises: DamagedBlob: what Git is about to commit is damaged, and no push would take it. All of it has been named.
    """
    if options.is_staged:
        under_way = None if options.is_forced else operation_in_progress(repository)
        if under_way is not None:  # a hook must not hold that up
            return Plan(options, notes=(f"{under_way} is under way: its commit removes nothing; the next one may.",))
        check = Check(store)
        check.check_staged_blobs(IndexTree(repository))
        if check.findings:
            findings = with_remedies(store, repository, check.findings)
            for finding in findings:
                echo_err(str(finding))
            reason = f"would have {plural(len(findings), 'damaged blob')}"
            raise DamagedBlob("the commit", reason, findings[0].remedy)
    return plan_gc(store, repository, options)


def _show(plan: Plan, result: GcResult, kept_blobs: int, *, dry_run: bool) -> None:
    for note in plan.notes:
        echo_err(f"note: {note}")
    for row in plan.removals:
        size, where = human_size(row.size_bytes), "" if row.oid else "  (index alone)"
        verb = "remove" if dry_run else "removed"
        echo(f"{verb:<7}  {size:>8}  {short_blob(row.path)}  {row.reason}; in {row.keeper}{where}")
    for blob in plan.protected if dry_run else ():
        echo(f"keep     {human_size(blob.size_bytes):>8}  {short_blob(blob.path)}  needed by {blob.needed_by}")
    for old, new in plan.renames:
        echo_err(f"Renamed? Then: {shlex.join(('recstore', 'mv', old, new))}")
    for test in () if plan.options.removes_unused else plan.unused:
        echo_err(f"unused: {test.unused} of {plural(test.entries, 'entry', 'entries')} of {test.test_id} (--unused)")
    for path in result.left:
        echo_err(f"{FOLDER}/{path} has changed meanwhile, or is gone: left alone.")
    if not result.removals:
        echo(f"Nothing to remove; kept {plural(plan.blobs, 'blob')}.")
        return
    removed_blobs = sum(row.path.startswith("blobs/") for row in result.removals)
    removed = f"{plural(removed_blobs, 'blob')} and {plural(len(result.removals) - removed_blobs, 'manifest')}"
    echo(f"{'Would remove' if dry_run else 'Removed'} {removed}; kept {plural(kept_blobs, 'blob')}.")
    echo(f"Freed in the checkout: {human_size(result.freed_bytes)}; .git does not shrink.")
