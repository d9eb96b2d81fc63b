"""Real Git repositories with a store in them, for tests: made quickly, with nobody's own configuration."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from recstore.gc.execute import GcResult, execute_plan
from recstore.gc.plan import GcOptions, Plan, plan_gc
from recstore.git import Repository
from recstore.model import BlobName, JsonBody, Recording, Request, Response
from recstore.store import Store
from recstore.store.manifest import manifest_path

__all__ = ["NOW_S", "GitRepository", "recording"]

NOW_S = 1_800_000_000
_CONFIGURATION = """\
[init]
	defaultBranch = main
[user]
	name = A Tester
	email = tester@localhost
[protocol "file"]
	allow = always
[advice]
	detachedHead = false
"""


def recording(answer: str, question: str = "") -> Recording:
    """Return a recording; each answer is to a question of its own unless one is given."""
    return Recording(
        Request("POST", "api.example.com", "/v1", body=JsonBody({"question": question or answer})),
        Response(status=200, body=JsonBody({"answer": answer})),
    )


def template_folder() -> Path:
    """Return a new folder that is removed when the process ends."""
    folder = Path(mkdtemp(prefix="recstore-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _template(project: str) -> Path:
    """Return a repository that `GitRepository.create` copies: it is made once in each process."""
    made = GitRepository(template_folder() / "repository", project)
    made.home.mkdir(parents=True)
    made.git("init", "--quiet")
    Store.create(made.home)
    made.commit("An empty store")
    return made.folder


@dataclass(frozen=True)
class GitRepository:
    """A work tree in `folder`, with the project (and its store) in `folder / project`."""

    folder: Path
    project: str = "."

    @classmethod
    def create(cls, folder: Path, project: str = ".") -> GitRepository:
        """Make a repository with an empty store and one commit."""
        return cls.copied(_template(project), folder, project)

    @classmethod
    def copied(cls, template: Path, folder: Path, project: str) -> GitRepository:
        """Make a repository as a copy of another one."""
        shutil.copytree(template, folder, symlinks=True)
        made = cls(folder, project)
        made.git("update-index", "-q", "--refresh")  # the copies are other files than those that the index describes
        return made

    @classmethod
    def empty(cls, folder: Path) -> GitRepository:
        """Make a repository with neither a store nor a commit."""
        folder.mkdir(parents=True)
        made = cls(folder)
        made.git("init", "--quiet")
        return made

    @property
    def home(self) -> Path:
        """The folder that the store's folder is in."""
        return self.folder / self.project

    @property
    def store(self) -> Store:
        """The store."""
        return Store.open(self.home)

    def at(self, folder: Path) -> GitRepository:
        """Return another work tree, with the project at the same place in it."""
        return replace(self, folder=folder)

    def environment(self) -> dict[str, str]:
        """Return an environment in which Git sees no configuration but that of the tests."""
        configuration = self.folder.parent / "gitconfig"
        if not configuration.exists():
            configuration.write_text(_CONFIGURATION)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return {**kept, "GIT_CONFIG_GLOBAL": str(configuration), "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true"}

    def git(self, *arguments: str, ok: bool = True, **variables: str) -> str:
        """Run Git and return what it prints; `ok=False` for a command that is expected to stop half way."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**self.environment(), **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not ok or done.returncode == 0, done.stderr + done.stdout
        return done.stdout.strip()

    def commit(self, message: str = "Something") -> str:
        """Commit everything, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", message)
        return self.git("rev-parse", "HEAD")

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        (self.home / path).parent.mkdir(parents=True, exist_ok=True)
        (self.home / path).write_text(text)

    def test_file(self, path: str, *functions: str) -> None:
        """Write a test file with these functions, each with a body of its own."""
        self.write(path, "".join(f"def {name}():\n    assert ask({name!r})\n\n\n" for name in functions))

    def record(self, test_id: str | None, *answers: str) -> BlobName:
        """Record these answers for the test; return the blob of the last one."""
        manifest = self.store.put(test_id, [recording(answer) for answer in answers])
        last = recording(answers[-1])
        return next(entry.blob for entry in manifest.entries if self.store.get(entry) == last)

    def forget(self, test_id: str) -> None:
        """Remove the test's manifest; its blobs stay."""
        self.store.directory.remove(manifest_path(test_id))

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob is in the work tree."""
        return (self.home / ".recstore" / blob.path).exists()

    def has_manifest(self, test_id: str) -> bool:
        """Return whether the test's manifest is in the work tree."""
        return (self.home / ".recstore" / manifest_path(test_id)).exists()

    @contextmanager
    def opened(self, **variables: str) -> Iterator[Repository]:
        """Open the repository as a command would, with `variables` set."""
        with Repository(self.store.directory.root, {**self.environment(), **variables}) as repository:
            yield repository

    def plan(self, options: GcOptions | None = None) -> Plan:
        """Return what gc would do."""
        with self.opened() as repository:
            return plan_gc(self.store, repository, options)

    def gc(self, options: GcOptions | None = None, now_s: int = NOW_S) -> GcResult:
        """Run gc."""
        with self.opened() as repository:
            return execute_plan(self.store, repository, plan_gc(self.store, repository, options), now_s)
