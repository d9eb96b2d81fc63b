"""`recstore mv`."""

from __future__ import annotations

import click

from recstore.cli.output import json_option, show_json
from recstore.cli.repository import open_project
from recstore.errors import UsageError
from recstore.store.rename import Move, execute_moves, plan_moves
from recstore.text import escape_control, plural


@click.command("mv")
@click.argument("old")
@click.argument("new")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be renamed, and rename nothing.")
@json_option
def command(old: str, new: str, *, dry_run: bool, as_json: bool) -> None:
    """Give the recordings of the test OLD to the test NEW, without recording again.

    OLD is a test (with its parameters or for all of them), a class, a file or a folder; a `*` in it stands for any
    characters, and NEW has as many. Only manifests are rewritten; no blob changes.
    """
    if not new.strip("./"):
        raise UsageError(repr(new), "is no name for a test", "Say what it is called now: recstore mv OLD NEW")
    store = open_project().store
    moves = plan_moves(store, old, new)
    if not dry_run:
        execute_moves(store, moves)
    if as_json:
        show_json({"dry_run": dry_run, "moved": [{"old": move.old_id, "new": move.new_id} for move in moves]})
    else:
        _show(moves, dry_run=dry_run)


def _show(moves: tuple[Move, ...], *, dry_run: bool) -> None:
    for move in moves:
        click.echo(escape_control(f"{move.old_id} -> {move.new_id}"))
    click.echo(f"{'Would rename' if dry_run else 'Renamed'} {plural(len(moves), 'manifest')}; no blob changes.")
