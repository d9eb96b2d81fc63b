"""`recstore init`."""

from __future__ import annotations

from pathlib import Path

import click

from recstore.cli.output import echo_err, json_option, show_json
from recstore.store import FOLDER, Store
from recstore.store.scaffold import STORE_FILES


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@json_option
def command(folder: Path, *, as_json: bool) -> None:
    """Make FOLDER (here, unless named) a store: write .recstore and what explains it. Harmless to repeat."""
    missing = [name for name in STORE_FILES if not (folder / FOLDER / name).is_file()]
    Store.create(folder)
    in_git = any((parent / ".git").exists() for parent in (folder.resolve(), *folder.resolve().parents))
    if as_json:
        show_json({"store": str(folder / FOLDER), "written": missing, "in_git": in_git})
        return
    echo_err(
        f"Initialised {folder / FOLDER}." if missing else f"{folder / FOLDER} is a store already; nothing changed."
    )
    if not in_git:
        echo_err("warning: this folder is in no Git repository. The store works, but nothing keeps its history.")
    if missing:
        echo_err(
            "Next: `recstore import FOLDER` brings in recordings, `recstore hooks install` has Git look after them; then commit .recstore."
        )
