"""After a merge, a checkout or a rebase: what Git dropped and a manifest still names comes back, quietly."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.model import BlobName
from tests.git_repository import GitRepository
from tests.hooked import B, calls, drop_b, git, older_git, spy, two_tests

C = "tests/test_b.py::test_c"


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with the hooks installed; `main` drops a blob that the branch `side` newly shares."""
    made = two_tests(tmp_path / "the projéct")
    made.git("checkout", "-qb", "side")
    made.test_file("tests/test_b.py", "test_c")
    made.record(C, "of b")
    made.commit("Share a recording")
    made.git("checkout", "-q", "main")
    blob = drop_b(made)
    made.forget(B)
    (made.home / ".recstore" / blob.path).unlink()
    made.commit("Drop a recording")
    return made


@pytest.fixture
def blob(project: GitRepository) -> BlobName:
    """Return the blob that `main` has dropped."""
    [removed] = project.git("diff", "--name-only", "--diff-filter=D", "main~1", "main", "--", ".recstore/blobs").split()
    name = BlobName.parse(Path(removed).stem)
    assert name is not None
    return name


def is_staged(project: GitRepository, blob: BlobName) -> bool:
    """Return whether the blob waits in the index for the next commit."""
    return f"A  .recstore/{blob.path}" in project.git("status", "--porcelain").splitlines()


@pytest.mark.parametrize(
    "command",
    [("merge", "-q", "side"), ("merge", "-q", "--squash", "side"), ("pull", "-q", "--no-rebase", ".", "side")],
    ids=["merge", "squash", "pull"],
)
def test_a_merge_that_dropped_a_recording_is_healed(
    project: GitRepository, blob: BlobName, command: tuple[str, ...]
) -> None:
    """Git merges without a conflict, and without the blob: it is back afterwards, and staged; one line says so."""
    merged = git(project, *command)

    assert 0 == merged.returncode, merged.stderr
    assert project.has(blob)
    assert is_staged(project, blob)
    said = [line for line in merged.stderr.splitlines() if "recstore" in line]
    assert [f"recstore put back, and staged: .recstore/{blob.path}"] == [line.split(" from ")[0] for line in said]


@pytest.mark.parametrize("command", [("rebase", "-q", "main", "side"), ("rebase", "-q", "side", "main")])
def test_a_rebase_that_dropped_a_recording_is_healed(
    project: GitRepository, blob: BlobName, command: tuple[str, ...]
) -> None:
    """Whichever branch is put upon the other, the rebase ends, and then the blob is there."""
    done = git(project, *command)

    assert 0 == done.returncode, done.stderr
    assert not (project.folder / ".git/rebase-merge").exists()
    assert project.has(blob)
    assert is_staged(project, blob)


def test_an_amended_commit_is_healed(project: GitRepository, blob: BlobName) -> None:
    """A commit that is amended past its hook is looked at afterwards."""
    project.git("checkout", "-q", "side")
    project.git("rm", "-q", f".recstore/{blob.path}")
    done = git(project, "commit", "--amend", "--no-verify", "--no-edit")

    assert 0 == done.returncode, done.stderr
    assert is_staged(project, blob)


def broken_branch(project: GitRepository) -> None:
    """Leave `broken` with a manifest whose blob it has not, and check out `side`, which has both."""
    project.git("checkout", "-q", "-b", "broken", "main")
    project.git("merge", "-q", "side")
    project.git("reset", "-q", "--hard")
    project.git("checkout", "-q", "side")


def test_a_checkout_is_healed_and_the_way_back_is_open(project: GitRepository, blob: BlobName) -> None:
    """What is put back is not in the way of a checkout of a branch that has it."""
    broken_branch(project)
    there = git(project, "checkout", "-q", "broken")
    healed = project.has(blob), is_staged(project, blob)
    back = git(project, "checkout", "-q", "side")

    assert 0 == there.returncode, there.stderr
    assert (True, True) == healed
    assert 0 == back.returncode, back.stderr
    assert "" == project.git("status", "--porcelain")


def test_a_new_work_tree_is_healed(project: GitRepository, blob: BlobName, tmp_path: Path) -> None:
    """`git worktree add` checks out, too."""
    broken_branch(project)
    done = git(project, "worktree", "add", "-q", str(tmp_path / "second tree"), "broken")

    assert 0 == done.returncode, done.stderr
    assert project.at(tmp_path / "second tree").has(blob)
    assert not is_staged(project, blob)


def test_a_checkout_of_files_is_none_of_the_hooks_business(project: GitRepository, blob: BlobName) -> None:
    """Only a checkout of a branch is followed by healing."""
    log = spy(project)
    broken_branch(project)
    calls(log)
    git(project, "checkout", "-q", "broken", "--", "tests")

    assert [] == calls(log)
    assert project.has(blob)


def test_nothing_is_put_in_the_way_of_a_rebase(project: GitRepository, blob: BlobName) -> None:
    """The checkout that a rebase begins with, and amending in the middle of it, are not the time to heal; its end is."""
    project.git("checkout", "-q", "side")
    stopped = git(project, "rebase", "-q", "-i", "main", GIT_SEQUENCE_EDITOR="sed -i s/^pick/edit/")
    amended = git(project, "commit", "--amend", "--no-verify", "-m", "In the middle")
    during = project.has(blob), is_staged(project, blob)
    done = git(project, "rebase", "--continue")

    assert 0 == stopped.returncode, stopped.stderr
    assert (False, False) == during
    assert 0 == done.returncode, done.stderr
    assert (True, True) == (project.has(blob), is_staged(project, blob))
    assert ["put back" in each.stderr for each in (stopped, amended, done)] == [False, False, True]


def test_a_bisection_goes_on_unhindered(project: GitRepository) -> None:
    """One checkout follows the other: nothing is put back on the way, and so nothing is left over at its end."""
    broken_branch(project)
    project.git("checkout", "-q", "broken")
    for number in range(5):
        project.write("notes.txt", str(number))
        project.commit()
    git(project, "bisect", "start", "HEAD", "side")
    steps = [git(project, "bisect", "bad") for _ in range(4)]
    git(project, "bisect", "reset")

    assert "is the first bad commit" in "".join(step.stdout for step in steps)
    assert "put back" not in "".join(step.stderr for step in steps)
    assert "" == project.git("status", "--porcelain")


def test_python_is_started_only_where_stores_differ(project: GitRepository) -> None:
    """A checkout, a merge, a rebase and an amended commit that concern no recording cost no Python and say nothing."""
    project.git("checkout", "-qb", "other")
    project.write("notes.txt", "x")
    project.commit()
    log = spy(project)
    commands = (
        ["checkout", "-q", "main"],
        ["checkout", "-q", "-b", "third"],
        ["merge", "-q", "other"],
        ["commit", "-q", "--amend", "--no-edit", "--allow-empty", "--no-verify"],
        ["rebase", "-q", "main"],
        ["switch", "-q", "--orphan", "empty"],
    )
    done = [git(project, *command) for command in commands]

    assert [0] * len(commands) == [one.returncode for one in done]
    assert "" == "".join(one.stderr for one in done)
    assert [] == calls(log)


def test_where_nothing_is_missing_nothing_is_said(project: GitRepository) -> None:
    """A checkout between two sound branches is looked at silently."""
    log = spy(project)
    tips = project.git("rev-parse", "main", "side").split()
    done = git(project, "checkout", "-q", "side")

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert ["hook post-checkout " + " ".join(tips) + " 1"] == calls(log)


def test_what_is_nowhere_fails_no_checkout(project: GitRepository, blob: BlobName) -> None:
    """A test that asks for recordings and has none is for `check` to say: the checkout is silent about it."""
    project.git("checkout", "-qb", "asking")
    project.write("tests/test_c.py", "import pytest\n\n\n@pytest.mark.recstore\ndef test_c():\n    pass\n")
    project.record("tests/test_d.py::test_d", "of d")
    project.commit()
    git(project, "checkout", "-q", "side")
    done = git(project, "checkout", "-q", "asking")

    assert (0, "") == (done.returncode, done.stderr)
    assert not project.has(blob)


def test_without_recstore_nothing_fails(project: GitRepository) -> None:
    """Where recstore is not installed, the hooks after the fact are silent."""
    project.git("config", "recstore.python", "/no such python")
    merged = git(project, "merge", "-q", "side", PATH="/usr/bin:/bin", PYTHONPATH="")

    assert (0, "") == (merged.returncode, merged.stderr)


@older_git
@pytest.mark.parametrize("code", [0, 3])
def test_another_hook_that_fails_does_not_keep_recstore_from_healing(
    project: GitRepository, blob: BlobName, code: int
) -> None:
    """A foreign hook after the fact can stop nothing; its exit code is passed on."""
    broken_branch(project)
    foreign = project.folder / ".git/hooks/post-checkout.before-recstore"
    foreign.write_text(f"#!/bin/sh\nexit {code}\n")
    foreign.chmod(0o755)
    done = git(project, "checkout", "-q", "broken")

    assert (code != 0) == (done.returncode != 0)
    assert project.has(blob)
