"""`recstore restore`."""

from __future__ import annotations

import datetime as dt

import click

from recstore.check.restore import EVERYTHING, RestorePlan, execute_restore, plan_restore, trash_contents
from recstore.cli.output import echo, echo_err, json_option, show_json
from recstore.cli.repository import open_project, open_repository
from recstore.errors import NotInStore, UsageError
from recstore.git.repository import Repository
from recstore.store import FOLDER
from recstore.text import human_size, plural, short_blob


@click.command("restore")
@click.argument("what", metavar="[KEY|TEST]", default="")
@click.option("--all", "everything", is_flag=True, help="All that the trash has, or with --from that commit.")
@click.option("--list", "is_listing", is_flag=True, help="List what is in the trash.")
@click.option("--from", "revision", metavar="REV", help="Take it from this commit alone.")
@click.option("--force", is_flag=True, help="Replace a manifest that is there and says something else.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing where nothing was missing.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be brought back, and write nothing.")
@json_option
def command(what: str, *, everything: bool, is_listing: bool, as_json: bool, **options: str | bool | None) -> None:
    """Bring back what gc, a merge or a hand has removed: a test, a recording, or what the tests here miss.

    Looks in Git's index, the trash, HEAD's history, every ref, and what reflogs remember. Without KEY or TEST it
    brings back every recording that a test here names and that is missing.
    """
    if what and everything:
        raise UsageError(what, "does not go with --all", "Name what is wanted, or say --all.")
    if options["revision"] == "":
        raise UsageError("--from", "names nothing", "Leave it out to look everywhere.")
    store, dry_run = open_project().store, bool(options["dry_run"])
    revision, is_forced = str(options["revision"] or ""), bool(options["force"])
    with open_repository(store) as repository:
        if is_listing:
            _list(repository, as_json=as_json)
            return
        wanted = EVERYTHING if everything else what
        plan = plan_restore(store, repository, wanted, revision=revision, is_forced=is_forced)
    if not dry_run:
        execute_restore(store, plan)
    if as_json:
        files = [{"path": file.path, "size_bytes": len(file.data), "from": file.location} for file in plan.files]
        show_json({"dry_run": dry_run, "restored": files, "present": plan.present, "missing": plan.missing})
    elif plan.files or plan.missing or not options["quiet"]:
        _show(plan, dry_run=dry_run)
    if plan.missing:
        raise click.exceptions.Exit(NotInStore.exit_code)


def _show(plan: RestorePlan, *, dry_run: bool) -> None:
    for file in plan.files:
        echo(f"{human_size(len(file.data)):>8}  {short_blob(file.path)}  from {file.location}")
    for blob in plan.missing:
        echo_err(f"(missing) {blob.path}: neither in the trash nor in any history that can be read here")
    verb = "Would bring back" if dry_run else "Brought back"
    echo(f"{verb} {plural(len(plan.files), 'file')}; {len(plan.present):,} there already.")
    if plan.missing:
        number = plural(len(plan.missing), "blob is", "blobs are")
        echo_err(f"{number} nowhere: `git fetch` what has them, or record again.")
    elif plan.files and not dry_run:
        echo_err(f"Commit them with `git add {FOLDER}`.")


def _list(repository: Repository, *, as_json: bool) -> None:
    runs = list(trash_contents(repository))
    for run in runs:
        time = dt.datetime.fromtimestamp(run.time_s, dt.UTC).isoformat()
        if as_json:
            show_json({"time": time, "tests": run.tests, "blobs": run.blobs})
            continue
        echo(f"{time}  {plural(len(run.blobs), 'blob')}, {plural(len(run.tests), 'manifest')}")
        for test_id in run.tests:
            echo(f"  {test_id}")
        for blob in run.blobs:
            echo(f"  {blob.key[:12]}-{blob.digest[:12]}")
    if not runs and not as_json:
        echo_err("The trash is empty.")
