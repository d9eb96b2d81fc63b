"""Before a commit: the recordings of a removed test go along, however the commit is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git_repository import GitRepository
from tests.hooked import ROOT, A, B, calls, committed_tests, drop_b, git, recstore, spy, two_tests


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with the hooks installed, and two tests with a recording each, committed."""
    return two_tests(tmp_path / "the projéct")


BELOW = "a sub [x]/ü\"'"
COMMITS: dict[str, list[tuple[str, ...]]] = {
    "commit": [("add", "--all"), ("commit", "-m", "x")],
    "commit -a": [("commit", "-a", "-m", "x")],
    "commit PATH": [("commit", "-m", "x", "--", ":(glob)**/test_a.py")],
    "commit --include PATH": [("commit", "-m", "x", "--include", "--", ":(glob)**/test_a.py")],
    "commit --amend": [("add", "--all"), ("commit", "--amend", "-m", "x")],
    "commit -a --amend": [("commit", "-a", "--amend", "--no-edit")],
    "--git-dir": [("--git-dir=.git", "--work-tree=.", "commit", "-a", "-m", "x")],
    "-C": [("-C", ".git/..", "commit", "-a", "-m", "x")],
}


COMMON: set[tuple[str, str]] = {("commit", "top"), ("commit -a", "below"), ("commit PATH", "top")}
"""The forms that are tried by default: each asks for five processes of Git and of Python."""

FOLDERS = {"top": ".", "below": "a sub [x]/ü\"'"}
FORMS = [
    pytest.param(form, folder, id=f"{form}-{place}", marks=[] if (form, place) in COMMON else pytest.mark.slow)
    for form in COMMITS
    for place, folder in FOLDERS.items()
]


@pytest.mark.parametrize(("form", "folder"), FORMS)
def test_a_commit_takes_the_recordings_of_a_removed_test_along(tmp_path: Path, form: str, folder: str) -> None:
    """However the commit is made, it has the manifest and the blob removed, and nothing is left to do."""
    project = two_tests(tmp_path / "the projéct", folder)
    blob = drop_b(project)
    for arguments in COMMITS[form]:
        done = git(project, *arguments)
        assert 0 == done.returncode, done.stderr

    assert {"test_a"} == committed_tests(project)
    assert not project.has(blob)
    assert "" == project.git("status", "--porcelain")


def test_the_first_commit_of_all_goes_through(tmp_path: Path) -> None:
    """Where there is no HEAD yet, the hook looks at what is staged all the same."""
    project = GitRepository(tmp_path / "new")
    project.folder.mkdir()
    project.git("init", "--quiet")
    recstore(project, "init")
    recstore(project, "hooks", "install")
    project.test_file("tests/test_a.py", "test_a")
    project.record(A, "of a")
    project.record(B, "of b")
    project.git("add", "--all")
    done = git(project, "commit", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert {"test_a"} == committed_tests(project)
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
    assert {"test_a", "test_b"} == committed_tests(project)
    assert project.has(blob)
    assert "M  tests/test_a.py" == project.git("status", "--porcelain")


@pytest.mark.parametrize(
    "option", ["--literal-pathspecs", "--noglob-pathspecs", "--glob-pathspecs", "--icase-pathspecs"]
)
def test_pathspecs_of_the_command_are_not_the_hooks(project: GitRepository, option: str) -> None:
    """`git --literal-pathspecs commit PATH` says how its own paths are meant; the hook's patterns stay patterns."""
    drop_b(project)
    done = git(project, option, "commit", "-m", "x", "tests/test_a.py")

    assert 0 == done.returncode, done.stderr
    assert {"test_a"} == committed_tests(project)


@pytest.mark.parametrize(("answers", "has_gone"), [("n\ny\n", True), ("y\nn\n", False)])
def test_a_patch_commit_judges_by_what_was_picked(project: GitRepository, answers: str, *, has_gone: bool) -> None:
    """With `git commit -p`, a removal that was not picked has not happened."""
    project.write("notes.txt", "first\n")
    project.commit()
    blob = drop_b(project)
    project.write("notes.txt", "second\n")
    done = git(project, "commit", "-p", "-m", "x", data=answers)

    assert 0 == done.returncode, done.stderr
    assert has_gone == (not project.has(blob))
    assert ({"test_a"} if has_gone else {"test_a", "test_b"}) == committed_tests(project)
    assert ("M notes.txt" if has_gone else "M tests/test_a.py") == project.git("status", "--porcelain")


@pytest.mark.parametrize("options", [(), ("-a",)], ids=["staged", "-a"])
def test_a_commit_that_is_given_up_can_be_made_later(project: GitRepository, options: tuple[str, ...]) -> None:
    """An interrupted editor leaves HEAD as it was and an index that Git can use: the next attempt is a whole one."""
    blob = drop_b(project)
    if not options:
        project.git("add", "tests")
    given_up = git(project, "commit", *options, GIT_EDITOR="false")
    before = committed_tests(project)
    listed = project.git("ls-files", "--stage", "--", "tests")
    made = git(project, "commit", *options, "-m", "x")

    assert 0 != given_up.returncode
    assert {"test_a", "test_b"} == before
    assert listed.endswith("0\ttests/test_a.py")
    assert 0 == made.returncode, made.stderr
    assert {"test_a"} == committed_tests(project)
    assert not project.has(blob)
    assert "" == project.git("status", "--porcelain")


@pytest.mark.parametrize("options", [(), ("-a",)], ids=["staged", "-a"])
def test_what_a_commit_that_is_given_up_removed_comes_back(project: GitRepository, options: tuple[str, ...]) -> None:
    """Nothing is lost by it: `restore` brings the recordings back."""
    blob = drop_b(project)
    project.git("add", "tests")
    assert 0 != git(project, "commit", *options, GIT_EDITOR="false").returncode
    assert not project.has(blob)

    assert 0 == recstore(project, "restore", B).returncode
    assert project.has(blob)
    assert project.has_manifest(B)


def conflicting(project: GitRepository) -> None:
    """Leave a merge in conflict, in whose result the second test is removed and its recordings are not."""
    project.git("checkout", "-qb", "side")
    project.write("notes.txt", "theirs")
    project.commit()
    project.git("checkout", "-q", "main")
    project.write("notes.txt", "ours")
    drop_b(project)
    project.commit()
    assert 0 != git(project, "merge", "side").returncode
    project.write("notes.txt", "both")
    project.git("add", "notes.txt")


@pytest.mark.parametrize("mode", ["gc", "check"])
def test_the_commit_of_a_merge_is_not_held_up(project: GitRepository, mode: str) -> None:
    """During a merge nothing is removed, and the commit that ends it goes through."""
    project.git("config", "recstore.preCommit", mode)
    manifest = project.store.manifest(B)
    conflicting(project)
    done = git(project, "commit", "-a", "-m", "merged")

    assert 0 == done.returncode, done.stderr
    assert "2" == project.git("rev-list", "--count", "--no-walk", "HEAD^1", "HEAD^2")
    assert manifest == project.store.manifest(B)
    assert "" == project.git("status", "--porcelain")


def test_gc_for_a_commit_waits_for_a_merge_by_itself(project: GitRepository) -> None:
    """`gc --staged`, as other tools' hooks call it, says that it waits and holds nothing up; `--force` does not wait."""
    conflicting(project)
    waiting = recstore(project, "gc", "--staged")
    listed = json.loads(recstore(project, "gc", "--staged", "--json").stdout)
    refused = recstore(project, "gc")
    forced = recstore(project, "gc", "--staged", "--force")

    assert (0, True) == (waiting.returncode, "note: a merge is under way" in waiting.stderr)
    assert [] == listed["removed"]
    assert 40 == refused.returncode
    assert (0, False) == (forced.returncode, project.has_manifest(B))


def test_what_a_merge_drops_is_put_back_by_its_commit(project: GitRepository) -> None:
    """One side drops a blob that the other newly names: the commit that ends their merge has it."""
    project.git("checkout", "-qb", "side")
    project.test_file("tests/test_b.py", "test_c")
    blob = project.record("tests/test_b.py::test_c", "of b")
    project.write("notes.txt", "theirs")
    project.commit()
    project.git("checkout", "-q", "main")
    drop_b(project)
    project.write("notes.txt", "ours")
    project.forget(B)
    project.git("rm", "-q", "--ignore-unmatch", f":(glob).recstore/blobs/**/{blob}.json")
    project.commit()
    assert 0 != git(project, "merge", "side").returncode
    project.write("notes.txt", "both")
    project.git("add", "notes.txt")
    assert not project.has(blob)
    done = git(project, "commit", "-m", "merged")

    assert 0 == done.returncode, done.stderr
    assert str(blob) in project.git("ls-tree", "-r", "--name-only", "HEAD")
    assert "" == project.git("status", "--porcelain")


@pytest.mark.parametrize(
    ("mode", "has_gone", "says"),
    [("gc", True, "Removed"), ("check", False, ""), ("off", False, ""), ("of", False, "'of'")],
)
def test_the_commit_hook_can_be_told_what_to_do(
    project: GitRepository, mode: str, says: str, *, has_gone: bool
) -> None:
    """`recstore.preCommit` says whether it collects, only looks, or does nothing; another word removes nothing."""
    project.git("config", "recstore.preCommit", mode)
    blob = drop_b(project)
    done = git(project, "commit", "-a", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert has_gone == (not project.has(blob))
    assert (says or "x") in done.stderr + done.stdout


def test_a_hook_that_looks_stops_a_commit_without_a_recording(project: GitRepository) -> None:
    """With `check`, a manifest is not committed without its blob; `off` is the way past it."""
    project.git("config", "recstore.preCommit", "check")
    project.test_file("tests/test_b.py", "test_c")
    project.record("tests/test_b.py::test_c", "of c")
    project.git("add", "tests", ".recstore/tests")
    refused = git(project, "commit", "-m", "x")
    project.git("config", "recstore.preCommit", "off")

    assert 0 != refused.returncode
    assert "(missing) tests/test_b.py::test_c" in refused.stdout + refused.stderr
    assert 0 == git(project, "commit", "-m", "x").returncode


def test_python_is_started_only_where_recordings_are_concerned(project: GitRepository) -> None:
    """A commit of other files costs no Python; one of a test file does."""
    log = spy(project)
    project.write("notes.txt", "x")
    project.git("add", "notes.txt")
    git(project, "commit", "-m", "x")
    unconcerned = calls(log)
    drop_b(project)
    git(project, "commit", "-a", "-m", "x")

    assert [] == unconcerned
    assert ["hook pre-commit"] == calls(log)


def test_only_the_project_that_a_commit_concerns_is_looked_at(tmp_path: Path) -> None:
    """A repository may hold several projects: the others' stores are left alone."""
    project = two_tests(tmp_path / "both", "one")
    other = GitRepository(project.folder, "two")
    other.home.mkdir()
    recstore(other, "init")
    other.record("tests/test_x.py::test_x", "of no test")
    other.commit()
    log = spy(project)
    drop_b(project)
    done = git(project, "commit", "-a", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert ["hook pre-commit"] == calls(log)
    assert other.has_manifest("tests/test_x.py::test_x")
    assert not project.has_manifest(B)


def test_what_lies_in_the_folder_is_never_imported(project: GitRepository) -> None:
    """A folder `recstore`, or a file `json.py`, of the project's own is not what the hook runs."""
    project.write("recstore/__init__.py", "raise SystemExit('wrong one')")
    project.write("json.py", "raise SystemExit('wrong one')")
    drop_b(project)
    project.git("add", "--all")
    done = git(project, "commit", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert {"test_a"} == committed_tests(project)


def environment_without_recstore(project: GitRepository, folder: Path) -> dict[str, str]:
    """Return a PATH with Git and what the hooks need beside it, and no Python."""
    project.git("config", "--unset-all", "recstore.python")
    folder.mkdir()
    for program in ("git", "sh", "cat", "grep", "sed", "tr", "uname"):
        (folder / program).symlink_to(subprocess.check_output(["which", program], text=True).strip())
    return {"PATH": str(folder)}


def test_without_recstore_a_commit_passes_with_a_line(project: GitRepository, tmp_path: Path) -> None:
    """Where recstore is not installed a commit goes on, with one line of warning; silently if nothing concerns it."""
    bare = environment_without_recstore(project, tmp_path / "bin")
    drop_b(project)
    warned = git(project, "commit", "-a", "-m", "x", **bare)
    project.write("notes.txt", "x")
    project.git("add", "notes.txt")
    silent = git(project, "commit", "-q", "-m", "x", **bare)

    assert 0 == warned.returncode
    assert ["warning: recstore is not installed: recordings were not looked at."] == warned.stderr.splitlines()
    assert (0, "") == (silent.returncode, silent.stderr)


def test_a_noted_python_that_lost_recstore_counts_as_none(project: GitRepository, tmp_path: Path) -> None:
    """A Python that is there and cannot import recstore holds no commit up: others are tried, then there is the warning."""
    bare = environment_without_recstore(project, tmp_path / "bin")
    project.git("config", "recstore.python", sys.executable)
    drop_b(project)
    done = git(project, "commit", "-a", "-m", "x", PYTHONPATH="", PYTHONHOME=str(tmp_path), **bare)

    assert 0 == done.returncode, done.stderr
    assert "warning: recstore is not installed" in done.stderr


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_projects_own_python_is_used_unless_it_is_committed(
    project: GitRepository, tmp_path: Path, *, is_committed: bool
) -> None:
    """A `.venv` is found without being noted; one that a branch brought along is not run."""
    bare = environment_without_recstore(project, tmp_path / "bin")
    log = spy(project)
    project.git("config", "--unset-all", "recstore.python")
    (project.home / ".venv/bin").mkdir(parents=True)
    (tmp_path / "spying python").rename(project.home / ".venv/bin/python")
    drop_b(project)
    project.git("add", "tests", *([".venv"] if is_committed else []))
    done = git(project, "commit", "-m", "x", **bare)

    assert 0 == done.returncode, done.stderr
    assert ([] if is_committed else ["hook pre-commit"]) == calls(log)


def test_recstore_on_the_path_is_found(project: GitRepository, tmp_path: Path) -> None:
    """Where no Python is noted, the command `recstore` serves."""
    bare = environment_without_recstore(project, tmp_path / "bin")
    command = tmp_path / "bin/recstore"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m recstore "$@"\n')
    command.chmod(0o755)
    drop_b(project)
    done = git(project, "commit", "-a", "-m", "x", **bare)

    assert 0 == done.returncode, done.stderr
    assert {"test_a"} == committed_tests(project)


def test_a_linked_work_tree_has_the_same_hooks(project: GitRepository, tmp_path: Path) -> None:
    """Hooks are of the repository: they work in a second work tree as well."""
    project.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "linked")
    second = project.at(tmp_path / "second")
    drop_b(second)
    done = git(second, "commit", "-a", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert (False, True) == (second.has_manifest(B), project.has_manifest(B))


def test_a_project_that_is_not_checked_out_is_left_alone(tmp_path: Path) -> None:
    """In a sparse checkout a store that is only in the index is none of the commit's business."""
    project = two_tests(tmp_path / "sparse", "sub")
    (project.folder / "top").mkdir()
    (project.folder / "top/other.py").write_text("x = 1\n")
    project.commit()
    project.git("sparse-checkout", "set", "top")
    assert not project.home.exists()
    (project.folder / "top/other.py").write_text("x = 2\n")
    done = git(project, "commit", "-q", "-a", "-m", "x")

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("shell", ["dash", "bash --posix", "busybox sh"])
def test_the_hooks_run_in_any_posix_shell(project: GitRepository, shell: str) -> None:
    """Each hook reads well in dash, in bash as Git for Windows has it, and in busybox; pre-commit does its work there."""
    program, *options = shell.split()
    if subprocess.run(["which", program], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no {program} here")
    for hook in sorted((ROOT / "hooks").iterdir()):
        subprocess.run([program, *options, "-n", str(hook)], check=True)
    blob = drop_b(project)
    project.git("add", "tests")
    environment = {**project.environment(), "PYTHONPATH": str(ROOT), "LC_ALL": "C"}
    command = [program, *options, str(ROOT / "hooks/pre-commit")]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr
    assert not project.has(blob)
    assert os.access(ROOT / "hooks/pre-commit", os.X_OK)


@pytest.mark.parametrize("mode", ["gc", "check"])
@pytest.mark.parametrize("form", ["-a", ".recstore"])
def test_a_damaged_blob_is_not_committed_until_it_is_mended(project: GitRepository, mode: str, form: str) -> None:
    """The file is named, with what mends it; that does, and then the commit goes through."""
    project.git("config", "recstore.preCommit", mode)
    blob = project.store.directory.path(next(iter(project.store.blobs())).path)
    sound = blob.read_bytes()
    blob.write_bytes(sound + b"\n")
    refused = git(project, "commit", "-m", "x", form)
    said = refused.stdout + refused.stderr

    assert 0 != refused.returncode
    assert f"(damage) .recstore/blobs/{blob.parent.name}/{blob.name}  in Git's index" in said
    assert "`recstore verify --repair`, then `git add .recstore` and commit again" in said
    project.write("notes.txt", "x")
    assert 0 == recstore(project, "verify", "--repair").returncode
    project.git("add", ".recstore", "notes.txt")
    done = git(project, "commit", "-m", "x")
    assert 0 == done.returncode, done.stderr
    assert sound == blob.read_bytes()
