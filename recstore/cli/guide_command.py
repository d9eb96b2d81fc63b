"""`recstore help`: the guides that come with the package; and `recstore demo`: the whole thing at work."""

from __future__ import annotations

import filecmp
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import click

from recstore.cli.output import echo_err
from recstore.errors import GitError, RecstoreError

TOPICS: Final = (
    *("getting-started", "llama-stack", "vcrpy", "git", "watch", "secrets", "configuration"),
    *("ci", "commands", "library", "format", "threats", "glossary"),
)
"""The guides, in the order in which a reader needs them: `recstore/docs/TOPIC.md`."""


@click.command("help")
@click.argument("topic", required=False)
def help_command(topic: str | None) -> None:
    """List the guides, or print the one on TOPIC."""
    if topic is not None and topic not in TOPICS:
        raise click.BadParameter(f"there is no guide {topic!r}. They are {', '.join(TOPICS)}.", param_hint="TOPIC")
    for name in TOPICS if topic is None else [topic]:
        lines = (files("recstore") / "docs" / f"{name}.md").read_text(encoding="utf-8").splitlines()
        if topic is None:
            click.echo(f"{name:{max(map(len, TOPICS))}}  {lines[0].removeprefix('# ')}")
        else:  # comments are for the program that brings the guides up to date, and for its tests
            click.echo("\n".join(line for line in lines if not line.startswith("<!-- ")))
    if topic is None:
        click.echo("\n`recstore help TOPIC` prints one, `recstore COMMAND --help` explains a command.", err=True)


@click.command("demo")
@click.option("--keep", type=click.Path(path_type=Path), help="Make the demo project here, and leave it there.")
def demo_command(keep: Path | None) -> None:
    """See the whole thing work, offline, in a scratch Git repository.

    Records a streamed chat with a server on this machine, replays it without, and renames its test for nothing. Imports
    a handful of recordings that come with the package, finds, shows, verifies and exports them; then removes a test
    before a commit, and mends a push that would have missed a recording.
    """
    if keep is not None and keep.exists():
        raise click.UsageError(f"{keep} is there already; name a folder that is not.")
    with tempfile.TemporaryDirectory(prefix="recstore-demo-") as folder:
        _tour(keep or Path(folder) / "project")
    if keep is not None:
        echo_err(f"The project stays in {keep}.")


def _tour(folder: Path) -> None:
    """Run the demo in `folder`; every step is a real command, shown with what it prints.

    Shape: a line of `demo/tour.txt` is `== TITLE`, `$ COMMAND` (a `*` in it stands for the first such file), `! COMMAND` that
    is to fail, `start` or `stop` of the demo upstream, `edit FILE PATTERN TEXT`, or `compare FOLDER` with the recordings.
    """
    from recstore.demo.upstream import serving

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RECSTORE_"))}
    starts = {"python": [sys.executable], "recstore": [sys.executable, "-m", "recstore"], "git": ["git"]}
    with as_file(files("recstore.demo")) as demo:
        shutil.copytree(demo / "project", folder, ignore=shutil.ignore_patterns("__pycache__"))
        steps = (demo / "tour.txt").read_text(encoding="utf-8").splitlines()
    with ExitStack() as server:
        for step in steps:
            kind, *words = step.split() if step.startswith("==") else shlex.split(step)
            match kind:
                case "==":
                    click.echo("\n" + click.style(step, bold=True))
                case "start":
                    upstream = server.enter_context(serving())
                    environment["DEMO_UPSTREAM"] = upstream.base_url
                case "stop":
                    server.close()
                    click.echo(f"The demo upstream had {upstream.requests} request. It is stopped now.")
                case "edit":
                    path, pattern, text = folder / words[0], words[1].encode(), words[2].encode()
                    path.write_bytes(re.sub(pattern, text, path.read_bytes()))
                case "compare":
                    sources = [path.relative_to(folder) for path in folder.glob("tests/recordings/*.json")]
                    equal, _, _ = filecmp.cmpfiles(folder, folder / words[0], sources, shallow=False)
                    counted = f"{len(equal)} of {len(sources)} exported files equal their source"
                    if len(equal) != len(sources):
                        raise RecstoreError("demo", f"only {counted}")
                    click.echo(f"{counted}, byte for byte.")
                case _:
                    words = [str(min(folder.glob(word)).relative_to(folder)) if "*" in word else word for word in words]
                    click.echo("\n" + click.style(f"$ {shlex.join(words)}", fg="cyan"))
                    sys.stdout.flush()
                    command = [*starts[words[0]], *words[1:]]
                    try:
                        done = subprocess.run(command, cwd=folder, env=environment, check=False)  # noqa: S603 - our own words
                    except FileNotFoundError as error:
                        remedy = "Install Git, then run `recstore demo` again."
                        raise GitError(words[0], "is not on the PATH", remedy) from error
                    if bool(done.returncode) != (kind == "!"):
                        raise RecstoreError(" ".join(words[:2]), f"ended with exit code {done.returncode}")
