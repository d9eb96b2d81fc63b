"""`recstore init` and `recstore mv`: the store of a project, and a test's name in it."""

from __future__ import annotations

from pathlib import Path

import click

from recstore.cli.output import echo, echo_err, json_option, show_json
from recstore.cli.repository import open_project
from recstore.errors import UsageError
from recstore.store import FOLDER, Store
from recstore.store.rename import execute_moves, plan_moves
from recstore.store.store import STORE_FILES
from recstore.text import plural


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@json_option
def init_command(folder: Path, *, as_json: bool) -> None:
    """Make FOLDER (here, unless named) a store: write .recstore and what explains it. Harmless to repeat."""
    missing = [name for name in STORE_FILES if not (folder / FOLDER / name).is_file()]
    Store.create(folder)
    is_in_git = any((parent / ".git").exists() for parent in (folder.resolve(), *folder.resolve().parents))
    if as_json:
        show_json({"store": folder / FOLDER, "written": missing, "in_git": is_in_git})
        return
    echo_err(
        f"Initialised {folder / FOLDER}." if missing else f"{folder / FOLDER} is a store already; nothing changed."
    )
    if not is_in_git:
        echo_err("warning: this folder is in no Git repository. The store works, but nothing keeps its history.")
    if missing:
        echo_err(
            "Next: `recstore import FOLDER` brings in recordings, `recstore hooks install` has Git look after them; "
            "then commit .recstore."
        )


@click.command("mv")
@click.argument("old")
@click.argument("new")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be renamed, and rename nothing.")
@json_option
def mv_command(old: str, new: str, *, dry_run: bool, as_json: bool) -> None:
    """Give the recordings of the test OLD to the test NEW, without recording again.

    OLD is a test (with its parameters or for all of them), a class, a file or a folder; a `*` in it stands for any
    characters, and NEW has as many. Only manifests are rewritten; no blob changes.
    """
    if not new.strip("./"):
        raise UsageError(repr(new), "is not a name for a test", "Say what it is called now: recstore mv OLD NEW")
    store = open_project().store
    moves = plan_moves(store, old, new)
    if not dry_run:
        execute_moves(store, moves)
    if as_json:
        show_json({"dry_run": dry_run, "moved": [{"old": move.old_id, "new": move.new_id} for move in moves]})
        return
    for move in moves:
        echo(f"{move.old_id} -> {move.new_id}")
    echo(f"{'Would rename' if dry_run else 'Renamed'} {plural(len(moves), 'manifest')}; no blob changes.")
