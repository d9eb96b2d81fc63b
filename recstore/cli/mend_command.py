"""`recstore restore`, `resolve`, and `merge-driver`: bring back what was removed, and settle what two branches changed."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path
from typing import Final

import click

from recstore.check.resolve import Choice, apply, find_conflicts, merge_files, resolve, select_conflicts, side_names
from recstore.check.restore import EVERYTHING, execute_restore, plan_restore, trash_contents
from recstore.cli.output import echo, echo_err, json_option, show_json
from recstore.cli.project import open_project
from recstore.errors import ManifestConflict, NotInStore, UsageError
from recstore.git.program import git_program
from recstore.git.repository import Repository
from recstore.store import FOLDER
from recstore.store.directory import Directory
from recstore.text import human_size, plural, short_blob

_MOST_COUNTED_CONFLICTS: Final = 127
"""`git merge-file` returns the number of conflicts up to here."""


@click.command("restore")
@click.argument("what", metavar="[KEY|TEST]", default="")
@click.option("--all", "everything", is_flag=True, help="All that the trash has, or with --from that commit.")
@click.option("--list", "is_listing", is_flag=True, help="List what is in the trash.")
@click.option("--from", "revision", metavar="REV", help="Take it from this commit alone.")
@click.option("--force", is_flag=True, help="Replace a manifest that is there and says something else.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing where nothing was missing.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be brought back, and write nothing.")
@json_option
def restore_command(
    what: str, *, everything: bool, is_listing: bool, revision: str | None, as_json: bool, **options: bool
) -> int:
    """Bring back what gc, a merge or a hand has removed: a test, a recording, or what the tests here miss.

    Looks in Git's index, the trash, HEAD's history, every ref, and what reflogs remember. Without KEY or TEST it
    brings back every recording that a test here names and that is missing.
    """
    if what and everything:
        raise UsageError(what, "does not go with --all", "Name what is wanted, or say --all.")
    if revision == "":
        raise UsageError("--from", "names nothing", "Leave it out to look everywhere.")
    store, dry_run = open_project().store, options["dry_run"]
    with Repository(store.directory.root, os.environ) as repository:
        if is_listing:
            _list_trash(repository, as_json=as_json)
            return 0
        wanted = EVERYTHING if everything else what
        plan = plan_restore(store, repository, wanted, revision=revision or "", is_forced=options["force"])
    if not dry_run:
        execute_restore(store, plan)
    if as_json:
        files = [{"path": file.path, "size_bytes": len(file.data), "from": file.location} for file in plan.files]
        show_json({"dry_run": dry_run, "restored": files, "present": plan.present, "missing": plan.missing})
    elif plan.files or plan.missing or not options["quiet"]:
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
    return NotInStore.exit_code if plan.missing else 0


def _list_trash(repository: Repository, *, as_json: bool) -> None:
    runs = list(trash_contents(repository))
    for run in runs:
        time = dt.datetime.fromtimestamp(run.time_s, dt.UTC).isoformat()
        if as_json:
            show_json({"time": time, "tests": run.tests, "blobs": run.blobs})
            continue
        echo(f"{time}  {plural(len(run.blobs), 'blob')}, {plural(len(run.tests), 'manifest')}")
        for name in (*run.tests, *(short_blob(blob.path).rpartition("/")[2] for blob in run.blobs)):
            echo(f"  {name}")
    if not (runs or as_json):
        echo_err("The trash is empty.")


@click.command("resolve")
@click.argument("tests", nargs=-1, metavar="[TEST]...")
@click.option("--ours", is_flag=True, help="Take the recordings of the side that is checked out.")
@click.option("--theirs", is_flag=True, help="Take those of the side that is merged in, or that a rebase moves.")
@click.option("--both", is_flag=True, help="Keep every answer: ours first, theirs as later calls.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would become of each, and change nothing.")
@json_option
def resolve_command(tests: tuple[str, ...], *, dry_run: bool, as_json: bool, **options: bool) -> int:
    """Settle manifests in conflict, all or those of TEST (or at its path), and stage them. Blobs in conflict need no choice.

    Without a choice, what both sides agree on is settled, and the rest listed. What is not taken stays in history.
    A manifest that was recorded again in the work tree since is kept as it is.
    """
    choices: list[Choice] = [name for name in ("ours", "theirs", "both") if options[name]]
    if len(choices) > 1:
        reason = f"does not go with --{choices[1]}"
        raise UsageError(f"--{choices[0]}", reason, "Choose one, or name tests and run it twice.")
    store = open_project().store
    with Repository(store.directory.root, os.environ) as repository:
        conflicts = select_conflicts(find_conflicts(store, repository), tests)
        resolutions = [resolve(conflict, next(iter(choices), "")) for conflict in conflicts]
        healed = () if dry_run else apply(store, repository, resolutions)
        ours, theirs = side_names(repository)
    left = sum(resolution.is_open for resolution in resolutions)
    if as_json:
        rows = [
            {"test": row.test_id, "path": row.path, "how": row.how, "settled": not row.is_open} for row in resolutions
        ]
        show_json({"dry_run": dry_run, "ours": ours, "theirs": theirs, "settled": rows, "healed": healed})
    else:
        for row in resolutions:
            echo(f"{'open' if row.is_open else 'settled':<8} {row.test_id}: {row.how}")
        manifests = plural(len(resolutions), "manifest")
        if left:
            echo_err(f"ours is {ours}; theirs is {theirs}.")
            number = plural(left, "manifest is", "manifests are")
            echo_err(f"{number} left: recstore resolve --ours, --theirs or --both [TEST]")
        elif resolutions and dry_run:
            echo_err(f"{manifests} would be settled and staged.")
        elif resolutions:
            echo_err(f"{manifests} settled and staged. Go on with `git commit` or `git rebase --continue`.")
        else:
            echo(f"Nothing below {FOLDER} is in conflict.")
    return ManifestConflict.exit_code if left else 0


@click.command("merge-driver", hidden=True)
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("ours", type=click.Path(path_type=Path))
@click.argument("theirs", type=click.Path(path_type=Path))
@click.argument("path", default="the manifest")
def merge_driver_command(base: Path, ours: Path, theirs: Path, path: str) -> int:
    """Merge the manifests BASE, OURS and THEIRS into the file OURS, as Git's merge drivers do. Exit code 1: a conflict."""
    sides = []
    for side in (base, ours, theirs):
        data = Directory(side.parent).read(side.name)
        if data is None:
            raise UsageError(str(side), "is not there", "Git calls this command, with files of its own.")
        sides.append(data)
    merged = merge_files((sides[0], sides[1], sides[2]), path)
    if merged is None:
        echo_err(f"{path}: is not a manifest that this recstore reads on every side; merged line by line.")
        command = [git_program(os.environ), "merge-file", "--quiet", str(ours), str(base), str(theirs)]
        done = subprocess.run(command, check=False)  # noqa: S603 - as Git would do without this driver
        return done.returncode if 0 <= done.returncode <= _MOST_COUNTED_CONFLICTS else 1
    data, is_clean = merged
    Directory(ours.parent).write(ours.name, data)
    if not is_clean:
        echo_err(f"{path}: re-recorded on both sides; `recstore resolve` settles it.")
    return int(not is_clean)
