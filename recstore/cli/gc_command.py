"""`recstore gc`."""

from __future__ import annotations

import shlex
import time
from typing import Final

import click

from recstore.check.check import staged_damage
from recstore.check.findings import with_remedies
from recstore.cli.output import echo, echo_err, json_option, show_json
from recstore.cli.repository import open_project, open_repository, without_collector
from recstore.errors import DamagedBlob, UsageError
from recstore.gc.execute import GcResult, execute_plan
from recstore.gc.plan import GcOptions, Plan, plan_gc
from recstore.git.repository import Repository, operation_in_progress
from recstore.git.trash import EXPIRY_DAYS
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
def command(*, quiet: bool, dry_run: bool, as_json: bool, **options: bool) -> None:
    """Remove recordings that nothing needs: not the tests, Git's index, a branch, a stash or another work tree.

    Nothing is lost: what no commit has goes to the trash. `recstore restore` brings anything back. With --staged nothing
    is removed while a damaged blob is about to be committed.
    """
    store = open_project().store
    with without_collector(), open_repository(store) as repository:
        wanted = GcOptions(options["staged"], options["unused"], options["force"], _tips_since_s(repository))
        plan = _held_back(repository, wanted) or _planned(store, repository, wanted)
        set_days = _days(repository, "recstore.trashDays")
        days = EXPIRY_DAYS if set_days is None else set_days
        result = None if dry_run else execute_plan(store, repository, plan, int(time.time()), days)
    if as_json:
        show_json(_as_json(plan, result))
    elif not (quiet and not plan.removals and not plan.renames):
        _show(plan, result, days)


def _held_back(repository: Repository, options: GcOptions) -> Plan | None:
    """Return an empty plan where what Git is about to commit ends a merge or the like: hooks must not hold that up."""
    under_way = operation_in_progress(repository) if options.is_staged and not options.is_forced else None
    if under_way is None:
        return None
    note = f"{under_way} is under way: its commit removes nothing; the next one may."
    return Plan(options, notes=(note,))


def _planned(store: Store, repository: Repository, options: GcOptions) -> Plan:
    """Return the plan; but what Git is about to commit must be sound, for no push would take it.

    Raises: DamagedBlob: it is not; all that is damaged has been named.
    """
    damage = staged_damage(repository) if options.is_staged else ()
    if damage:
        findings = with_remedies(store, repository, damage)
        for finding in findings:
            echo_err(str(finding))
        raise DamagedBlob("the commit", f"would have {plural(len(findings), 'damaged blob')}", findings[0].remedy)
    return plan_gc(store, repository, options)


def _tips_since_s(repository: Repository) -> int:
    """Return since when branches protect their recordings; unless the configuration sets a number of days, all do."""
    days = _days(repository, "recstore.tipDays")
    return int(time.time()) - days * _DAY_S if days is not None else 0


def _days(repository: Repository, setting: str) -> int | None:
    """Return the days that Git's configuration sets, None if it does not.

    Raises: UsageError: it sets something else.
    """
    values = repository.git.configured(setting)
    if values and not values[-1].isdecimal():
        raise UsageError(setting, f"{values[-1]!r} is not a number of days", f"git config {setting} 14")
    return int(values[-1]) if values else None


def _show(plan: Plan, result: GcResult | None, days: int) -> None:
    for note in plan.notes:
        echo_err(f"note: {note}")
    for row in plan.removals:
        verb = "remove" if result is None else "removed"
        where = "" if row.oid else "  (index alone)"
        echo(
            f"{verb:<7}  {human_size(row.size_bytes):>8}  {short_blob(row.path)}  {row.reason}; in {row.keeper}{where}"
        )
    for blob in plan.protected if result is None else ():
        echo(f"keep     {human_size(blob.size_bytes):>8}  {short_blob(blob.path)}  needed by {blob.needed_by}")
    for old, new in plan.renames:
        echo_err(f"Renamed? Then: {shlex.join(('recstore', 'mv', old, new))}")
    for test in () if plan.options.removes_unused else plan.unused:
        echo_err(f"unused: {test.unused} of {plural(test.entries, 'entry', 'entries')} of {test.test_id} (--unused)")
    for path in result.left if result is not None else ():
        echo_err(f"{FOLDER}/{path} has changed meanwhile, or is gone: left alone.")
    echo(_summary(plan, result, days))
    rows = result.removals if result is not None else ()
    if any(row.left is None and not row.path.startswith("blobs/") for row in rows):
        echo_err("A test that has another name now: `recstore restore OLD`, then `recstore mv OLD NEW`.")


def _summary(plan: Plan, result: GcResult | None, days: int) -> str:
    done = result if result is not None else GcResult(plan.removals)
    if not done.removals:
        return f"Nothing to remove; kept {plural(plan.blobs, 'blob')}."
    blobs = sum(row.path.startswith("blobs/") for row in done.removals)
    text = (
        f"{'Would remove' if result is None else 'Removed'} {plural(blobs, 'blob')} and "
        f"{plural(len(done.removals) - blobs, 'manifest')}; kept {plural(_kept_blobs(plan, done), 'blob')}. "
        f"Freed in the checkout: {human_size(done.freed_bytes)}; .git does not shrink."
    )
    if done.anchored:
        text += (
            f"\n{plural(done.anchored, 'file')} that no commit has: in the trash for {days} days (`recstore restore`)."
        )
    return text


def _kept_blobs(plan: Plan, result: GcResult) -> int:
    return plan.blobs - sum(row.path.startswith("blobs/") and bool(row.oid) for row in result.removals)


def _as_json(plan: Plan, result: GcResult | None) -> dict[str, object]:
    done = result if result is not None else GcResult(plan.removals)
    return {
        "dry_run": result is None,
        "staged": plan.options.is_staged,
        "removed": [
            {
                "path": row.path,
                "size_bytes": row.size_bytes,
                "reason": row.reason,
                "kept_in": row.keeper,
                "work_tree": bool(row.oid),
                "index": bool(row.staged_oid),
                "entries_left": None if row.left is None else len(row.left.entries),
            }
            for row in done.removals
        ],
        "changed_meanwhile": done.left,
        "kept": plan.protected,
        "kept_blobs": _kept_blobs(plan, done),
        "anchored": done.anchored,
        "freed_bytes": done.freed_bytes,
        "renamed": [{"old": old, "new": new} for old, new in plan.renames],
        "unused": [{"test": test.test_id, "unused": test.unused, "entries": test.entries} for test in plan.unused],
        "notes": plan.notes,
    }
