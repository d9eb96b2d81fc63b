"""A disk that is really full: a small file system of its own, which only root on Linux can make."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recstore.store import Store
from tests.git_repository import recording

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a project with a store, on a file system that holds little."""
    project = tmp_path / "project"
    project.mkdir()
    mounted = sys.platform == "linux" and _run("mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=60", "tmpfs", project)
    if not mounted:
        pytest.skip("no file system can be mounted here: it takes root, on Linux")
    try:
        Store.create(project).put("tests/test_a.py::test_a", [recording("it")])
        yield project
    finally:
        _run("umount", str(project))


def _run(*words: str | Path) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def moved(project: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that takes the lock before anything else."""
    command = [sys.executable, "-P", "-m", "recstore", "mv", "tests/test_a.py", "tests/test_b.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def no_bytes(project: Path) -> list[Path]:
    """Take every byte, and return the file that has them."""
    filler = project / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return [filler]


def no_files(project: Path) -> list[Path]:
    """Take every inode, the lock's too, and return the files that have them."""
    Store.open(project).local.path("lock").unlink()
    fillers: list[Path] = []
    try:
        while True:
            (project / f"filler{len(fillers)}").touch()
            fillers.append(project / f"filler{len(fillers)}")
    except OSError:
        return fillers


@pytest.mark.parametrize("fill", [no_bytes, no_files])
def test_a_full_disk_is_said_to_be_full_and_space_is_what_mends_it(
    small: Path, fill: Callable[[Path], list[Path]]
) -> None:
    """No file of the store's is to be removed; with some space the same command goes through."""
    fillers = fill(small)

    done = moved(small)

    assert 1 == done.returncode, done.stderr
    assert "Free some disk space" in done.stderr
    assert "Remove" not in done.stderr
    for filler in fillers:
        filler.unlink()
    again = moved(small)
    assert 0 == again.returncode, again.stderr
