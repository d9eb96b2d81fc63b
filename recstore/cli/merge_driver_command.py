"""`recstore merge-driver`, which Git calls for a manifest that two branches have changed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from recstore.cli.output import echo_err
from recstore.errors import UsageError
from recstore.store.directory import Directory

_MOST_COUNTED_CONFLICTS = 127
"""`git merge-file` returns the number of conflicts up to here."""


@click.command("merge-driver", hidden=True)
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("ours", type=click.Path(path_type=Path))
@click.argument("theirs", type=click.Path(path_type=Path))
@click.argument("path", default="the manifest")
def command(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Merge the manifests BASE, OURS and THEIRS into the file OURS, as Git's merge drivers do. Exit code 1: a conflict."""
    import subprocess

    from recstore.check.resolve import merge_files
    from recstore.git.program import git_program

    merged = merge_files((_read(base), _read(ours), _read(theirs)), path)
    if merged is None:
        echo_err(f"{path}: is not a manifest that this recstore reads on every side; merged line by line.")
        command = [git_program(os.environ), "merge-file", "--quiet", str(ours), str(base), str(theirs)]
        done = subprocess.run(command, check=False)  # noqa: S603 - as Git would do without this driver
        raise click.exceptions.Exit(done.returncode if 0 <= done.returncode <= _MOST_COUNTED_CONFLICTS else 1)
    data, is_clean = merged
    Directory(ours.parent).write(ours.name, data)
    if not is_clean:
        echo_err(f"{path}: re-recorded on both sides; `recstore resolve` settles it.")
        raise click.exceptions.Exit(1)


def _read(path: Path) -> bytes:
    data = Directory(path.parent).read(path.name)
    if data is None:
        raise UsageError(str(path), "is not there", "Git calls this command, with files of its own.")
    return data
