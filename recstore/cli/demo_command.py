"""`recstore demo`."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import click

from recstore.cli.output import echo_err
from recstore.demo.upstream import serving
from recstore.errors import GitError, RecstoreError


@click.command("demo")
@click.option("--keep", type=click.Path(path_type=Path), help="Make the demo project here, and leave it there.")
def command(keep: Path | None) -> None:
    """See the whole thing work, offline, in a scratch Git repository.

    Records a streamed chat with a server on this machine, replays it without, and renames its test for nothing. Imports
    a handful of recordings that come with the package, finds, shows, verifies and exports them; then removes a test
    before a commit, and mends a push that would have missed a recording.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="recstore-demo-") as folder:
            _Tour(Path(folder) / "project").run()
        return
    if keep.exists():
        raise click.UsageError(f"{keep} is there already; name a folder that is not.")
    _Tour(keep).run()
    echo_err(f"The project stays in {keep}.")


class _Tour:
    """One run of the demo in `folder`; every step is a real command, shown with what it printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._base_url = ""

    def run(self) -> None:
        with as_file(files("recstore.demo") / "project") as project:
            shutil.copytree(project, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self._record_and_replay()
        self._import_and_commit()
        self._remove_a_test()
        self._push_too_little()

    def _record_and_replay(self) -> None:
        self._title("A project, once")
        self._run("git", "init", "--quiet", "--initial-branch=main")
        self._run("git", "config", "user.name", "Demo")
        self._run("git", "config", "user.email", "demo@localhost")
        self._run("git", "init", "--quiet", "--bare", ".git/remote.git")
        self._run("git", "remote", "add", "origin", ".git/remote.git")
        self._run("recstore", "init")
        self._title("A test asks a model, live; a server on this machine, the demo upstream, stands for one that costs")
        with serving() as upstream:
            self._base_url = upstream.base_url
            self._run("python", "tests/test_chat.py", "record")
        click.echo(f"The demo upstream had {upstream.requests} request. It is stopped now.")
        self._title("The same test again: no server, no key, the same events")
        self._run("python", "tests/test_chat.py", "replay")
        self._title("The test gets another name: nothing is paid again")
        path = self.folder / "tests/test_chat.py"
        path.write_bytes(path.read_bytes().replace(b"test_greeting", b"test_hello"))
        self._run("recstore", "mv", "tests/test_chat.py::test_greeting", "tests/test_chat.py::test_hello")
        self._run("python", "tests/test_chat.py", "replay")

    def _import_and_commit(self) -> None:
        recordings = sorted(self.folder.glob("tests/recordings/*.json"))
        self._title(f"Another recorder left {len(recordings)} JSON files")
        self._run("recstore", "import", "tests")
        self._title("What is there, by test and by request")
        self._run("recstore", "ls")
        self._run("recstore", "show", "test_home_again")
        self._title("Is it all sound, and does it come out as it went in?")
        self._run("recstore", "verify")
        self._run("recstore", "export", "exported")
        exported = self.folder / "exported"
        equal = sum(filecmp.cmp(file, exported / file.relative_to(self.folder), shallow=False) for file in recordings)
        if equal != len(recordings):
            raise RecstoreError("demo", f"only {equal} of {len(recordings)} exported files equal their source")
        click.echo(f"{equal} of {len(recordings)} exported files equal their source, byte for byte.")
        self._title("Into Git")
        self._run("recstore", "stats")
        self._run("recstore", "hooks", "install")
        self._run("git", "add", ".recstore", "tests/test_chat.py", "tests/test_planets.py")
        self._run("git", "commit", "--quiet", "-m", "Recordings")
        self._run("git", "log", "--oneline", "--stat", "--format=%s", "--", ".recstore/tests")
        self._run("git", "push", "--quiet", "--set-upstream", "origin", "main")

    def _remove_a_test(self) -> None:
        self._title("A test is removed: the commit takes its recordings along, and nothing is lost")
        path = self.folder / "tests/test_planets.py"
        kept, _, _ = path.read_bytes().partition(b"\n\ndef test_embedding")
        path.write_bytes(kept.rstrip() + b"\n")
        self._run("recstore", "gc", "--dry-run")
        self._run("git", "commit", "--all", "--quiet", "-m", "No embeddings")
        self._run("git", "show", "--stat", "--format=%s")
        self._run("recstore", "restore", "tests/test_planets.py::test_embedding", "--dry-run")

    def _push_too_little(self) -> None:
        self._title("A recording is missing: the push is refused, and mended with what Git has")
        blob = min(self.folder.glob(".recstore/blobs/*/*.json"))
        self._run("git", "rm", "--quiet", str(blob.relative_to(self.folder)))
        self._run("git", "commit", "--quiet", "--no-verify", "-m", "Removed by mistake")
        self._run("git", "push", "--quiet", is_refused=True)
        self._run("recstore", "check", "--fix")
        self._run("git", "add", ".recstore")
        self._run("git", "commit", "--quiet", "-m", "Mended")
        self._run("git", "push", "--quiet")

    def _title(self, text: str) -> None:
        click.echo("\n" + click.style(f"== {text}", bold=True))

    def _run(self, program: str, *arguments: str, is_refused: bool = False) -> None:
        click.echo("\n" + click.style(f"$ {program} {' '.join(arguments)}", fg="cyan"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RECSTORE_"))}
        environment["DEMO_UPSTREAM"] = self._base_url
        start = {"python": [sys.executable], "recstore": [sys.executable, "-m", "recstore"], "git": ["git"]}[program]
        sys.stdout.flush()
        try:
            done = subprocess.run([*start, *arguments], cwd=self.folder, env=environment, check=False)  # noqa: S603 - our own words
        except FileNotFoundError as error:
            raise GitError(program, "is not on the PATH", "Install Git, then run `recstore demo` again.") from error
        if bool(done.returncode) != is_refused:
            raise RecstoreError(f"{program} {arguments[0]}", f"ended with exit code {done.returncode}")
