"""`recstore help`: the guides that come with the package; and `recstore demo`: the whole thing at work."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
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
    width = max(map(len, TOPICS))
    for name in TOPICS if topic is None else [topic]:
        lines = (files("recstore") / "docs" / f"{name}.md").read_text(encoding="utf-8").splitlines(keepends=True)
        # comments are for the program that brings the guides up to date, and for its tests
        guide = "".join(line for line in lines if not line.startswith("<!-- "))
        if topic is None:
            click.echo(f"{name:{width}}  {guide.partition(chr(10))[0].removeprefix('# ')}")
        else:
            click.echo(guide, nl=False)
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
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="recstore-demo-") as folder:
            _tour(Path(folder) / "project")
        return
    if keep.exists():
        raise click.UsageError(f"{keep} is there already; name a folder that is not.")
    _tour(keep)
    echo_err(f"The project stays in {keep}.")


def _tour(folder: Path) -> None:
    """Run the demo in `folder`; every step is a real command, shown with what it prints."""
    from recstore.demo.upstream import serving

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RECSTORE_"))}

    def title(text: str) -> None:
        click.echo("\n" + click.style(f"== {text}", bold=True))

    def run(line: str, *words: str, is_refused: bool = False) -> None:
        program, *arguments = (*line.split(), *words)
        click.echo("\n" + click.style(f"$ {program} {' '.join(arguments)}", fg="cyan"))
        start = {"python": [sys.executable], "recstore": [sys.executable, "-m", "recstore"], "git": ["git"]}[program]
        sys.stdout.flush()
        try:
            done = subprocess.run([*start, *arguments], cwd=folder, env=environment, check=False)  # noqa: S603 - our own words
        except FileNotFoundError as error:
            raise GitError(program, "is not on the PATH", "Install Git, then run `recstore demo` again.") from error
        if bool(done.returncode) != is_refused:
            raise RecstoreError(f"{program} {arguments[0]}", f"ended with exit code {done.returncode}")

    with as_file(files("recstore.demo") / "project") as project:
        shutil.copytree(project, folder, ignore=shutil.ignore_patterns("__pycache__"))
    title("A project, once")
    run("git init --quiet --initial-branch=main")
    run("git config user.name Demo")
    run("git config user.email demo@localhost")
    run("git init --quiet --bare .git/remote.git")
    run("git remote add origin .git/remote.git")
    run("recstore init")
    title("A test asks a model, live; a server on this machine, the demo upstream, stands for one that costs")
    with serving() as upstream:
        environment["DEMO_UPSTREAM"] = upstream.base_url
        run("python tests/test_chat.py record")
    click.echo(f"The demo upstream had {upstream.requests} request. It is stopped now.")
    title("The same test again: no server, no key, the same events")
    run("python tests/test_chat.py replay")
    title("The test gets another name: nothing is paid again")
    path = folder / "tests/test_chat.py"
    path.write_bytes(path.read_bytes().replace(b"test_greeting", b"test_hello"))
    run("recstore mv tests/test_chat.py::test_greeting tests/test_chat.py::test_hello")
    run("python tests/test_chat.py replay")

    recordings = sorted(folder.glob("tests/recordings/*.json"))
    title(f"Another recorder left {len(recordings)} JSON files")
    run("recstore import tests")
    title("What is there, by test and by request")
    run("recstore ls")
    run("recstore show test_home_again")
    title("Is it all sound, and does it come out as it went in?")
    run("recstore verify")
    run("recstore export exported")
    exported = folder / "exported"
    equal = sum(filecmp.cmp(file, exported / file.relative_to(folder), shallow=False) for file in recordings)
    if equal != len(recordings):
        raise RecstoreError("demo", f"only {equal} of {len(recordings)} exported files equal their source")
    click.echo(f"{equal} of {len(recordings)} exported files equal their source, byte for byte.")
    title("Into Git")
    run("recstore stats")
    run("recstore hooks install")
    run("git add .recstore tests/test_chat.py tests/test_planets.py")
    run("git commit --quiet -m Recordings")
    run("git log --oneline --stat --format=%s -- .recstore/tests")
    run("git push --quiet --set-upstream origin main")

    title("A test is removed: the commit takes its recordings along, and nothing is lost")
    path = folder / "tests/test_planets.py"
    rest, _, _ = path.read_bytes().partition(b"\n\ndef test_embedding")
    path.write_bytes(rest.rstrip() + b"\n")
    run("recstore gc --dry-run")
    run("git commit --all --quiet -m", "No embeddings")
    run("git show --stat --format=%s")
    run("recstore restore tests/test_planets.py::test_embedding --dry-run")

    title("A recording is missing: the push is refused, and mended with what Git has")
    blob = min(folder.glob(".recstore/blobs/*/*.json"))
    run("git rm --quiet", str(blob.relative_to(folder)))
    run("git commit --quiet --no-verify -m", "Removed by mistake")
    run("git push --quiet", is_refused=True)
    run("recstore check --fix")
    run("git add .recstore")
    run("git commit --quiet -m Mended")
    run("git push --quiet")
