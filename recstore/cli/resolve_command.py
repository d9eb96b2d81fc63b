"""`recstore resolve`."""

from __future__ import annotations

import click

from recstore.check.resolve import Choice, Resolution, apply, find_conflicts, resolve, select_conflicts, side_names
from recstore.cli.output import echo, echo_err, json_option, show_json
from recstore.cli.repository import open_project, open_repository
from recstore.errors import ManifestConflict, UsageError
from recstore.store import FOLDER
from recstore.text import plural


@click.command("resolve")
@click.argument("tests", nargs=-1, metavar="[TEST]...")
@click.option("--ours", is_flag=True, help="Take the recordings of the side that is checked out.")
@click.option("--theirs", is_flag=True, help="Take those of the side that is merged in, or that a rebase moves.")
@click.option("--both", is_flag=True, help="Keep every answer: ours first, theirs as later calls.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would become of each, and change nothing.")
@json_option
def command(tests: tuple[str, ...], *, dry_run: bool, as_json: bool, **options: bool) -> None:
    """Settle manifests in conflict, all or those of TEST (or at its path), and stage them. Blobs in conflict need no choice.

    Without a choice, what both sides agree on is settled, and the rest listed. What is not taken stays in history.
    A manifest that was recorded again in the work tree since is kept as it is.
    """
    choices: list[Choice] = [name for name in ("ours", "theirs", "both") if options[name]]
    if len(choices) > 1:
        remedy = "Choose one, or name tests and run it twice."
        raise UsageError(f"--{choices[0]}", f"does not go with --{choices[1]}", remedy)
    store = open_project().store
    with open_repository(store) as repository:
        chosen = choices[0] if choices else ""
        resolutions = [
            resolve(conflict, chosen) for conflict in select_conflicts(find_conflicts(store, repository), tests)
        ]
        healed = () if dry_run else apply(store, repository, resolutions)
        ours, theirs = side_names(repository)
    if as_json:
        rows = [
            {"test": row.test_id, "path": row.path, "how": row.how, "settled": not row.is_open} for row in resolutions
        ]
        show_json({"dry_run": dry_run, "ours": ours, "theirs": theirs, "settled": rows, "healed": healed})
    else:
        _show(resolutions, (ours, theirs), dry_run=dry_run)
    if any(resolution.is_open for resolution in resolutions):
        raise click.exceptions.Exit(ManifestConflict.exit_code)


def _show(resolutions: list[Resolution], names: tuple[str, str], *, dry_run: bool) -> None:
    for resolution in resolutions:
        state = "open" if resolution.is_open else "settled"
        echo(f"{state:<8} {resolution.test_id}: {resolution.how}")
    left = sum(resolution.is_open for resolution in resolutions)
    manifests = plural(len(resolutions), "manifest")
    if left:
        echo_err(f"ours is {names[0]}; theirs is {names[1]}.")
        number = plural(left, "manifest is", "manifests are")
        echo_err(f"{number} left: recstore resolve --ours, --theirs or --both [TEST]")
    elif resolutions and dry_run:
        echo_err(f"{manifests} would be settled and staged.")
    elif resolutions:
        echo_err(f"{manifests} settled and staged. Go on with `git commit` or `git rebase --continue`.")
    else:
        echo(f"Nothing below {FOLDER} is in conflict.")
