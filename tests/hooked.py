"""Git and recstore as a person runs them, with the hooks: for tests of what the hooks do."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

from recstore.git.hooks import is_configurable
from recstore.model import BlobName
from tests import commands
from tests.git_repository import GitRepository

__all__ = [
    "IS_CONFIGURABLE",
    "ROOT",
    "A",
    "B",
    "calls",
    "committed_tests",
    "drop_b",
    "git",
    "older_git",
    "recstore",
    "spy",
    "two_tests",
]

ROOT = Path(__file__).resolve().parents[1]
A, B = "tests/test_a.py::test_a", "tests/test_a.py::test_b"

IS_CONFIGURABLE = is_configurable(subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout)
"""Whether the Git here takes hooks from its configuration."""

_TEMPLATES = tempfile.TemporaryDirectory(prefix="recstore-tests-")

older_git = pytest.mark.skipif(
    IS_CONFIGURABLE, reason="this Git takes hooks from its configuration, not from the folder"
)


def recstore(project: GitRepository, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of recstore in the project's folder, in this process."""
    environment = {**project.environment(), "PYTHONPATH": str(ROOT), **variables}
    return commands.recstore(project.home, *arguments, environment=environment)


def started(project: GitRepository, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of recstore in the project's folder, in a process of its own."""
    command = [sys.executable, "-P", "-m", "recstore", *arguments]
    environment = {**project.environment(), "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(command, cwd=project.home, env=environment, capture_output=True, text=True, check=False)


def git(project: GitRepository, *arguments: str, data: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Git with its hooks in the repository's top folder, and return what became of it."""
    environment = {**project.environment(), "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        ["git", *arguments],
        cwd=project.folder,
        env=environment,
        input=data,
        capture_output=True,
        text=True,
        check=False,
    )


def two_tests(folder: Path, project: str = ".") -> GitRepository:
    """Return a repository with the hooks installed, and two tests with a recording each, committed."""
    shutil.copytree(_template(project).folder, folder, symlinks=True)
    made = GitRepository(folder, project)
    made.git("update-index", "-q", "--refresh")
    return made


@cache
def _template(project: str) -> GitRepository:
    """Return a repository to copy: making one takes a dozen processes."""
    made = GitRepository.create(Path(_TEMPLATES.name, str(uuid4()), "template"), project)
    made.test_file("tests/test_a.py", "test_a", "test_b")
    made.record(A, "of a")
    made.record(B, "of b")
    made.commit()
    done = recstore(made, "hooks", "install")
    assert 0 == done.returncode, done.stderr
    return made


def drop_b(project: GitRepository) -> BlobName:
    """Remove the second test from its file, and return the blob that it had."""
    project.test_file("tests/test_a.py", "test_a")
    manifest = project.store.manifest(B)
    assert manifest is not None
    return manifest.entries[0].blob


def committed_tests(project: GitRepository) -> set[str]:
    """Return the tests that have a manifest in HEAD."""
    files = project.git("ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")
    return {Path(path).name.rpartition("-")[0] for path in files if "/.recstore/tests/" in f"/{path}"}


def spy(project: GitRepository) -> Path:
    """Have the hooks use a Python that writes down what it is called for; return the file that it writes to."""
    log, program = project.folder.parent / "calls", project.folder.parent / "spying python"
    quoted = [shlex.quote(str(word)) for word in (log, sys.executable)]
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {quoted[0]}\nexec {quoted[1]} "$@"\n')
    program.chmod(0o755)
    project.git("config", "recstore.python", str(program))
    log.touch()
    return log


def calls(log: Path) -> list[str]:
    """Return which commands of recstore were called, and forget them."""
    words = [line.partition(" -m recstore ")[2] for line in log.read_text().splitlines()]
    os.truncate(log, 0)
    return [line for line in words if line]
