"""A folder of plain files that looks like a Git repository of its own: its configuration runs nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.git_repository import GitRepository
from tests.hooked import git, started, two_tests

THROUGH_GIT = (
    *(
        ["check"],
        ["gc"],
        ["gc", "--dry-run"],
        ["diff"],
        ["restore"],
        ["resolve"],
        ["hooks", "status"],
        ["hooks", "install"],
    ),
)
BY_THEMSELVES = (
    *(["status"], ["verify", "--repair"], ["ls"], ["show", "test_x"], ["mv", "tests/a.py::x", "tests/a.py::y"]),
)


def trap(project: GitRepository, folder: str) -> Path:
    """Commit, on a branch of a stranger's, a project that is a bare repository as well; return what its programs would leave."""
    mark = project.folder.parent / "attacked"
    program = project.folder.parent / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {mark}\nexit 1\n')
    program.chmod(0o755)
    place = project.folder / folder
    project.git("checkout", "-q", "-b", "stranger")
    for name in ("objects/keep", "refs/keep"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("")
    (place / "HEAD").write_text("ref: refs/heads/main\n")
    (place / "config").write_text(
        f'[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = "{program}"\n'
        f'\tpager = "{program}"\n\thooksPath = {project.folder.parent}\n\tsshCommand = "{program}"\n'
        f'[recstore]\n\tpython = "{program}"\n\tpreCommit = gc\n[diff "recstore"]\n\ttextconv = "{program}"\n'
        f'[alias]\n\tls-files = "!{program}"\n'
    )
    if folder != ".":
        shutil.copytree(project.folder / ".recstore", place / ".recstore", ignore=shutil.ignore_patterns("local"))
    (place / "tests").mkdir(exist_ok=True)
    (place / "tests/test_x.py").write_text("def test_x(): ...\n")
    project.git("add", "-A")
    project.git("-c", f"core.hooksPath={project.folder.parent / 'none'}", "commit", "-q", "-m", "A stranger's")
    project.git("-c", f"core.hooksPath={project.folder.parent / 'none'}", "checkout", "-q", "main")
    return mark


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with the hooks installed."""
    return two_tests(tmp_path / "project")


@pytest.mark.parametrize("folder", ["sub", "."])
def test_hooks_run_nothing_that_a_branch_names(project: GitRepository, folder: str) -> None:
    """Not when it is checked out, merged, committed to or pushed."""
    mark = trap(project, folder)
    remote = project.folder.parent / "remote.git"
    project.git("init", "-q", "--bare", str(remote))
    codes = [
        git(project, *words).returncode
        for words in (
            ("checkout", "-q", "stranger"),
            ("checkout", "-q", "main"),
            ("merge", "-q", "--no-edit", "stranger"),
            ("commit", "-q", "--allow-empty", "-m", "more"),
        )
    ]
    (project.folder / folder / "tests/test_x.py").write_text("def test_y(): ...\n")
    codes.append(git(project, "commit", "-q", "-a", "-m", "a test").returncode)
    git(project, "push", "-q", str(remote), "main")

    assert [0] * 5 == codes
    assert not mark.exists(), mark.read_text()


@pytest.mark.parametrize("words", THROUGH_GIT + BY_THEMSELVES, ids=" ".join)
def test_commands_run_nothing_that_a_folder_names(project: GitRepository, words: list[str]) -> None:
    """In the folder itself: recstore refuses to be led into it, and names what is wrong."""
    mark = trap(project, "sub")
    project.git("-c", f"core.hooksPath={project.folder.parent}", "checkout", "-q", "stranger")
    done = started(GitRepository(project.folder, "sub"), *words)

    assert not mark.exists(), mark.read_text()
    assert "Traceback" not in done.stderr
    assert (words in THROUGH_GIT) == (40 == done.returncode), done.stderr
    assert (words in THROUGH_GIT) == ("look like a Git repository of its own" in done.stderr)


def test_the_folder_of_a_store_is_no_repository(project: GitRepository) -> None:
    """Commands are run there: it is refused as well, where its files look like one."""
    mark = trap(project, "sub")
    project.git("-c", f"core.hooksPath={project.folder.parent}", "checkout", "-q", "stranger")
    for name in ("HEAD", "config", "objects", "refs"):
        (project.folder / "sub" / name).rename(project.folder / ".recstore" / name)
    done = started(project, "check")

    assert not mark.exists(), mark.read_text()
    assert 40 == done.returncode
    assert "look like a Git repository of its own" in done.stderr


def test_attributes_in_the_tree_run_nothing_but_recstore(project: GitRepository) -> None:
    """Drivers of recstore's, named for any file, take what is no recording for text, and lose nothing of it."""
    (project.folder / ".gitattributes").write_text("* diff=recstore merge=recstore filter=recstore\n")
    (project.folder / "notes.txt").write_text("one\ntwo\nthree\n" * 50)
    project.commit("Attributes")
    project.git("checkout", "-q", "-b", "other")
    (project.folder / "notes.txt").write_text("ONE\ntwo\nthree\n" + "one\ntwo\nthree\n" * 49)
    project.commit("Above")
    project.git("checkout", "-q", "main")
    (project.folder / "notes.txt").write_text("one\ntwo\nthree\n" * 49 + "one\ntwo\nTHREE\n")
    project.commit("Below")
    shown = git(project, "log", "-p", "-1")
    merged = git(project, "merge", "--no-edit", "other")
    text = (project.folder / "notes.txt").read_text()

    assert "+THREE" in shown.stdout
    assert "Traceback" not in shown.stderr + merged.stderr
    if merged.returncode == 0:
        assert text.startswith("ONE\n")
        assert text.endswith("THREE\n")
    else:
        assert {"ONE", "THREE"} <= set(text.split())


def test_a_committed_python_is_never_run(project: GitRepository) -> None:
    """Hooks look for recstore in `.venv`; not in one that a branch brings, however it spells it."""
    mark = project.folder.parent / "attacked"
    project.git("config", "--unset", "recstore.python")
    for name in (".venv", ".Venv"):
        python = project.folder / name / "bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\necho ran >> {mark}\n")
        python.chmod(0o755)
    project.record("tests/test_a.py::test_a", "another answer")
    project.git("add", "-A", "-f")
    done = git(project, "commit", "-q", "-m", "A Python", PATH="/usr/bin:/bin")

    assert not mark.exists()
    assert done.returncode in (0, 1)
