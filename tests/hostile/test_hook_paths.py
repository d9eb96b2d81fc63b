"""Folders that a branch names so that a hook goes astray: out of the repository, to a program, or to the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.git_repository import GitRepository
from tests.hooked import calls, drop_b, git, recstore, spy, two_tests

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such names there")


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_folder(project: GitRepository, folder: str) -> None:
    """Commit a project of that name beside the test files, as a branch that is checked out would bring it."""
    place = project.folder / folder
    place.mkdir(parents=True)
    shutil.copytree(project.folder / ".recstore", place / ".recstore", ignore=shutil.ignore_patterns("local"))
    project.git("add", "--all")
    project.git("commit", "--quiet", "--no-verify", "--message", "A folder")


def without_recstore(project: GitRepository) -> str:
    """Return a PATH that leads to what hooks need, and to no recstore and no Python."""
    project.git("config", "--unset-all", "recstore.python")
    programs = project.folder.parent / "programs"
    programs.mkdir()
    for name in ("git", "sh", "sed", "tr", "grep", "cat"):
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return str(programs)


def test_a_line_break_in_a_path_leads_nowhere(tmp_path: Path) -> None:
    """A neighbouring project whose name a path holds, behind a line break and two dots, is left alone."""
    project, neighbour = two_tests(tmp_path / "project"), two_tests(tmp_path / "neighbour")
    with_folder(project, "x\n../neighbour")
    log = spy(project)
    drop_b(neighbour)
    neighbour.forget("tests/test_a.py::test_a")
    before = contents(neighbour.folder)
    drop_b(project)
    done = git(project, "commit", "-q", "-a", "-m", "without the second test")

    assert 0 == done.returncode, done.stderr
    assert ["hook pre-commit"] == calls(log)
    assert before == contents(neighbour.folder)


def test_a_folder_does_not_speak_to_the_terminal(tmp_path: Path) -> None:
    """Not by the warning that recstore is not installed there, whether its name holds a code or spells one."""
    project = two_tests(tmp_path / "project")
    with_folder(project, "z\x1b[2J\x9b31m\\033[31m\u202e")
    path = without_recstore(project)
    for name in ("z\x1b[2J\x9b31m\\033[31m\u202e/tests/test_a.py", "tests/test_a.py"):
        (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / name).write_text("def test_other(): ...\n")
    project.git("add", "--all")
    committed = git(project, "commit", "-q", "-m", "tests", PATH=path)
    project.git("init", "-q", "--bare", str(tmp_path / "remote"))
    pushed = git(project, "push", "-q", str(tmp_path / "remote"), "main", PATH=path)

    assert "recordings were not looked at" in committed.stderr
    assert "recstore is not installed" in pushed.stderr
    assert (committed.stderr + pushed.stderr).replace("\n", "").isprintable()
    assert "\x1b" not in committed.stderr + pushed.stderr


@pytest.mark.parametrize("name", ["recstore", "python3", "python"])
def test_a_program_in_the_project_is_not_on_the_path(tmp_path: Path, name: str) -> None:
    """Not even where the PATH has a folder that is seen from the one that a command is run in."""
    project = two_tests(tmp_path / "project")
    mark = tmp_path / "attacked"
    for folder in (".", "bin"):
        program = project.folder / folder / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho ran >> {mark}\n")
        program.chmod(0o755)
    drop_b(project)
    project.git("add", "--all")
    path = os.pathsep.join(["", ".", "bin", without_recstore(project)])
    done = git(project, "commit", "-q", "-m", "programs", PATH=path)

    assert 0 == done.returncode, done.stderr
    assert "recstore is not installed" in done.stderr
    assert not mark.exists()


def test_a_git_in_the_project_is_not_run(tmp_path: Path) -> None:
    """A command finds Git by the folders of the PATH that are the same from everywhere."""
    project = two_tests(tmp_path / "project")
    mark = tmp_path / "attacked"
    for folder in (".", ".recstore", "tests"):
        program = project.folder / folder / "git"
        program.write_text(f"#!/bin/sh\necho ran >> {mark}\n")
        program.chmod(0o755)
    done = recstore(project, "check", PATH=os.pathsep.join(["", ".", os.environ["PATH"]]))

    assert 0 == done.returncode, done.stderr
    assert not mark.exists()
