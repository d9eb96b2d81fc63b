"""`recstore resolve`."""

from __future__ import annotations

import click

from recstore.check.resolve import Choice, Settled, carry_out, conflicts, named, settle, sides
from recstore.cli.output import echo_err, json_option, show_json
from recstore.cli.repository import open_project, open_repository
from recstore.errors import ManifestConflict, UsageError
from recstore.store import FOLDER
from recstore.text import escape_control, plural


@click.command("resolve")
@click.argument("tests", nargs=-1, metavar="[TEST]...")
@click.option("--ours", is_flag=True, help="Take the recordings of the side that is checked out.")
@click.option("--theirs", is_flag=True, help="Take those of the side that is merged in, or that a rebase moves.")
@click.option("--both", is_flag=True, help="Keep every answer: ours first, theirs as later times.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would become of each, and change nothing.")
@json_option
def command(tests: tuple[str, ...], *, dry_run: bool, as_json: bool, **options: bool) -> None:
    """Settle manifests in conflict, all or those of TEST (or at its path), and stage them. Blobs in conflict need no choice.

    Without a choice, what both sides agree on is settled, and the rest listed. What is not taken stays in history.
    A manifest that was recorded again in the work tree since is kept as it is.
    """
    choice = _choice(options)
    store = open_project().store
    with open_repository(store) as repository:
        settled = [settle(one, choice) for one in named(conflicts(store, repository), tests)]
        healed = () if dry_run else carry_out(store, repository, settled)
        ours, theirs = sides(repository)
    left = [one for one in settled if one.is_open]
    if as_json:
        rows = [_as_json(one) for one in settled]
        show_json({"dry_run": dry_run, "ours": ours, "theirs": theirs, "settled": rows, "healed": healed})
    else:
        _show(settled, (ours, theirs), dry_run=dry_run)
    if left:
        raise click.exceptions.Exit(ManifestConflict.exit_code)


def _choice(options: dict[str, bool]) -> Choice:
    named: list[Choice] = [name for name in ("ours", "theirs", "both") if options[name]]
    if len(named) > 1:
        raise UsageError(
            f"--{named[0]}", f"does not go with --{named[1]}", "Choose one, or name tests and run it twice."
        )
    return named[0] if named else ""


def _show(settled: list[Settled], names: tuple[str, str], *, dry_run: bool) -> None:
    for one in settled:
        click.echo(escape_control(f"{'open' if one.is_open else 'settled':<8} {one.test_id}: {one.how}"))
    left = sum(one.is_open for one in settled)
    if left:
        echo_err(f"ours is {names[0]}; theirs is {names[1]}.")
        echo_err(
            f"{plural(left, 'manifest is', 'manifests are')} left: recstore resolve --ours, --theirs or --both [TEST]"
        )
    elif settled and dry_run:
        echo_err(f"{plural(len(settled), 'manifest')} would be settled and staged.")
    elif settled:
        echo_err(
            f"{plural(len(settled), 'manifest')} settled and staged. Go on with `git commit` or `git rebase --continue`."
        )
    else:
        click.echo(f"Nothing below {FOLDER} is in conflict.")


def _as_json(one: Settled) -> dict[str, object]:
    return {"test": one.test_id, "path": one.path, "how": one.how, "settled": not one.is_open}
