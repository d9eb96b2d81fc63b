"""gc and restore wherever Git lets a project be: folders, work trees, submodules, and clones that have not all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recstore.check.restore import execute_restore, plan_restore
from recstore.errors import GitError
from recstore.gc.plan import IN_TRASH, GcOptions
from recstore.git.history import heal
from recstore.git.trash import Trash
from recstore.store import Store
from recstore.store.manifest import manifest_path
from recstore.store.verify import verify_store
from tests.git_repository import GitRepository

A, B = "tests/test_a.py::test_a", "tests/test_a.py::test_b"
STAGED = GcOptions(is_staged=True)


def with_two_tests(made: GitRepository) -> GitRepository:
    """Give the project two tests with recordings, committed."""
    made.test_file("tests/test_a.py", "test_a", "test_b")
    made.record(A, "shared", "of a")
    made.record(B, "shared", "of b")
    made.commit()
    return made


def subfolder(tmp_path: Path) -> GitRepository:
    """Return a project two folders below the top of its repository."""
    return with_two_tests(GitRepository.create(tmp_path / "project", "packages/one"))


def odd_names(tmp_path: Path) -> GitRepository:
    """Return a project whose path has spaces, quotes and letters beyond ASCII."""
    return with_two_tests(GitRepository.create(tmp_path / "mein Projekt „ö“", "süd 'ost'/日本"))


def work_tree(tmp_path: Path) -> GitRepository:
    """Return a linked work tree."""
    main = with_two_tests(GitRepository.create(tmp_path / "project"))
    main.git("worktree", "add", "--quiet", "../linked")
    main.git("checkout", "--quiet", "--detach", "HEAD~1")
    return main.at(tmp_path / "linked")


def submodule(tmp_path: Path) -> GitRepository:
    """Return a project that is a submodule."""
    inner = with_two_tests(GitRepository.create(tmp_path / "inner"))
    outer = GitRepository.create(tmp_path / "outer")
    outer.git("submodule", "--quiet", "add", str(inner.folder), "sub")
    outer.commit()
    return outer.at(outer.folder / "sub")


def split_index(tmp_path: Path) -> GitRepository:
    """Return a project whose index is split in two files."""
    made = with_two_tests(GitRepository.create(tmp_path / "project"))
    made.git("config", "core.splitIndex", "true")
    made.git("config", "splitIndex.maxPercentChange", "100")
    made.git("update-index", "--split-index")
    assert list((made.folder / ".git").glob("sharedindex.*"))
    return made


def sparse_index(tmp_path: Path) -> GitRepository:
    """Return a project with a sparse checkout of its folder, and folders in the index as one entry."""
    made = GitRepository.create(tmp_path / "project", "one")
    made.write("../two/deep/file", "elsewhere")
    with_two_tests(made)
    made.git("sparse-checkout", "set", "--cone", "--sparse-index", "one")
    return made


def hooks_elsewhere(tmp_path: Path) -> GitRepository:
    """Return a project with hooks that would fail whatever calls them, and monitors, pagers and the like."""
    made = with_two_tests(GitRepository.create(tmp_path / "project"))
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-index-change", "pre-commit", "post-commit"):
        (hooks / name).write_text("#!/bin/sh\necho called >> ../called\nexit 1\n")
        (hooks / name).chmod(0o755)
    for name, value in (
        ("core.hooksPath", str(hooks)),
        ("core.fsmonitor", str(hooks / "pre-commit")),
        ("core.pager", "false"),
        ("color.ui", "always"),
        ("commit.gpgSign", "true"),
        ("log.follow", "true"),
        ("log.showSignature", "true"),
        ("diff.relative", "true"),
        ("core.autocrlf", "true"),
    ):
        made.git("config", name, value)
    return made


def shallow(tmp_path: Path) -> GitRepository:
    """Return a clone that has but the last commit."""
    origin = with_two_tests(GitRepository.create(tmp_path / "origin"))
    origin.git("clone", "--quiet", "--depth=1", origin.folder.as_uri(), "../project")
    return origin.at(tmp_path / "project")


def blobless(tmp_path: Path) -> GitRepository:
    """Return a clone that has the files of its checkout and no other."""
    origin = with_two_tests(GitRepository.create(tmp_path / "origin"))
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("clone", "--quiet", "--filter=blob:none", origin.folder.as_uri(), "../project")
    return origin.at(tmp_path / "project")


def plain(tmp_path: Path) -> GitRepository:
    """Return the usual case, for comparison."""
    return with_two_tests(GitRepository.create(tmp_path / "project"))


PLACES: dict[str, Callable[[Path], GitRepository]] = {
    made.__name__: made
    for made in (
        plain,
        subfolder,
        odd_names,
        work_tree,
        submodule,
        split_index,
        sparse_index,
        hooks_elsewhere,
        shallow,
        blobless,
    )
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("is_staged", [False, True])
def test_gc_and_restore_work(tmp_path: Path, place: str, *, is_staged: bool) -> None:
    """A removed test loses its recordings, a blob that was never committed goes to the trash, and all comes back."""
    project = PLACES[place](tmp_path)
    project.test_file("tests/test_a.py", "test_b")
    if is_staged:
        project.git("add", "--all")
    loose = project.record("tests/test_b.py::test_c", "never committed")
    project.forget("tests/test_b.py::test_c")
    manifest = project.store.manifest(A)
    assert manifest is not None
    own = [entry.blob for entry in manifest.entries if project.store.get(entry).response.body.value["answer"] == "of a"]  # type: ignore[union-attr,index,call-overload]
    (tmp_path / "called").unlink(missing_ok=True)

    outcome = project.gc(GcOptions(is_staged=is_staged))
    assert not (tmp_path / "called").exists()
    gone = {row.path: row.keeper for row in outcome.removals}

    assert {manifest_path(A), own[0].path, loose.path} == set(gone)
    assert IN_TRASH == gone[loose.path]
    assert all(keeper.startswith("commit ") for path, keeper in gone.items() if path != loose.path)
    assert () == verify_store(project.store).problems
    if is_staged:
        assert f".recstore/{manifest_path(A)}" not in project.git("ls-files")
    with project.opened() as repository:
        assert {loose.path, own[0].path} == {found.path for found in heal(project.store, repository, [loose, own[0]])}


def test_a_sparse_checkout_deletes_nothing(tmp_path: Path) -> None:
    """Manifests, test files and blobs that are not checked out are absent, not deleted."""
    project = with_two_tests(GitRepository.create(tmp_path / "project"))
    project.git("sparse-checkout", "set", "--no-cone", "/.recstore/", "!/.recstore/tests/", "!/tests/")
    assert not (project.folder / "tests").exists()
    assert not project.has_manifest(A)

    assert () == project.gc().removals
    assert () == project.gc(STAGED).removals
    project.git("sparse-checkout", "set", "--no-cone", "/.recstore/", "!/tests/")

    assert project.has_manifest(A)
    assert () == project.gc().removals


def test_a_sparse_checkout_of_manifests_alone_keeps_the_rest_in_the_index(tmp_path: Path) -> None:
    """With blobs left out, a removed test's blob leaves the index, and no other one does."""
    project = with_two_tests(GitRepository.create(tmp_path / "project"))
    project.git("sparse-checkout", "set", "--no-cone", "/*", "!/.recstore/blobs/")
    project.test_file("tests/test_a.py", "test_b")
    project.git("add", "tests")

    outcome = project.gc(STAGED)

    assert [("", True)] == [
        (row.oid, bool(row.staged_oid)) for row in outcome.removals if row.path.startswith("blobs/")
    ]
    assert 2 == project.git("ls-files", ".recstore/blobs").count(".json")


def test_a_shallow_clone_anchors_what_it_has_not(tmp_path: Path) -> None:
    """What is in history beyond the boundary is not here: such a blob goes to the trash before it goes."""
    origin = GitRepository.create(tmp_path / "origin")
    blob = origin.record(A, "long ago")
    data = origin.store.read_blob(blob)
    origin.commit()
    origin.forget(A)
    origin.store.directory.remove(blob.path)
    origin.commit()
    origin.git("clone", "--quiet", "--depth=1", origin.folder.as_uri(), "../project")
    project = origin.at(tmp_path / "project")
    project.store.put_encoded(blob, data)

    assert [IN_TRASH] == [row.keeper for row in project.gc().removals]
    project.git("fetch", "--quiet", "--unshallow")
    project.store.put_encoded(blob, data)

    assert [f"commit {origin.git('rev-parse', 'HEAD~1')[:12]}"] == [row.keeper for row in project.gc().removals]


def test_a_blobless_clone_counts_what_is_here_and_heals_from_its_remote(tmp_path: Path) -> None:
    """A promised object is no copy: its bytes are written first. What is missing is fetched, once it is asked for."""
    origin = GitRepository.create(tmp_path / "origin")
    blob = origin.record(A, "long ago")
    data = origin.store.read_blob(blob)
    origin.commit()
    origin.forget(A)
    origin.store.directory.remove(blob.path)
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.commit()
    origin.git("clone", "--quiet", "--filter=blob:none", origin.folder.as_uri(), "../project")
    project = origin.at(tmp_path / "project")
    project.store.put_encoded(blob, data)
    oid = project.git("hash-object", f".recstore/{blob.path}")

    with project.opened() as repository:
        assert not repository.objects.has(oid)
    assert [IN_TRASH] == [row.keeper for row in project.plan().removals]
    project.store.directory.remove(blob.path)
    with project.opened() as repository:
        heal(project.store, repository, [blob])

    assert data == project.store.read_blob(blob)


def test_a_branch_of_a_blobless_clone_is_read(tmp_path: Path) -> None:
    """The manifests of a remote branch that was never checked out are fetched, and protect their blobs."""
    origin = with_two_tests(GitRepository.create(tmp_path / "origin"))
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("checkout", "--quiet", "-b", "side")
    blob = origin.record("tests/test_a.py::test_c", "side")
    data = origin.store.read_blob(blob)
    origin.commit()
    origin.git("checkout", "--quiet", "main")
    origin.git("clone", "--quiet", "--filter=blob:none", origin.folder.as_uri(), "../project")
    project = origin.at(tmp_path / "project")
    project.store.put_encoded(blob, data)

    plan = project.plan()

    assert ((), ["remotes/origin/side"]) == (plan.removals, [blob.needed_by for blob in plan.protected])


def test_the_trash_is_the_repositorys_and_each_store_sees_its_own(tmp_path: Path) -> None:
    """Two projects of one repository share the ref; neither lists what the other threw away."""
    one = GitRepository.create(tmp_path / "project", "one")
    two = GitRepository(one.folder, "two")
    Store.create(two.home)
    for project in (one, two):
        blob = project.record(A, project.project)
        project.forget(A)
        project.gc()
        with project.opened() as repository:
            assert [[blob.path]] == [list(run.files) for run in Trash(repository).runs()]


def test_variables_of_a_calling_git_command_do_not_lead_astray(tmp_path: Path) -> None:
    """A hook of another repository that runs the tests leaves its variables behind: they are not ours."""
    project = plain(tmp_path)
    other = GitRepository.create(tmp_path / "other")
    variables = {
        "GIT_DIR": str(other.folder / ".git"),
        "GIT_INDEX_FILE": str(other.folder / ".git/index"),
        "GIT_OBJECT_DIRECTORY": os.devnull,
        "GIT_PREFIX": "x/",
    }

    with project.opened(**variables) as repository:
        assert project.git("rev-parse", "HEAD") == repository.head
        assert any(entry.path.startswith("tests/") for entry in repository.index())


def test_a_work_tree_apart_from_its_repository_is_found_by_both_variables(tmp_path: Path) -> None:
    """`GIT_DIR` with `GIT_WORK_TREE` names a repository that no folder shows."""
    project = plain(tmp_path)
    (project.folder / ".git").rename(tmp_path / "apart")
    variables = {"GIT_DIR": str(tmp_path / "apart"), "GIT_WORK_TREE": str(project.folder)}

    with project.opened(**variables) as repository:
        assert (".recstore/", project.folder) == (repository.prefix, repository.top_folder)
        assert repository.store_files(repository.head or "", "tests")


def test_an_unborn_branch_has_no_history(tmp_path: Path) -> None:
    """Before the first commit gc anchors, removes and restores like at any other time."""
    project = GitRepository(tmp_path / "project")
    project.folder.mkdir()
    project.git("init", "--quiet")
    Store.create(project.folder)
    blob = project.record(A, "first")
    project.git("add", "--all")
    assert () == project.gc().removals
    project.git("rm", "--quiet", "-r", "--cached", ".recstore")
    project.forget(A)

    assert [IN_TRASH] == [row.keeper for row in project.gc(STAGED).removals]
    with project.opened() as repository:
        heal(project.store, repository, [blob])
    assert project.has(blob)


def test_a_test_that_a_blobless_clone_has_not_is_fetched_to_be_restored(tmp_path: Path) -> None:
    """Its manifest, too; out of reach of the remote that is said, and not that there never was such a test."""
    origin = with_two_tests(GitRepository.create(tmp_path / "origin"))
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.forget(B)
    origin.commit()
    for name in ("offline", "online"):
        origin.git("clone", "--quiet", "--filter=blob:none", origin.folder.as_uri(), f"../{name}")
    project, cut_off = origin.at(tmp_path / "online"), origin.at(tmp_path / "offline")
    cut_off.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))

    with project.opened() as repository:
        execute_restore(project.store, plan_restore(project.store, repository, B))
    with cut_off.opened() as repository, pytest.raises(GitError, match="nowhere"):
        plan_restore(cut_off.store, repository, B)

    assert project.has_manifest(B)


def test_a_path_with_a_line_break_is_refused(tmp_path: Path) -> None:
    """Git's answers cannot be told apart there: better no answer than one about another folder."""
    project = GitRepository.create(tmp_path / "project", "a\nb")

    with pytest.raises(GitError, match="line break"), project.opened():
        pass


def test_a_path_that_begins_with_a_quote_is_no_quoted_path(tmp_path: Path) -> None:
    """What no commit has reaches the trash from there as well."""
    project = GitRepository.create(tmp_path / "project", '"quoted"')
    project.record(A, "never committed")
    project.forget(A)

    assert [IN_TRASH] == [row.keeper for row in project.gc().removals]
