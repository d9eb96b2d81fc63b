"""Each class of root keeps what it alone reaches: forget the class, and the blob is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from recstore.errors import DamagedManifest, GitError, ManifestConflict, NewerVersion
from recstore.gc import roots
from recstore.gc.plan import GcOptions
from recstore.model import BlobName
from recstore.store.manifest import manifest_path
from tests.git_repository import GitRepository

TEST = "tests/test_a.py::test_a"
FORCED = GcOptions(is_forced=True)


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository whose test file has the function that all these tests record for."""
    made = GitRepository.create(tmp_path / "project")
    made.test_file("tests/test_a.py", "test_a")
    made.commit()
    return made


def put_back(project: GitRepository, blob: BlobName, data: bytes) -> None:
    """Write the blob's file again where Git has taken it away: gc is to meet it, untracked."""
    project.store.put_encoded(blob, data)


def in_index(project: GitRepository) -> BlobName:
    """Stage a manifest, and remove it from the work tree."""
    blob = project.record(TEST, "staged")
    project.git("add", ".recstore/tests")
    project.forget(TEST)
    return blob


def in_a_stage(stage: int) -> Callable[[GitRepository], BlobName]:
    """Return what leaves a manifest in that stage of the index alone, as an unfinished merge does."""

    def make(project: GitRepository) -> BlobName:
        blob = project.record(TEST, "staged")
        path = f".recstore/{manifest_path(TEST)}"
        oid = project.git("hash-object", "-w", path)
        project.forget(TEST)
        done = project.folder / "lines"
        done.write_text(f"100644 {oid} {stage}\t{path}\n")
        project.git("-c", "alias.put=!git update-index --index-info < lines", "put")
        done.unlink()
        return blob

    return make


def in_the_stash(project: GitRepository) -> BlobName:
    """Stash a committed test's new recording."""
    project.record(TEST, "old")
    project.commit()
    blob = project.record(TEST, "stashed")
    data = project.store.read_blob(blob)
    project.git("stash")
    put_back(project, blob, data)
    return blob


def in_the_stash_index(project: GitRepository) -> BlobName:
    """Stash a recording that was staged and then replaced in the work tree."""
    project.record(TEST, "old")
    project.commit()
    blob = project.record(TEST, "staged")
    data = project.store.read_blob(blob)
    project.git("add", "--all")
    project.record(TEST, "old")
    project.git("stash")
    put_back(project, blob, data)
    return blob


def in_the_untracked_stash(project: GitRepository) -> BlobName:
    """Stash a recording that Git did not know."""
    blob = project.record(TEST, "untracked")
    data = project.store.read_blob(blob)
    project.git("stash", "--include-untracked")
    put_back(project, blob, data)
    return blob


def in_an_older_stash(project: GitRepository) -> BlobName:
    """Stash twice: the first one is in the reflog of the stash alone."""
    blob = in_the_stash(project)
    data = project.store.read_blob(blob)
    project.write("README", "changed")
    project.git("add", "README")
    project.git("stash")
    put_back(project, blob, data)
    return blob


def in_another_work_tree(project: GitRepository) -> BlobName:
    """Commit a recording on the detached HEAD of a second work tree."""
    project.git("worktree", "add", "--quiet", "--detach", "../second")
    second = project.at(project.folder.parent / "second")
    blob = second.record(TEST, "elsewhere")
    second.commit()
    second.git("rm", "--quiet", "-r", "--cached", ".recstore/tests")
    put_back(project, blob, second.store.read_blob(blob))
    return blob


def in_the_main_work_tree(project: GitRepository) -> BlobName:
    """Look from a linked work tree at what only the main one has: this one is then the folder that is collected."""
    project.git("worktree", "add", "--quiet", "--detach", "../second")
    project.git("checkout", "--quiet", "--detach")
    blob = project.record(TEST, "main")
    project.commit()
    project.git("rm", "--quiet", "-r", "--cached", ".recstore/tests")
    data = project.store.read_blob(blob)
    second = project.at(project.folder.parent / "second")
    project.folder.rename(project.folder.parent / "main")
    second.folder.rename(project.folder)
    (project.folder.parent / "main/.git/worktrees/second/gitdir").write_text(f"{project.folder}/.git\n")
    (project.folder / ".git").write_text(f"gitdir: {project.folder.parent}/main/.git/worktrees/second\n")
    put_back(project, blob, data)
    return blob


def in_another_index(project: GitRepository) -> BlobName:
    """Stage a recording in a second work tree."""
    project.git("worktree", "add", "--quiet", "--detach", "../second")
    second = project.at(project.folder.parent / "second")
    blob = second.record(TEST, "elsewhere")
    second.git("add", "--all")
    put_back(project, blob, second.store.read_blob(blob))
    return blob


def side_branch(project: GitRepository, *, with_conflict: bool) -> BlobName:
    """Commit a recording on the branch `side`, which conflicts elsewhere with `main` if asked to."""
    project.git("checkout", "--quiet", "-b", "side")
    blob = project.record(TEST, "side")
    data = project.store.read_blob(blob)
    if with_conflict:
        project.write("README", "side")
    project.commit("side")
    project.git("checkout", "--quiet", "main")
    if with_conflict:
        project.write("README", "main")
    project.commit("main")
    put_back(project, blob, data)
    return blob


def taken_out(project: GitRepository, blob: BlobName, data: bytes) -> None:
    """Take the manifest out of the index, the work tree and every ref: only what is under way has it."""
    project.git("rm", "--quiet", "-r", "--cached", "--ignore-unmatch", ".recstore/tests")
    if project.has_manifest(TEST):
        project.forget(TEST)
    project.git("branch", "--quiet", "-D", "side")
    put_back(project, blob, data)


def in_a_merge(project: GitRepository) -> BlobName:
    """Merge the branch, meet a conflict, and lose the branch."""
    blob = side_branch(project, with_conflict=True)
    data = project.store.read_blob(blob)
    project.store.directory.remove(blob.path)
    project.git("merge", "side", ok=False)
    taken_out(project, blob, data)
    return blob


def in_an_octopus(project: GitRepository) -> BlobName:
    """Merge two branches at once: MERGE_HEAD has a line for each, and this is the second."""
    blob = side_branch(project, with_conflict=False)
    data = project.store.read_blob(blob)
    project.store.directory.remove(blob.path)
    project.git("checkout", "--quiet", "-b", "other", "main~1")
    project.write("OTHER", "other")
    project.commit("other")
    project.git("checkout", "--quiet", "main")
    project.git("merge", "--no-commit", "other", "side")
    taken_out(project, blob, data)
    return blob


def in_a_cherry_pick(project: GitRepository) -> BlobName:
    """Pick the branch's commit, meet a conflict, and lose the branch."""
    blob = side_branch(project, with_conflict=True)
    data = project.store.read_blob(blob)
    project.store.directory.remove(blob.path)
    project.git("cherry-pick", "side", ok=False)
    taken_out(project, blob, data)
    return blob


def in_a_revert(project: GitRepository) -> BlobName:
    """Revert the commit that removed the recording, and meet a conflict."""
    blob = project.record(TEST, "reverted")
    data = project.store.read_blob(blob)
    project.write("README", "one")
    project.commit("with it")
    project.forget(TEST)
    project.store.directory.remove(blob.path)
    project.write("README", "two")
    removal = project.commit("without it")
    project.write("README", "three")
    project.commit("later")
    project.git("revert", "--no-edit", removal, ok=False)
    project.git("rm", "--quiet", "-r", "--cached", "--ignore-unmatch", ".recstore/tests")
    if project.has_manifest(TEST):
        project.forget(TEST)
    put_back(project, blob, data)
    return blob


def in_a_rebase(project: GitRepository) -> BlobName:
    """Rebase the branch, stop at its first commit; its second one is still to be picked."""
    project.git("checkout", "--quiet", "-b", "side")
    project.write("README", "side")
    project.commit("first")
    blob = project.record(TEST, "side")
    data = project.store.read_blob(blob)
    project.commit("second")
    project.git("checkout", "--quiet", "main")
    project.write("README", "main")
    project.commit("main")
    project.git("checkout", "--quiet", "--detach", "side")
    project.git("rebase", "main", ok=False)
    project.git("branch", "--quiet", "-D", "side")
    project.git("update-ref", "-d", "ORIG_HEAD")
    put_back(project, blob, data)
    return blob


def in_an_autostash(project: GitRepository) -> BlobName:
    """Rebase with changes that are not committed, and stop at a conflict."""
    project.record(TEST, "old")
    project.commit()
    side_branch_with_conflict(project)
    blob = project.record(TEST, "not committed")
    data = project.store.read_blob(blob)
    project.git("rebase", "--autostash", "main", ok=False)
    put_back(project, blob, data)
    return blob


def side_branch_with_conflict(project: GitRepository) -> None:
    """Make a branch `side` that conflicts with `main`, and check it out."""
    project.git("checkout", "--quiet", "-b", "side")
    project.write("README", "side")
    project.commit("side")
    project.git("checkout", "--quiet", "main")
    project.write("README", "main")
    project.commit("main")
    project.git("checkout", "--quiet", "side")


def in_a_merges_autostash(project: GitRepository) -> BlobName:
    """Merge with changes that are not committed, and stop at a conflict."""
    project.record(TEST, "old")
    project.commit()
    side_branch_with_conflict(project)
    blob = project.record(TEST, "not committed")
    data = project.store.read_blob(blob)
    project.git("merge", "--autostash", "main", ok=False)
    put_back(project, blob, data)
    return blob


def in_a_bisection(project: GitRepository) -> BlobName:
    """Bisect from a detached HEAD: only the bisection's notes remember where from."""
    first = project.git("rev-parse", "HEAD")
    for number in range(3):
        project.write("README", str(number))
        project.commit()
    project.git("checkout", "--quiet", "--detach")
    blob = project.record(TEST, "detached")
    data = project.store.read_blob(blob)
    project.commit()
    project.git("bisect", "start")
    project.git("bisect", "bad", "main")
    project.git("bisect", "good", first)
    put_back(project, blob, data)
    return blob


def in_orig_head(project: GitRepository) -> BlobName:
    """Go back behind the commit that has the recording."""
    blob = project.record(TEST, "undone")
    data = project.store.read_blob(blob)
    project.commit()
    project.git("reset", "--hard", "--quiet", "HEAD~1")
    put_back(project, blob, data)
    return blob


def in_a_branch(project: GitRepository) -> BlobName:
    """Commit a recording on another branch."""
    return side_branch(project, with_conflict=False)


def in_a_remote_branch(project: GitRepository) -> BlobName:
    """Fetch a branch that somebody else pushed, and have none of one's own for it."""
    project.git("clone", "--quiet", "--bare", ".", "../remote")
    project.git("clone", "--quiet", "../remote", "../other")
    other = project.at(project.folder.parent / "other")
    other.git("checkout", "--quiet", "-b", "theirs")
    blob = other.record(TEST, "theirs")
    other.commit()
    other.git("push", "--quiet", "origin", "theirs")
    project.git("remote", "add", "origin", "../remote")
    project.git("fetch", "--quiet", "origin")
    put_back(project, blob, other.store.read_blob(blob))
    return blob


def in_an_unrelated_branch(project: GitRepository) -> BlobName:
    """Commit a recording on a branch that has no history in common with HEAD."""
    project.git("checkout", "--quiet", "--orphan", "unrelated")
    blob = project.record(TEST, "unrelated")
    data = project.store.read_blob(blob)
    project.commit()
    project.git("checkout", "--quiet", "main")
    put_back(project, blob, data)
    return blob


SITUATIONS: dict[str, tuple[str, Callable[[GitRepository], BlobName]]] = {
    "index": ("Git's index", in_index),
    "common ancestor": ("Git's index", in_a_stage(1)),
    "ours": ("Git's index", in_a_stage(2)),
    "theirs": ("Git's index", in_a_stage(3)),
    "another index": ("other work trees' indexes", in_another_index),
    "merge": ("merges, rebases, picks, reverts, bisections", in_a_merge),
    "octopus": ("merges, rebases, picks, reverts, bisections", in_an_octopus),
    "cherry-pick": ("merges, rebases, picks, reverts, bisections", in_a_cherry_pick),
    "revert": ("merges, rebases, picks, reverts, bisections", in_a_revert),
    "bisection": ("merges, rebases, picks, reverts, bisections", in_a_bisection),
    "merge with autostash": ("merges, rebases, picks, reverts, bisections", in_a_merges_autostash),
    "rebase": ("merges, rebases, picks, reverts, bisections", in_a_rebase),
    "rebase with autostash": ("merges, rebases, picks, reverts, bisections", in_an_autostash),
    "another work tree": ("other work trees' HEAD", in_another_work_tree),
    "main work tree": ("other work trees' HEAD", in_the_main_work_tree),
    "stash": ("stashes", in_the_stash),
    "index of a stash": ("stashes", in_the_stash_index),
    "untracked files of a stash": ("stashes", in_the_untracked_stash),
    "older stash": ("stashes", in_an_older_stash),
    "ORIG_HEAD": ("ORIG_HEAD", in_orig_head),
    "branch": ("tips of branches and of remote branches", in_a_branch),
    "remote branch": ("tips of branches and of remote branches", in_a_remote_branch),
    "unrelated branch": ("tips of branches and of remote branches", in_an_unrelated_branch),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_only_one_root_reaches_is_kept(
    project: GitRepository, monkeypatch: pytest.MonkeyPatch, situation: str
) -> None:
    """The blob is kept, and would not if the class of root were forgotten."""
    kind, make = SITUATIONS[situation]
    blob = make(project)

    kept = project.gc(FORCED)
    every_root = roots.roots_of

    def forgetful_roots(*arguments: Any) -> Iterator[roots.Root]:
        return (root for root in every_root(*arguments) if root[0] != kind)

    monkeypatch.setattr("recstore.gc.plan.roots_of", forgetful_roots)
    forgetful = project.plan(FORCED)

    assert (True, ()) == (project.has(blob), kept.removals)
    assert [blob.path] == [row.path for row in forgetful.removals]


def test_every_class_of_root_has_a_situation() -> None:
    """No class can be added without a test in which it is needed."""
    assert set(get_args(roots.RootClass)) == {kind for kind, _ in SITUATIONS.values()}


def test_what_head_dropped_and_a_branch_only_kept_goes(project: GitRepository) -> None:
    """A test removed on a branch loses its recordings there at once, though other branches still have it."""
    blob = project.record(TEST, "old")
    project.commit()
    project.git("branch", "behind")
    project.test_file("tests/test_a.py", "test_b")
    project.commit()

    outcome = project.gc()

    assert {blob.path, manifest_path(TEST)} == {row.path for row in outcome.removals}


def test_an_old_branch_protects_nothing_if_told(project: GitRepository) -> None:
    """With an age limit for tips, an abandoned branch keeps no recordings."""
    blob = side_branch(project, with_conflict=False)

    assert () == project.plan(GcOptions(tips_since_s=0)).removals
    assert [blob.path] == [row.path for row in project.plan(GcOptions(tips_since_s=2**32)).removals]


BROKEN = {
    "conflict": (b"recstore 1\n<<<<<<< ours\n=======\n>>>>>>> theirs\n", ManifestConflict),
    "newer": (b"recstore 2\n", NewerVersion),
    "damaged": (b"something else\n", DamagedManifest),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("where", ["work tree", "index", "branch"])
def test_a_manifest_that_cannot_be_relied_on_stops_gc(project: GitRepository, how: str, where: str) -> None:
    """Whatever root has it: its name is said, and nothing is removed."""
    text, error = BROKEN[how]
    unnamed = project.record("tests/test_a.py::test_b", "unnamed")
    project.forget("tests/test_a.py::test_b")
    data = project.store.read_blob(unnamed)
    if where == "branch":
        project.git("checkout", "--quiet", "-b", "side")
    project.store.directory.write(manifest_path(TEST), text)
    if where != "work tree":
        project.git("add", f".recstore/{manifest_path(TEST)}")
    if where == "branch":
        project.git("commit", "--quiet", "-m", "broken")
        project.git("checkout", "--quiet", "main")
        put_back(project, unnamed, data)
    elif where == "index":
        project.forget(TEST)

    with pytest.raises(error, match="test_a"):
        project.gc()
    assert project.has(unnamed)


def test_a_root_that_is_not_here_stops_gc(project: GitRepository) -> None:
    """An object that is missing from the repository is named, and nothing is removed."""
    unnamed = side_branch(project, with_conflict=False)
    manifest = project.git("rev-parse", f"side:.recstore/{manifest_path(TEST)}")
    (project.folder / ".git/objects" / manifest[:2] / manifest[2:]).unlink()

    with pytest.raises(GitError, match="side"):
        project.gc()
    assert project.has(unnamed)
