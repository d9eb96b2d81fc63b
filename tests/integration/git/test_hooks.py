"""Git calls recstore: real commits, pushes and merges through the installed hooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recstore.git.hook_texts import CHAINED_SUFFIX, HOOKS, hook_text
from recstore.git.hooks import hook_settings
from recstore.model import BlobName
from recstore.store.names import blob_path
from tests.git_repository import GitRepository

ROOT = Path(__file__).resolve().parents[3]
A, B = "tests/test_a.py::test_a", "tests/test_a.py::test_b"


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with the hooks installed, and two tests with a recording each, committed."""
    made = GitRepository.create(tmp_path / "the projéct")
    made.test_file("tests/test_a.py", "test_a", "test_b")
    made.record(A, "of a")
    made.record(B, "of b")
    made.commit()
    assert 0 == recstore(made, "hooks", "install").returncode
    return made


def recstore(project: GitRepository, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of recstore in the project's folder."""
    return subprocess.run(
        [sys.executable, "-m", "recstore", *arguments],
        cwd=project.home,
        env={**project.environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def git(project: GitRepository, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Git with its hooks, and return what became of it."""
    environment = {**project.environment(), "PYTHONPATH": str(ROOT), **variables}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)


def committed(project: GitRepository) -> set[str]:
    """Return the paths that HEAD has below the store's folder, without what explains it."""
    files = project.git("ls-tree", "-r", "--name-only", "HEAD", ".recstore/").splitlines()
    return {Path(path).name.rpartition("-")[0] for path in files if "/tests/" in path}


def drop_b(project: GitRepository) -> BlobName:
    """Remove the second test from its file, and return the blob that it had."""
    project.test_file("tests/test_a.py", "test_a")
    manifest = project.store.manifest(B)
    assert manifest is not None
    return manifest.entries[0].blob


COMMITS: dict[str, list[tuple[str, ...]]] = {
    "commit": [("add", "tests"), ("commit", "-m", "x")],
    "commit -a": [("commit", "-a", "-m", "x")],
    "commit PATH": [("commit", "-m", "x", "tests/test_a.py")],
    "commit --amend": [("add", "tests"), ("commit", "--amend", "-m", "x")],
}


@pytest.mark.parametrize("form", COMMITS)
def test_a_commit_takes_the_recordings_of_a_removed_test_along(project: GitRepository, form: str) -> None:
    """However the commit is made, it has the manifest and the blob removed, and nothing is left to do."""
    blob = drop_b(project)
    for arguments in COMMITS[form]:
        done = git(project, *arguments)
        assert 0 == done.returncode, done.stderr

    assert {"test_a"} == committed(project)
    assert not project.has(blob)
    assert "" == project.git("status", "--porcelain")


def test_a_partial_commit_takes_only_what_it_is_about(project: GitRepository) -> None:
    """With `git commit PATH` another staged change waits, and the recordings of its test with it."""
    project.write("notes.txt", "first")
    project.commit()
    blob = drop_b(project)
    project.git("add", "tests")
    project.write("notes.txt", "second")
    done = git(project, "commit", "-m", "x", "notes.txt")

    assert 0 == done.returncode, done.stderr
    assert {"test_a", "test_b"} == committed(project)
    assert project.has(blob)
    assert "M  tests/test_a.py" == project.git("status", "--porcelain")


@pytest.mark.parametrize(("answers", "has_gone"), [("n\ny\n", True), ("y\nn\n", False)])
def test_a_patch_commit_judges_by_what_was_picked(project: GitRepository, answers: str, *, has_gone: bool) -> None:
    """With `git commit -p`, a removal that was not picked has not happened."""
    project.write("notes.txt", "first\n")
    project.commit()
    blob = drop_b(project)
    project.write("notes.txt", "second\n")
    done = subprocess.run(
        ["git", "commit", "-p", "-m", "x"],
        cwd=project.folder,
        env={**project.environment(), "PYTHONPATH": str(ROOT)},
        input=answers,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    assert has_gone == (not project.has(blob))
    assert ({"test_a"} if has_gone else {"test_a", "test_b"}) == committed(project)
    assert ("M notes.txt" if has_gone else "M tests/test_a.py") == project.git("status", "--porcelain")


def test_an_interrupted_editor_leaves_everything_to_be_had(project: GitRepository) -> None:
    """A commit that is given up leaves the removal staged; `restore` brings the recordings back."""
    blob = drop_b(project)
    project.git("add", "tests")
    done = git(project, "commit", GIT_EDITOR="false")

    assert 0 != done.returncode
    assert {"test_a", "test_b"} == committed(project)
    assert 0 == recstore(project, "restore", B).returncode
    assert project.has(blob)


def test_the_commit_of_a_merge_is_not_held_up(project: GitRepository) -> None:
    """During a merge nothing is removed, and the commit that ends it goes through."""
    project.git("checkout", "-qb", "side")
    project.write("notes.txt", "theirs")
    project.commit()
    project.git("checkout", "-q", "main")
    project.write("notes.txt", "ours")
    blob = drop_b(project)
    project.commit()
    assert 0 != git(project, "merge", "side").returncode
    project.write("notes.txt", "both")
    project.git("add", "notes.txt")
    done = git(project, "commit", "-am", "merged")

    assert 0 == done.returncode, done.stderr
    assert project.has(blob)


@pytest.mark.parametrize(("mode", "has_gone"), [("gc", True), ("check", False), ("off", False)])
def test_the_commit_hook_can_be_told_what_to_do(project: GitRepository, mode: str, *, has_gone: bool) -> None:
    """`recstore.preCommit` says whether it collects, only looks, or does nothing."""
    project.git("config", "recstore.preCommit", mode)
    blob = drop_b(project)
    done = git(project, "commit", "-a", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert has_gone == (not project.has(blob))


def test_a_push_without_a_recording_is_refused_and_mended(project: GitRepository, tmp_path: Path) -> None:
    """The push says what is missing and how to mend it; after that very command it goes through."""
    project.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    project.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    assert 0 == git(project, "push", "origin", "main").returncode
    blob = drop_b(project)
    (project.home / ".recstore" / blob_path(blob)).unlink()
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_c")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--no-verify", "-m", "A blob less")

    refused = git(project, "push", "origin", "main")
    assert 0 != refused.returncode
    assert f"(missing) {B} {blob}" in refused.stdout + refused.stderr
    [remedy] = [line.partition(": ")[2] for line in refused.stderr.splitlines() if "recstore check --fix" in line]
    mend = remedy.replace("recstore check", f"'{sys.executable}' -m recstore check").replace(
        "git commit", "git commit -m mended"
    )
    environment = {**project.environment(), "PYTHONPATH": str(ROOT)}
    subprocess.run(mend, shell=True, cwd=project.home, env=environment, check=True, capture_output=True)  # noqa: S602 - the very command

    assert 0 == git(project, "push", "origin", "main").returncode


def test_a_merge_that_dropped_a_recording_silently_is_healed(project: GitRepository) -> None:
    """One branch drops a blob that the other newly shares: after the merge it is there again."""
    project.git("checkout", "-qb", "side")
    project.test_file("tests/test_b.py", "test_c")
    blob = project.record("tests/test_b.py::test_c", "of b")
    project.commit()
    project.git("checkout", "-q", "main")
    drop_b(project)
    project.git("add", "--all")
    project.git("branch", "-m", "side", "elsewhere")
    project.forget(B)
    (project.home / ".recstore" / blob_path(blob)).unlink()
    project.commit()

    merged = git(project, "merge", "elsewhere")

    assert 0 == merged.returncode, merged.stderr
    assert project.has(blob)


def test_a_hook_that_was_there_runs_first_and_comes_back(tmp_path: Path) -> None:
    """A foreign hook is kept, run with its arguments and input, heeded, and restored byte for byte."""
    project = GitRepository.create(tmp_path / "project")
    hooks = project.folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    foreign = '#!/bin/sh\ncat > seen\necho "$@" >> seen\nexit 3\n'
    (hooks / "pre-push").write_text(foreign)
    (hooks / "pre-push").chmod(0o755)
    recstore(project, "hooks", "install")
    project.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    chained = json.loads(recstore(project, "hooks", "status", "--json").stdout)
    pushed = git(project, "push", str(tmp_path / "remote.git"), "main")
    recstore(project, "hooks", "uninstall")

    assert ["pre-push"] == [hook["name"] for hook in chained if hook["is_chained"]]
    assert 0 != pushed.returncode
    assert (project.folder / "seen").read_text().startswith("refs/heads/main ")
    assert str(tmp_path / "remote.git") in (project.folder / "seen").read_text()
    assert foreign == (hooks / "pre-push").read_text()
    assert os.access(hooks / "pre-push", os.X_OK)
    assert not list(hooks.glob(f"*{CHAINED_SUFFIX}"))
    assert "" == project.git("config", "--local", "--get-regexp", "recstore", ok=False)


def test_installing_twice_changes_nothing_and_an_older_hook_is_replaced(project: GitRepository) -> None:
    """Installing is harmless to repeat; what an older recstore wrote is brought up to date."""
    path = project.folder / ".git/hooks/pre-push"
    path.write_text(hook_text("pre-push").replace("# recstore hook 1:", "# recstore hook 0:"))
    before = {hook["name"]: hook["state"] for hook in json.loads(recstore(project, "hooks", "status", "--json").stdout)}
    recstore(project, "hooks", "install")
    recstore(project, "hooks", "install")
    after = {hook["state"] for hook in json.loads(recstore(project, "hooks", "status", "--json").stdout)}

    assert "outdated" == before["pre-push"]
    assert {"installed"} == after
    assert not path.with_name(f"pre-push{CHAINED_SUFFIX}").exists()


@pytest.mark.parametrize(
    ("scope", "folder", "code"), [("--global", "/elsewhere", 2), ("--local", ".husky/_", 2), ("--local", "my hooks", 0)]
)
def test_the_configured_hooks_folder_is_respected(tmp_path: Path, scope: str, folder: str, code: int) -> None:
    """Hooks go where Git looks for them; a folder of another tool's, or of all repositories, is left alone."""
    project = GitRepository.create(tmp_path / "project")
    project.git("config", scope, "core.hooksPath", folder)
    done = recstore(project, "hooks", "install")

    assert code == done.returncode, done.stderr
    assert (code == 0) == (project.folder / folder / "pre-commit").exists()


def test_a_linked_work_tree_has_the_same_hooks(project: GitRepository, tmp_path: Path) -> None:
    """Hooks are of the repository: they work in a second work tree as well."""
    project.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "linked")
    second = project.at(tmp_path / "second")
    drop_b(second)
    done = git(second, "commit", "-a", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert (False, True) == (second.has_manifest(B), project.has_manifest(B))


def test_without_recstore_commits_pass_and_pushes_do_not(project: GitRepository, tmp_path: Path) -> None:
    """Where recstore is not installed a commit is warned of, a push refused with how to go on."""
    project.git("config", "--unset", "recstore.python")
    bare = tmp_path / "bin"
    bare.mkdir()
    for program in ("git", "sh", "cat", "dirname", "basename", "sed", "uname"):
        (bare / program).symlink_to(subprocess.check_output(["which", program], text=True).strip())
    project.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    drop_b(project)
    committed_ = git(project, "commit", "-a", "-m", "x", PATH=str(bare))
    refused = git(project, "push", str(tmp_path / "remote.git"), "main", PATH=str(bare))
    told = git(project, "push", str(tmp_path / "remote.git"), "main", PATH=str(bare), RECSTORE_SKIP_PUSH="1")

    assert (0, True) == (committed_.returncode, "warning: recstore is not installed" in committed_.stderr)
    assert (True, True) == (refused.returncode != 0, "RECSTORE_SKIP_PUSH=1 git push" in refused.stderr)
    assert 0 == told.returncode, told.stderr


@pytest.mark.parametrize("name", HOOKS)
def test_the_files_in_hooks_are_the_ones_that_are_installed(name: str) -> None:
    """The folder `hooks/` has what `recstore hooks install` writes, to the letter, and it may be run."""
    assert hook_text(name) == (ROOT / "hooks" / name).read_text()
    assert os.access(ROOT / "hooks" / name, os.X_OK)


def test_newer_gits_are_configured_and_quote_their_paths(tmp_path: Path) -> None:
    """Configuration hooks name their event and run a quoted path."""
    settings = hook_settings(tmp_path / "it's")

    assert "pre-push" == settings["hook.recstore-pre-push.event"]
    assert f"'{tmp_path}/it'\\''s/pre-push'" == settings["hook.recstore-pre-push.command"]
