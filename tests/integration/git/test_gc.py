"""What gc removes, where its bytes stay, what it stages, and when it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recstore.errors import GitError, Locked
from recstore.gc.execute import execute_plan
from recstore.gc.plan import IN_TRASH, GcOptions, plan_gc
from recstore.git.trash import TRASH_REF, Trash
from recstore.model import Digest
from recstore.store import Store
from recstore.store.manifest import manifest_path
from recstore.store.usage import TestUsage, write_usage
from recstore.store.verify import verify_store
from tests import commands
from tests.git_repository import NOW_S, GitRepository

A, B = "tests/test_a.py::test_a", "tests/test_a.py::test_b"
STAGED = GcOptions(is_staged=True)
DAY_S = 86_400


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with two tests and their recordings, committed; they share one blob."""
    made = GitRepository.create(tmp_path / "project")
    made.test_file("tests/test_a.py", "test_a", "test_b")
    made.record(A, "shared", "of a")
    made.record(B, "shared", "of b")
    made.commit()
    return made


def recstore(project: GitRepository, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of recstore in the project's folder."""
    return commands.recstore(project.home, *arguments, environment=project.environment())


def removed(project: GitRepository, options: GcOptions | None = None) -> set[str]:
    """Run gc, and return the paths that it removed."""
    return {row.path for row in project.gc(options).removals}


def test_nothing_is_removed_while_all_tests_are_there(project: GitRepository) -> None:
    """A store whose tests are all there loses nothing, and gets no trash."""
    assert set() == removed(project)
    assert "" == project.git("for-each-ref", TRASH_REF)


def test_a_removed_test_loses_its_own_recordings_at_once(project: GitRepository) -> None:
    """Its manifest and the blob that it alone named go; the shared one stays; the bytes are in a commit."""
    own = next(entry.blob for entry in project.store.manifest(A).entries if not shared(project, entry.blob))  # type: ignore[union-attr]
    project.test_file("tests/test_a.py", "test_b")

    plan = project.plan()

    assert {manifest_path(A), own.path} == {row.path for row in plan.removals}
    assert {f"commit {project.git('rev-parse', 'HEAD')[:12]}"} == {row.keeper for row in plan.removals}
    assert {row.path for row in plan.removals} == removed(project)
    assert () == verify_store(project.store).problems


def shared(project: GitRepository, blob: object) -> bool:
    """Return whether test B names the blob."""
    manifest = project.store.manifest(B)
    return manifest is not None and blob in [entry.blob for entry in manifest.entries]


def test_what_no_commit_has_goes_to_the_trash_first(project: GitRepository) -> None:
    """An untracked blob that nothing names leaves the work tree, and its bytes are Git's."""
    blob = project.record("tests/test_a.py::test_c", "never committed")
    project.forget("tests/test_a.py::test_c")
    data = project.store.read_blob(blob)

    outcome = project.gc()

    assert (1, False, len(data)) == (outcome.anchored, project.has(blob), outcome.freed_bytes)
    assert data.decode() == project.git("show", f"{TRASH_REF}:.recstore/{blob.path}") + "\n"


def test_the_trash_forgets_what_is_too_old(project: GitRepository) -> None:
    """Runs older than the limit leave the chain; younger ones stay, oldest last."""
    for number, name in enumerate(["one", "two", "three"]):
        project.record(B, "shared", name)
        project.gc(now_s=NOW_S + number * DAY_S)
    project.record(B, "shared", "of b")

    project.gc(now_s=NOW_S + 14 * DAY_S + DAY_S // 2)

    with project.opened() as repository:
        times = [run.time_s for run in Trash(repository).runs()]
    assert [NOW_S + 14 * DAY_S + DAY_S // 2, NOW_S + 2 * DAY_S] == times[:2]
    assert NOW_S not in times


def test_the_ref_goes_with_the_last_run(project: GitRepository) -> None:
    """When everything in it is too old, the trash is no more."""
    blob = project.record("tests/test_a.py::test_c", "never committed")
    project.forget("tests/test_a.py::test_c")
    project.gc()

    project.gc(now_s=NOW_S + 15 * DAY_S)

    assert (False, "") == (project.has(blob), project.git("for-each-ref", TRASH_REF))


def test_a_dry_run_prints_the_plan_and_changes_nothing(project: GitRepository) -> None:
    """The rows of `--dry-run` are those of the run after it."""
    project.test_file("tests/test_a.py", "test_b")
    before = project.git("status", "--porcelain")

    dry = json.loads(recstore(project, "gc", "--dry-run", "--json").stdout)
    unchanged = project.git("status", "--porcelain")
    wet = json.loads(recstore(project, "gc", "--json").stdout)

    assert before == unchanged
    assert (2, dry["removed"]) == (len(dry["removed"]), wet["removed"])
    assert set() == removed(project)


def test_the_summary_says_what_a_person_wants_to_know(project: GitRepository) -> None:
    """Kept, removed, freed, and that `.git` does not shrink."""
    project.test_file("tests/test_a.py", "test_b")

    done = recstore(project, "gc")

    assert "Removed 1 blob and 1 manifest; kept 2 blobs." in done.stdout
    assert ".git does not shrink" in done.stdout
    assert "tests/test_a.py has no test_a any more" in done.stdout


def test_staged_stages_its_own_changes_alone(project: GitRepository) -> None:
    """The commit has neither test nor recordings; what else is changed in the work tree stays unstaged."""
    project.test_file("tests/test_a.py", "test_b")
    project.git("add", "tests")
    project.write("README", "not staged")
    (project.home / ".recstore/README.md").write_text("not staged either")

    assert 2 == len(removed(project, STAGED))

    staged = project.git("diff", "--cached", "--name-only", "HEAD").splitlines()
    assert 3 == len(staged)
    assert all(path.startswith((".recstore/blobs/", ".recstore/tests/", "tests/")) for path in staged)


def test_staged_judges_by_what_is_staged(project: GitRepository) -> None:
    """A test that is gone from the work tree alone keeps its recordings in the commit that is being made."""
    project.test_file("tests/test_a.py", "test_b")

    assert set() == removed(project, STAGED)


def test_staged_leaves_the_work_tree_what_its_tests_need(project: GitRepository) -> None:
    """A test that is gone from the commit and still there in the work tree keeps its recordings there."""
    whole = (project.home / "tests/test_a.py").read_text()
    project.test_file("tests/test_a.py", "test_b")
    project.git("add", "tests")
    project.write("tests/test_a.py", whole)

    project.gc(STAGED)

    assert project.has_manifest(A)
    assert f".recstore/{manifest_path(A)}" not in project.git("ls-files")
    assert () == verify_store(project.store).problems


COMMITS = {
    "staged": (["add", "--all"], ["commit", "--message", "x"]),
    "all": ([], ["commit", "--all", "--message", "x"]),
    "path": ([], ["commit", "--message", "x", "tests/test_a.py"]),
    "amend": (["add", "--all"], ["commit", "--amend", "--no-edit"]),
}


@pytest.mark.parametrize("way", COMMITS)
def test_every_way_to_commit_takes_the_recordings_along(project: GitRepository, way: str) -> None:
    """In a pre-commit hook gc works on the index that the commit is made of, and leaves the other one in step."""
    code = (
        "import os; from pathlib import Path; from recstore.store import Store; from recstore.git import Repository;"
        "from recstore.gc.plan import plan_gc; from recstore.gc.plan import GcOptions;"
        "from recstore.gc.execute import execute_plan\n"
        "store = Store.open(Path.cwd()); repository = Repository(store.directory.root, os.environ)\n"
        "execute_plan(store, repository, plan_gc(store, repository, GcOptions(is_staged=True)), 0)\n"
    )
    (project.folder / "hook.py").write_text(code)
    project.git("config", "core.excludesFile", str(project.folder / ".git/ignored"))
    (project.folder / ".git/ignored").write_text("hook.py\n")
    hook = project.folder / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\nPYTHONPATH={Path(__file__).parents[3]} exec {sys.executable} hook.py\n")
    hook.chmod(0o755)
    project.test_file("tests/test_a.py", "test_b")
    prepare, commit = COMMITS[way]
    if prepare:
        project.git(*prepare)

    project.git(*commit)

    committed = project.git("ls-tree", "-r", "--name-only", "HEAD", ".recstore").splitlines()
    assert f".recstore/{manifest_path(A)}" not in committed
    assert 2 == sum(path.startswith(".recstore/blobs/") for path in committed)
    assert "" == project.git("status", "--porcelain")
    assert "" == project.git("fsck", "--no-dangling")


def test_staged_recordings_that_were_never_committed_are_anchored(project: GitRepository) -> None:
    """What only the index had is in the trash when it leaves the index."""
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_c")
    blob = project.record("tests/test_a.py::test_c", "staged")
    data = project.store.read_blob(blob)
    project.git("add", "--all")
    project.store.directory.remove(blob.path)
    project.forget("tests/test_a.py::test_c")
    project.git("rm", "--quiet", "--cached", f".recstore/{manifest_path('tests/test_a.py::test_c')}")

    [row] = project.gc(STAGED).removals

    assert (IN_TRASH, "") == (row.keeper, row.oid)
    assert data.decode() == project.git("show", f"{TRASH_REF}:.recstore/{blob.path}") + "\n"


def under_way(project: GitRepository, command: str) -> None:
    """Leave a merge, a rebase, a cherry-pick, a revert or a bisection unfinished."""
    project.git("checkout", "--quiet", "-b", "side")
    project.write("README", "side")
    project.commit()
    project.git("checkout", "--quiet", "main")
    project.write("README", "main")
    project.commit()
    if command == "bisect":
        project.git("bisect", "start", "main", "main~1")
    elif command == "revert":
        project.write("README", "later")
        project.commit()
        project.git("revert", "--no-edit", "HEAD~1", ok=False)
    else:
        project.git(command, "side", ok=False)


@pytest.mark.parametrize("command", ["merge", "rebase", "cherry-pick", "revert", "bisect"])
def test_gc_refuses_while_something_is_under_way(project: GitRepository, command: str) -> None:
    """Until it is done nothing is removed, unless told."""
    under_way(project, command)
    project.test_file("tests/test_a.py", "test_b")

    with pytest.raises(GitError, match="is under way"):
        project.gc()
    assert removed(project, GcOptions(is_forced=True))


def test_a_locked_store_is_left_alone(project: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process writes, gc says so with exit code 30 and removes nothing."""
    project.test_file("tests/test_a.py", "test_b")
    store = project.store

    with project.opened() as repository, store.locked():
        plan = plan_gc(store, repository)
        other = Store.open(project.home)
        monkeypatch.setattr(other, "locked", lambda: Store.locked(other, 0.05))
        with pytest.raises(Locked) as caught:
            execute_plan(other, repository, plan, NOW_S)

    assert (30, True) == (caught.value.exit_code, project.has_manifest(A))


def test_a_row_that_no_longer_holds_is_left(project: GitRepository) -> None:
    """Between plan and run the test came back: the run finds that out."""
    whole = (project.home / "tests/test_a.py").read_text()
    project.test_file("tests/test_a.py", "test_b")
    with project.opened() as repository:
        plan = plan_gc(project.store, repository)
        project.write("tests/test_a.py", whole)

        outcome = execute_plan(project.store, repository, plan, NOW_S)

    assert ((), 2) == (outcome.removals, len(outcome.left))
    assert project.has_manifest(A)


def test_a_blob_that_another_test_names_meanwhile_is_left(project: GitRepository) -> None:
    """Between plan and run a test was recorded with the same answer: its blob stays, the stale manifest goes."""
    project.test_file("tests/test_a.py", "test_b")
    with project.opened() as repository:
        plan = plan_gc(project.store, repository)
        project.record(B, "shared", "of b", "of a")

        outcome = execute_plan(project.store, repository, plan, NOW_S)

    assert [manifest_path(A)] == [row.path for row in outcome.removals]
    assert 1 == len(outcome.left)
    assert () == verify_store(project.store).problems


def test_the_check_under_the_lock_judges_renames_as_the_plan_did(project: GitRepository) -> None:
    """Two tests did the same and one new test does: one was renamed, the other goes, in the plan and in the run."""
    bodies = "".join(f"def {name}():\n    assert ask()\n\n\n" for name in ("test_a", "test_b"))
    project.write("tests/test_a.py", bodies)
    project.commit()
    project.write("tests/test_a.py", "def test_c():\n    assert ask()\n")

    plan = project.plan()
    outcome = project.gc()

    assert ((A, "tests/test_a.py::test_c"),) == plan.renames
    assert manifest_path(B) in {row.path for row in plan.removals}
    assert (plan.removals, ()) == (outcome.removals, outcome.left)


def test_damage_is_no_garbage(project: GitRepository) -> None:
    """A blob that nothing names and whose bytes do not fit its name stays, and is named."""
    blob = project.record("tests/test_a.py::test_c", "damaged")
    project.forget("tests/test_a.py::test_c")
    project.store.directory.write(blob.path, b"something else")

    plan = project.plan()

    assert () == plan.removals
    assert any("damaged" in note for note in plan.notes)


def run_of(
    project: GitRepository, *, passed: bool = True, collected: bool = True, used: int = 1
) -> dict[str, TestUsage]:
    """Return the record of a complete run in which test A used its first `used` entries."""
    manifest = project.store.manifest(A)
    assert manifest is not None
    text = project.store.directory.read(manifest_path(A)) or b""
    places = frozenset((entry.blob.key, entry.n) for entry in manifest.entries[:used])
    return {A: TestUsage(Digest.of(text), collected, passed, places)}


def test_unused_entries_are_listed_and_removed_when_told(project: GitRepository) -> None:
    """The manifest keeps what was used; with `--staged` the new text is staged."""
    write_usage(project.store.local, "tests/test_a.py", run_of(project))

    listed = project.plan()
    outcome = project.gc(GcOptions(is_staged=True, removes_unused=True))

    assert ([(A, 1, 2)], ()) == ([(t.test_id, t.unused, t.entries) for t in listed.unused], listed.removals)
    manifest = project.store.manifest(A)
    assert manifest is not None
    assert 1 == len(manifest.entries)
    assert manifest_path(A) in {row.path for row in outcome.removals}
    assert f".recstore/{manifest_path(A)}" in project.git("diff", "--cached", "--name-only")
    assert "" == project.git("diff", "--name-only", "--", f".recstore/{manifest_path(A)}")


def test_a_parameter_that_is_gone_goes_as_unused(project: GitRepository) -> None:
    """A complete run that did not find the test says that all its entries are unused."""
    write_usage(project.store.local, "tests/test_a.py", run_of(project, collected=False, passed=False))

    project.gc(GcOptions(removes_unused=True))

    assert not project.has_manifest(A)


def test_nothing_is_concluded_from_what_did_not_pass(project: GitRepository) -> None:
    """A failed test, or a manifest that has changed since the run: its entries stay."""
    write_usage(project.store.local, "tests/test_a.py", run_of(project, passed=False, used=0))
    assert () == project.plan(GcOptions(removes_unused=True)).removals

    write_usage(project.store.local, "tests/test_a.py", run_of(project, used=0))
    project.record(A, "shared", "of a", "recorded since")

    assert () == project.plan(GcOptions(removes_unused=True)).removals


def test_without_git_there_is_an_error_and_nothing_is_removed(project: GitRepository, tmp_path: Path) -> None:
    """No repository, or no Git: exit code 40."""
    Store.create(tmp_path / "outside")
    done = subprocess.run(
        [sys.executable, "-m", "recstore", "gc"],
        cwd=tmp_path / "outside",
        env={**project.environment(), "PATH": "", "PYTHONPATH": os.fspath(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (40, True) == (done.returncode, "Install Git" in done.stderr)
    assert (40, True) == (
        (done := recstore(project.at(tmp_path / "outside"), "gc")).returncode,
        "git init" in done.stderr,
    )
