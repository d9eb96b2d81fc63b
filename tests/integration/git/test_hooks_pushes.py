"""Before a push: what is missing is not sent; where recstore is not installed, nothing is sent unseen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recstore.model import BlobName
from tests.git_repository import GitRepository
from tests.hooked import ROOT, B, calls, drop_b, git, spy, two_tests


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with the hooks installed, two tests recorded, and a remote that has both."""
    made = two_tests(tmp_path / "the projéct")
    made.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    made.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    made.git("push", "--quiet", "--no-verify", "origin", "main")
    return made


def commit_without_blob(project: GitRepository) -> BlobName:
    """Commit a new test file, and that a blob is gone which a manifest names; return the blob."""
    blob = drop_b(project)
    (project.home / ".recstore" / blob.path).unlink()
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_c")
    project.commit("A blob less")
    return blob


def remote_has(project: GitRepository, ref: str) -> bool:
    """Return whether the remote has the commit that is checked out as `ref`."""
    return project.git("rev-parse", "HEAD") in project.git("ls-remote", "origin", ref)


def test_a_push_without_a_recording_is_refused_and_mended(project: GitRepository) -> None:
    """The push says what is missing and how to mend it; after that very command it goes through."""
    blob = commit_without_blob(project)

    refused = git(project, "push", "origin", "main")
    assert 0 != refused.returncode
    assert not remote_has(project, "main")
    assert f"(missing) {B} {blob}" in refused.stdout + refused.stderr
    [remedy] = [line.partition(": ")[2] for line in refused.stderr.splitlines() if "recstore check --fix" in line]
    mend = remedy.replace("recstore check", f"'{sys.executable}' -m recstore check")
    mend = mend.replace("git commit", "git commit -m mended")
    environment = {**project.environment(), "PYTHONPATH": str(ROOT)}
    subprocess.run(mend, shell=True, cwd=project.home, env=environment, check=True, capture_output=True)  # noqa: S602 - the very command

    assert 0 == git(project, "push", "origin", "main").returncode
    assert remote_has(project, "main")


@pytest.mark.parametrize("what", ["HEAD:refs/heads/new", "HEAD^{/A blob less}:refs/heads/new", "a-tag"])
def test_whatever_is_pushed_is_looked_at(project: GitRepository, what: str) -> None:
    """A new branch, a tag, and a commit that is asked for in words with spaces are refused all the same."""
    commit_without_blob(project)
    project.git("tag", "-m", "annotated", "a-tag")
    refused = git(project, "push", "origin", what)

    assert 0 != refused.returncode
    assert "(missing)" in refused.stdout + refused.stderr
    assert "defect" not in refused.stderr


def test_a_project_below_the_top_folder_is_looked_at(tmp_path: Path) -> None:
    """The store of a project in a subfolder, whatever its name, is looked at before a push."""
    project = two_tests(tmp_path / "repository", "a sub [x]/ü\"'")
    project.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    blob = commit_without_blob(project)
    refused = git(project, "push", str(tmp_path / "remote.git"), "main")

    assert 0 != refused.returncode
    assert f"(missing) {B} {blob}" in refused.stdout + refused.stderr


@pytest.mark.parametrize(("name", "value"), [("RECSTORE_SKIP_PUSH", "1"), ("UNUSED", "")], ids=["once", "for good"])
def test_an_incomplete_push_can_be_let_through(project: GitRepository, name: str, value: str) -> None:
    """A variable lets one push through, a setting every push."""
    commit_without_blob(project)
    if not value:
        project.git("config", "recstore.allowIncompletePush", "true")
    done = git(project, "push", "origin", "main", **{name: value})

    assert 0 == done.returncode, done.stderr
    assert remote_has(project, "main")


def test_a_setting_of_the_command_line_counts(project: GitRepository) -> None:
    """`git -c` speaks to the hooks of that command, too."""
    commit_without_blob(project)
    done = git(project, "-c", "recstore.allowIncompletePush=True", "push", "origin", "main")

    assert 0 == done.returncode, done.stderr


def test_python_is_started_only_where_recordings_are_concerned(project: GitRepository) -> None:
    """A push of other files, one of nothing, and one that deletes a branch cost no Python; one of a test file does."""
    log = spy(project)
    project.write("notes.txt", "x")
    project.commit()
    for arguments in (["main"], ["main"], ["main:refs/heads/other"], ["--delete", "other"]):
        if arguments == ["main:refs/heads/other"]:
            project.git("push", "--quiet", "--no-verify", "origin", "HEAD~1:refs/heads/other")
        done = git(project, "push", "origin", *arguments)
        assert 0 == done.returncode, done.stderr
    unconcerned = calls(log)
    project.test_file("tests/test_b.py", "test_c")
    project.commit()
    git(project, "push", "origin", "main")

    assert [] == unconcerned
    assert [f"hook pre-push origin {project.folder.parent / 'remote.git'}"] == calls(log)


@pytest.fixture
def bare(project: GitRepository, tmp_path: Path) -> dict[str, str]:
    """Return a PATH with Git and what the hooks need beside it, and no recstore; a push is waiting."""
    project.git("config", "--unset-all", "recstore.python")
    (tmp_path / "bin").mkdir()
    for program in ("git", "sh", "cat", "grep", "sed", "tr", "uname"):
        place = subprocess.check_output(["which", program], text=True).strip()
        (tmp_path / "bin" / program).symlink_to(place)
    drop_b(project)
    project.commit()
    return {"PATH": str(tmp_path / "bin")}


def test_without_recstore_a_push_is_refused(project: GitRepository, bare: dict[str, str]) -> None:
    """Where recstore is not installed, the push says how to go on."""
    refused = git(project, "push", "origin", "main", **bare)

    assert 0 != refused.returncode
    assert "error: recstore is not installed" in refused.stderr
    assert "pip install recstore" in refused.stderr
    assert "RECSTORE_SKIP_PUSH=1 git push" in refused.stderr


@pytest.mark.parametrize(
    ("value", "setting", "is_sent"), [("1", "", True), ("0", "", False), ("", "yes", True), ("", "false", False)]
)
def test_without_recstore_a_push_can_be_let_through(
    project: GitRepository, bare: dict[str, str], value: str, setting: str, *, is_sent: bool
) -> None:
    """The variable and the setting mean the same as where recstore is installed."""
    if setting:
        project.git("config", "recstore.allowIncompletePush", setting)
    done = git(project, "push", "origin", "main", RECSTORE_SKIP_PUSH=value, **bare)

    assert is_sent == (done.returncode == 0), done.stderr
    assert is_sent == remote_has(project, "main")


def test_without_recstore_and_without_a_store_a_push_passes(project: GitRepository, bare: dict[str, str]) -> None:
    """A branch that has no store needs no recstore."""
    project.git("switch", "--quiet", "--orphan", "pages")
    project.write("page.py", "x = 1\n")
    project.commit()
    done = git(project, "push", "origin", "pages", **bare)

    assert 0 == done.returncode, done.stderr
