"""`recstore gc`."""

from __future__ import annotations

import shlex
from typing import Final

import click

from recstore.check.blob_damage import damage_in_objects, staged_blobs
from recstore.check.mending import with_remedies
from recstore.cli.output import echo_err, json_option, show_json
from recstore.cli.repository import (
    TIP_DAYS,
    TRASH_DAYS,
    days_of,
    open_project,
    open_repository,
    seconds_now,
    without_collector,
)
from recstore.errors import DamagedBlob
from recstore.gc.execute import Expiry, Outcome, execute_plan
from recstore.gc.plan import GcOptions, Plan, Removal
from recstore.gc.planning import plan_gc
from recstore.git.repository import Repository
from recstore.git.state import operation
from recstore.git.trash import EXPIRY_DAYS
from recstore.git.trees import STAGED
from recstore.store import FOLDER, Store
from recstore.text import escape_control, human_size, plural, short_blob

_DAY_S: Final = 86_400


@click.command("gc")
@click.option("--staged", is_flag=True, help="Judge by what Git is about to commit, and stage what is removed.")
@click.option("--unserved", is_flag=True, help="Also remove entries that the last complete passing run did not use.")
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
        wanted = GcOptions(options["staged"], options["unserved"], options["force"], _tips_since_s(repository))
        plan = _held_back(repository, wanted) or _planned(store, repository, wanted)
        days = days_of(repository, TRASH_DAYS, EXPIRY_DAYS) or 0
        outcome = None if dry_run else execute_plan(store, repository, plan, Expiry(seconds_now(), days))
    if as_json:
        show_json(_as_json(plan, outcome))
    elif not (quiet and plan.is_empty and not plan.offers):
        _show(plan, outcome, days)


def _held_back(repository: Repository, options: GcOptions) -> Plan | None:
    """Return an empty plan where what Git is about to commit ends a merge or the like: hooks must not hold that up."""
    under_way = operation(repository) if options.is_staged and not options.is_forced else None
    if under_way is None:
        return None
    note = f"{under_way} is under way: its commit removes nothing; the next one may."
    return Plan(options, removals=(), kept=(), unserved=(), offers=(), notes=(note,), blobs=0)


def _planned(store: Store, repository: Repository, options: GcOptions) -> Plan:
    """Return the plan; but what Git is about to commit must be sound, for no push would take it.

    Raises: DamagedBlob: it is not; all that is damaged has been named.
    """
    damage = damage_in_objects(repository, staged_blobs(repository), STAGED) if options.is_staged else []
    if damage:
        found = with_remedies(store, repository, damage)
        for finding in found:
            echo_err(str(finding))
        raise DamagedBlob("the commit", f"would have {plural(len(found), 'damaged blob')}", found[0].remedy)
    return plan_gc(store, repository, options)


def _tips_since_s(repository: Repository) -> int:
    days = days_of(repository, TIP_DAYS)
    return seconds_now() - days * _DAY_S if days is not None else 0


def _show(plan: Plan, outcome: Outcome | None, days: int) -> None:
    for note in plan.notes:
        echo_err(f"note: {note}")
    for row in plan.removals:
        click.echo(escape_control(_line(row, "remove" if outcome is None else "removed")))
    for kept in plan.kept if outcome is None else ():
        click.echo(
            escape_control(
                f"keep     {human_size(kept.size_bytes):>8}  {short_blob(kept.path)}  needed by {kept.protector}"
            )
        )
    for old, new in plan.offers:
        echo_err(f"Renamed? Then: {shlex.join(('recstore', 'mv', old, new))}")
    for test in [] if plan.options.removes_unserved else plan.unserved:
        echo_err(
            f"unserved: {test.unserved} of {plural(test.entries, 'entry', 'entries')} of {test.test_id} (--unserved)"
        )
    for path in outcome.left if outcome is not None else ():
        echo_err(f"{FOLDER}/{path} has changed meanwhile, or is gone: left alone.")
    click.echo(_summary(plan, outcome, days))
    if outcome is not None and _has_gone(outcome):
        echo_err("A test that has another name now: `recstore restore OLD`, then `recstore mv OLD NEW`.")


def _has_gone(outcome: Outcome) -> bool:
    """Return whether a manifest was removed."""
    return any(row.left is None and not row.path.startswith("blobs/") for row in outcome.removals)


def _line(row: Removal, verb: str) -> str:
    where = "" if row.oid else "  (index alone)"
    return f"{verb:<7}  {human_size(row.size_bytes):>8}  {short_blob(row.path)}  {row.reason}; in {row.keeper}{where}"


def _summary(plan: Plan, outcome: Outcome | None, days: int) -> str:
    result = outcome if outcome is not None else Outcome(plan.removals, ())
    blobs = sum(row.path.startswith("blobs/") for row in result.removals)
    here = sum(row.path.startswith("blobs/") and bool(row.oid) for row in result.removals)
    manifests = len(result.removals) - blobs
    if not result.removals:
        return f"Nothing to remove; kept {plural(plan.blobs, 'blob')}."
    verb = "Would remove" if outcome is None else "Removed"
    text = (
        f"{verb} {plural(blobs, 'blob')} and {plural(manifests, 'manifest')}; kept {plural(plan.blobs - here, 'blob')}. "
        f"Freed in the checkout: {human_size(result.freed_bytes)}; .git does not shrink."
    )
    if result.anchored:
        text += f"\n{plural(result.anchored, 'file')} that no commit has: in the trash for {days} days (`recstore restore`)."
    return text


def _as_json(plan: Plan, outcome: Outcome | None) -> dict[str, object]:
    result = outcome if outcome is not None else Outcome(plan.removals, ())
    return {
        "dry_run": outcome is None,
        "staged": plan.options.is_staged,
        "removed": [_row_as_json(row) for row in result.removals],
        "changed_meanwhile": result.left,
        "kept": [{"path": row.path, "size_bytes": row.size_bytes, "needed_by": row.protector} for row in plan.kept],
        "kept_blobs": plan.blobs - sum(row.path.startswith("blobs/") and bool(row.oid) for row in result.removals),
        "anchored": result.anchored,
        "freed_bytes": result.freed_bytes,
        "renamed": [{"old": old, "new": new} for old, new in plan.offers],
        "unserved": [
            {"test": test.test_id, "unserved": test.unserved, "entries": test.entries} for test in plan.unserved
        ],
        "notes": plan.notes,
    }


def _row_as_json(row: Removal) -> dict[str, object]:
    return {
        "path": row.path,
        "size_bytes": row.size_bytes,
        "reason": row.reason,
        "kept_in": row.keeper,
        "work_tree": bool(row.oid),
        "index": bool(row.staged_oid),
        "entries_left": None if row.left is None else len(row.left.entries),
    }
