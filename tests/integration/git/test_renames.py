"""Tests that are gone, tests that only look so, and tests that were renamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.gc.plan import GcOptions
from recstore.store.manifest import manifest_path
from recstore.store.rename import execute_moves, plan_moves
from tests.git_repository import GitRepository
from tests.hooked import recstore

A, B, PARAMETER = "tests/test_a.py::test_a", "tests/test_a.py::test_b", "tests/test_a.py::test_p[x]"


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with three tests and their recordings, committed."""
    made = GitRepository.create(tmp_path / "project")
    made.test_file("tests/test_a.py", "test_a", "test_b", "test_p")
    for test_id in (A, B, PARAMETER):
        made.record(test_id, test_id)
    made.commit()
    return made


def gone(project: GitRepository, options: GcOptions | None = None) -> set[str]:
    """Return the manifests that gc would remove."""
    return {row.path for row in project.plan(options).removals if row.path.startswith("tests/")}


def change(project: GitRepository, old: str, new: str, path: str = "tests/test_a.py") -> None:
    """Replace text in a file."""
    text = (project.home / path).read_text()
    assert old in text
    project.write(path, text.replace(old, new))


def test_a_file_that_is_gone_takes_all_its_tests(project: GitRepository) -> None:
    """Staged or not, in one step or after the commit that removed it."""
    project.git("rm", "--quiet", "tests/test_a.py")
    everything = {manifest_path(test_id) for test_id in (A, B, PARAMETER)}

    assert everything == gone(project)
    assert everything == gone(project, GcOptions(is_staged=True))
    project.git("commit", "--quiet", "-m", "removed, without gc")
    project.write("README", "later")
    project.commit()

    assert everything == gone(project)


def test_a_file_that_git_has_never_known_is_not_gone(project: GitRepository) -> None:
    """Ids may begin from another folder than the store's: that is no reason to throw recordings away."""
    project.record("elsewhere/test_a.py::test_a", "elsewhere")

    assert set() == gone(project)
    assert any("could be gone" in note for note in project.plan().notes)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def test_a():", "def test_a(:"),
        ("def test_a():", "from other import *\ndef x():"),
        ("def test_a():", "import pytest\n@pytest.mark.skip\ndef test_a():"),
        ("def test_a():", "if True:\n  def test_a(): pass\ndef x():"),
    ],
)
def test_a_test_that_may_be_there_keeps_its_recordings(project: GitRepository, old: str, new: str) -> None:
    """What cannot be parsed, or comes from elsewhere, is not gone."""
    change(project, old, new)

    assert set() == gone(project)


def test_parameters_are_no_reason_to_remove(project: GitRepository) -> None:
    """Which parameters a test has only running it would tell."""
    project.record("tests/test_a.py::test_p[no such parameter]", "x")

    assert set() == gone(project)


def test_a_test_file_in_conflict_concludes_nothing(project: GitRepository) -> None:
    """During a merge, with force, neither the markers nor the stages make a test gone."""
    project.git("checkout", "--quiet", "-b", "side")
    change(project, "ask('test_a')", "ask('side')")
    project.commit()
    project.git("checkout", "--quiet", "main")
    project.git("rm", "--quiet", "tests/test_a.py")
    project.test_file("tests/test_a.py", "test_b", "test_p")
    project.commit()
    project.git("merge", "side", ok=False)

    assert set() == gone(project, GcOptions(is_forced=True))
    assert set() == gone(project, GcOptions(is_forced=True, is_staged=True))


def offers(project: GitRepository, *, is_staged: bool = False) -> tuple[tuple[str, str], ...]:
    """Return the renames that gc offers."""
    return project.plan(GcOptions(is_staged=is_staged)).renames


@pytest.mark.parametrize("is_staged", [False, True])
def test_a_renamed_test_is_offered_and_not_removed(project: GitRepository, *, is_staged: bool) -> None:
    """The same body under another name: the recordings stay until they are moved or the offer is void."""
    change(project, "def test_a():", "def test_better():")
    project.git("add", "tests")

    assert ((A, "tests/test_a.py::test_better"),) == offers(project, is_staged=is_staged)
    assert set() == gone(project, GcOptions(is_staged=is_staged))
    execute_moves(project.store, plan_moves(project.store, *offers(project)[0]))

    assert () == offers(project)
    assert set() == gone(project)
    assert project.has_manifest("tests/test_a.py::test_better")


def test_a_test_with_parameters_is_offered_once(project: GitRepository) -> None:
    """`mv` takes all parameters along."""
    project.record("tests/test_a.py::test_p[y]", "y")
    change(project, "def test_p():", "def test_q():")

    assert (("tests/test_a.py::test_p", "tests/test_a.py::test_q"),) == offers(project)


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_moved_file_is_offered_as_a_file(project: GitRepository, *, is_committed: bool) -> None:
    """All tests of one file in another one, under their names: one command, also after the commit."""
    project.git("mv", "tests/test_a.py", "tests/test_new.py")
    if is_committed:
        project.git("commit", "--quiet", "-m", "moved")

    assert (("tests/test_a.py", "tests/test_new.py"),) == offers(project)
    assert set() == gone(project)


def test_a_test_moved_into_a_class_is_offered(project: GitRepository) -> None:
    """What counts is what the function does, not where it stands."""
    change(project, "def test_a():\n    assert ask('test_a')\n", "")
    project.write("tests/test_new.py", "class TestIt:\n    def test_a():\n        assert ask('test_a')\n")

    assert ((A, "tests/test_new.py::TestIt::test_a"),) == offers(project)


def test_two_tests_that_swap_names_are_no_rename(project: GitRepository) -> None:
    """Both names are still there."""
    text = (project.home / "tests/test_a.py").read_text()
    project.write(
        "tests/test_a.py",
        text.replace("def test_a", "def t").replace("def test_b", "def test_a").replace("def t(", "def test_b("),
    )

    assert ((), set()) == (offers(project), gone(project))


def test_a_changed_test_is_gone(project: GitRepository) -> None:
    """A function that does something else is no new name for the old one."""
    change(project, "def test_a():\n    assert ask('test_a')", "def test_c():\n    assert ask('other')")

    assert ((), {manifest_path(A)}) == (offers(project), gone(project))


def test_a_test_that_was_there_before_is_no_new_name(project: GitRepository) -> None:
    """Of two that did the same, one was removed: nothing was renamed."""
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_p")
    change(project, "ask('test_b')", "ask('test_a')")
    project.commit()
    project.forget(B)
    change(project, "def test_a():\n    assert ask('test_a')\n", "")

    assert ((), {manifest_path(A)}) == (offers(project), gone(project))


def test_a_test_that_has_recordings_is_no_new_name(project: GitRepository) -> None:
    """Recorded anew under the new name: the old recordings are not needed."""
    change(project, "def test_a():", "def test_better():")
    project.record("tests/test_a.py::test_better", "anew")

    assert ((), {manifest_path(A)}) == (offers(project), gone(project))


def test_a_file_that_is_only_meant_to_be_added_is_not_gone(project: GitRepository) -> None:
    """`git add --intent-to-add` puts an empty file into the index: its tests were never there to go."""
    test_id = "tests/test_new.py::test_new"
    project.test_file("tests/test_new.py", "test_new")
    project.record(test_id, "new")
    project.git("add", ".recstore")
    project.git("add", "--intent-to-add", "tests/test_new.py")

    assert set() == gone(project, GcOptions(is_staged=True))


@pytest.mark.parametrize("way", ["link", "submodule"])
def test_a_folder_that_became_a_link_or_a_submodule_is_not_gone(project: GitRepository, way: str) -> None:
    """What is behind it, Git's index does not say."""
    if way == "link":
        project.git("mv", "tests", "elsewhere")
        (project.home / "tests").symlink_to("elsewhere")
        project.git("add", "--all")
    else:
        other = GitRepository.create(project.folder.parent / "other")
        other.test_file("test_a.py", "test_a", "test_b", "test_p")
        other.commit()
        project.git("rm", "--quiet", "-r", "tests")
        project.git("submodule", "--quiet", "add", str(other.folder), "tests")

    assert set() == gone(project, GcOptions(is_staged=True))
    assert () == project.plan(GcOptions(is_staged=True)).renames


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_nothing_is_no_name(project: GitRepository, name: str) -> None:
    """A test whose name is empty could not be found again."""
    done = recstore(project, "mv", A, name)

    assert (2, True) == (done.returncode, project.has_manifest(A))
