"""What is gone comes back: from the index, the trash, history, any ref, or what reflogs remember."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recstore.check.check import Check, parse_range
from recstore.check.restore import EVERYTHING, RestorePlan, execute_restore, plan_restore, trash_contents
from recstore.errors import GitError, NotInStore, UsageError
from recstore.git.history import find_blobs, heal
from recstore.model import BlobName
from recstore.secrets.redact import SecretScan
from recstore.store.manifest import manifest_path
from recstore.store.verify import verify_store
from tests.git_repository import NOW_S, GitRepository, recording
from tests.hooked import recstore

A, B = "tests/test_a.py::test_a", "tests/test_a.py::test_b"


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with an empty store."""
    return GitRepository.create(tmp_path / "project")


def remove(project: GitRepository, test_id: str, blob: BlobName) -> None:
    """Remove a test's manifest and blob, as `rm` would."""
    project.forget(test_id)
    project.store.directory.remove(blob.path)


def restore(project: GitRepository, what: str, *, revision: str = "", is_forced: bool = False) -> RestorePlan:
    """Plan and execute."""
    with project.opened() as repository:
        plan = plan_restore(project.store, repository, what, revision=revision, is_forced=is_forced)
    execute_restore(project.store, plan)
    return plan


def staged(project: GitRepository) -> BlobName:
    """Stage a recording, then remove it from the work tree."""
    blob = project.record(A, "it")
    project.git("add", "--all")
    remove(project, A, blob)
    return blob


def in_trash(project: GitRepository) -> BlobName:
    """Record, and have gc throw it away before it was ever committed."""
    project.test_file("tests/test_a.py", "test_a")
    project.commit()
    blob = project.record(A, "it")
    project.test_file("tests/test_a.py")
    project.gc()
    assert not project.has(blob)
    return blob


def committed(project: GitRepository) -> BlobName:
    """Commit a recording, and commit its removal."""
    blob = project.record(A, "it")
    project.commit()
    remove(project, A, blob)
    project.commit()
    return blob


def on_a_branch(project: GitRepository) -> BlobName:
    """Commit a recording on another branch."""
    project.git("checkout", "--quiet", "-b", "side")
    blob = project.record(A, "it")
    project.commit()
    project.git("checkout", "--quiet", "main")
    return blob


def tagged(project: GitRepository) -> BlobName:
    """Commit a recording on a branch that only a tag remembers."""
    blob = on_a_branch(project)
    project.git("tag", "--annotate", "--message", "x", "kept", "side")
    project.git("branch", "--quiet", "-D", "side")
    return blob


def stashed(project: GitRepository) -> BlobName:
    """Stash a recording that Git did not know."""
    blob = project.record(A, "it")
    project.git("stash", "--include-untracked")
    return blob


def stashed_twice(project: GitRepository) -> BlobName:
    """Stash something else on top."""
    blob = stashed(project)
    project.write("README", "x")
    project.git("stash", "--include-untracked")
    return blob


def undone(project: GitRepository) -> BlobName:
    """Commit a recording, and go back: only the reflog remembers, and soon not even ORIG_HEAD."""
    blob = project.record(A, "it")
    project.commit()
    project.git("reset", "--hard", "--quiet", "HEAD~1")
    project.git("update-ref", "-d", "ORIG_HEAD")
    return blob


def lost_in_a_merge(project: GitRepository) -> BlobName:
    """Commit a recording on a branch, and merge it with everything of it left out."""
    blob = on_a_branch(project)
    project.write("README", "x")
    project.commit()
    project.git("merge", "--strategy", "ours", "--no-edit", "side")
    project.git("branch", "--quiet", "-D", "side")
    return blob


def made_in_a_merge(project: GitRepository) -> BlobName:
    """Record while merging: neither parent has it, and a later commit removes it."""
    project.git("checkout", "--quiet", "-b", "side")
    project.write("SIDE", "x")
    project.commit()
    project.git("checkout", "--quiet", "main")
    project.write("README", "x")
    project.commit()
    project.git("merge", "--no-commit", "side")
    blob = project.record(A, "it")
    project.commit()
    remove(project, A, blob)
    project.commit()
    return blob


PLACES: dict[str, Callable[[GitRepository], BlobName]] = {
    make.__name__: make
    for make in (
        staged,
        in_trash,
        committed,
        on_a_branch,
        tagged,
        stashed,
        stashed_twice,
        undone,
        lost_in_a_merge,
        made_in_a_merge,
    )
}


@pytest.mark.parametrize("place", PLACES)
def test_a_test_comes_back_from_wherever_it_is(project: GitRepository, place: str) -> None:
    """Its manifest and its blob, byte for byte."""
    blob = PLACES[place](project)
    assert (False, False) == (project.has(blob), project.has_manifest(A))

    plan = restore(project, A)

    assert {blob.path, manifest_path(A)} == {file.path for file in plan.files}
    assert () == verify_store(project.store).problems


@pytest.mark.parametrize("place", PLACES)
def test_a_missing_blob_is_healed_from_wherever_it_is(project: GitRepository, place: str) -> None:
    """A manifest that dangles gets its blob back; healing again finds nothing to do."""
    blob = PLACES[place](project)

    with project.opened() as repository:
        assert [blob.path] == [found.path for found in heal(project.store, repository, [blob])]
        assert () == heal(project.store, repository, [blob])
    assert project.store.read_blob(blob)


def test_what_is_nearest_is_taken(project: GitRepository) -> None:
    """Of two versions of a manifest, the one of HEAD's history that is the youngest."""
    for answer in ("oldest", "older", "youngest"):
        blob = project.record(A, answer)
        project.commit()
    project.git("checkout", "--quiet", "-b", "side")
    project.record(A, "elsewhere")
    project.commit()
    project.git("checkout", "--quiet", "main")
    remove(project, A, blob)
    project.commit()

    restore(project, A)

    manifest = project.store.manifest(A)
    assert manifest is not None
    assert [blob] == [entry.blob for entry in manifest.entries]


def test_bytes_that_do_not_fit_are_not_taken(project: GitRepository) -> None:
    """A damaged blob was committed, and mended later: the sound one comes back."""
    blob = project.record(A, "it")
    sound = project.store.read_blob(blob)
    project.commit()
    project.store.directory.write(blob.path, b"damaged\n")
    project.commit()
    project.store.directory.remove(blob.path)
    project.commit()

    with project.opened() as repository:
        assert [sound] == [found.data for found in find_blobs(repository, [blob])]


def test_without_a_name_it_is_what_the_tests_here_miss(project: GitRepository) -> None:
    """Every blob that a manifest of the work tree names, and no test that was removed."""
    one, two = project.record(A, "one"), project.record(B, "two")
    project.commit()
    remove(project, A, one)
    project.store.directory.remove(two.path)
    project.commit()

    plan = restore(project, "")

    assert [two.path] == [file.path for file in plan.files]
    assert not project.has_manifest(A)


def test_what_is_nowhere_is_said(project: GitRepository) -> None:
    """A blob that no place has is missing; the rest comes back."""
    one, two = project.record(A, "one"), project.record(B, "two")
    project.store.directory.remove(one.path)
    project.git("add", "--all")
    project.git("commit", "--quiet", "-m", "without one")
    project.store.directory.remove(two.path)

    plan = restore(project, "")

    assert ([two.path], (one,)) == ([file.path for file in plan.files], plan.missing)


def test_the_first_digits_name_a_recording(project: GitRepository) -> None:
    """Of its key or of its digest; what begins several names is refused."""
    blob = committed(project)
    assert [blob.path] == [file.path for file in restore(project, blob.key[:8]).files]
    project.store.directory.remove(blob.path)
    assert [blob.path] == [file.path for file in restore(project, blob.digest[:8]).files]

    with pytest.raises(NotInStore):
        restore(project, "0000")


def test_a_revision_is_the_only_place_if_it_is_named(project: GitRepository) -> None:
    """That commit's manifest, in place of another one only if forced; its blobs from wherever they are."""
    old = project.record(A, "old")
    first = project.commit()
    remove(project, A, old)
    new = project.record(A, "new")
    project.commit()

    with pytest.raises(UsageError, match="is there, and another one"):
        restore(project, A, revision=first)
    with pytest.raises(GitError, match="is not a commit"):
        restore(project, A, revision="no-such-thing")
    restore(project, A, revision=first, is_forced=True)

    manifest = project.store.manifest(A)
    assert manifest is not None
    assert [old] == [entry.blob for entry in manifest.entries]
    assert (True, True) == (project.has(old), project.has(new))


def test_everything_is_the_trash(project: GitRepository) -> None:
    """What gc threw away over several runs comes back at once, and the list says what that is."""
    project.test_file("tests/test_a.py", "test_a", "test_b")
    project.commit()
    one = project.record(A, "one")
    project.record(B, "two")
    project.test_file("tests/test_a.py", "test_b")
    project.gc()
    project.test_file("tests/test_a.py")
    project.gc(now_s=NOW_S + 1)
    with project.opened() as repository:
        listed = [(run.time_s, run.tests) for run in trash_contents(repository)]

    plan = restore(project, EVERYTHING)

    assert [(NOW_S + 1, (B,)), (NOW_S, (A,))] == listed
    assert (4, True) == (len(plan.files), project.has(one))
    assert {A, B} == set(project.store.tests())
    assert () == verify_store(project.store).problems


def test_everything_of_a_revision_is_that_commits_store(project: GitRepository) -> None:
    """All its tests that are not here."""
    blob = committed(project)

    restore(project, EVERYTHING, revision="HEAD~1")

    assert (True, True) == (project.has(blob), project.has_manifest(A))


def test_a_name_that_nothing_has_is_an_error(project: GitRepository) -> None:
    """Neither a test nor a recording."""
    with pytest.raises(NotInStore, match="nothing is called so in the trash"):
        restore(project, "tests/test_a.py::test_never")
    with pytest.raises(NotInStore, match="nothing is called so in HEAD"):
        restore(project, "tests/test_a.py::test_never", revision="HEAD")
    with pytest.raises(NotInStore, match="the trash: has nothing"):
        restore(project, EVERYTHING)


def test_a_test_in_a_deep_folder_is_found(project: GitRepository) -> None:
    """Manifests keep eight folders of a path: the search does not depend on the others."""
    test_id = "/".join("abcdefghijkl") + "/test_a.py::test_a"
    blob = project.record(test_id, "deep")
    project.commit()
    remove(project, test_id, blob)
    project.commit()

    restore(project, test_id.rpartition("::")[0])

    assert [test_id] == list(project.store.tests())


def test_the_order_of_removal_makes_restoring_whole(project: GitRepository) -> None:
    """A test that shares a blob with a living one comes back whole: what is there already is said."""
    shared = project.record(B, "shared")
    project.record(A, "shared")
    project.commit()
    project.forget(A)
    project.commit()

    plan = restore(project, A)

    assert ([manifest_path(A)], (shared.path,)) == ([file.path for file in plan.files], plan.present)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "other bytes": lambda _: b"no object",
    "cut off": lambda data: data[: len(data) // 2],
    "a bit flipped": lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_object_of_gits_is_no_copy(project: GitRepository, damage: str) -> None:
    """The recording stays where it is whole; others are restored all the same; and a push says what is wrong."""
    project.test_file("tests/test_a.py", "test_a", "test_b")
    blob, other = project.record(A, "of a"), project.record(B, "of b")
    project.commit()
    oid = project.git("rev-parse", f":.recstore/{blob.path}")
    file = project.folder / ".git/objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    project.test_file("tests/test_a.py", "test_b")

    with pytest.raises(GitError, match="is damaged"):
        project.gc()
    assert (True, True) == (project.has(blob), project.has_manifest(A))
    with project.opened() as repository:
        span = parse_range(repository, "HEAD~1..HEAD")
        check = Check(project.store)
        check.check_range(repository, span, SecretScan())
        assert ["damage"] == [finding.kind for finding in check.findings]
        for name in (blob, other):
            project.store.directory.remove(name.path)
        assert [other.path] == [found.path for found in heal(project.store, repository, [blob, other])]


def test_a_revision_that_a_script_left_empty_is_wrong_use(project: GitRepository) -> None:
    """Everything would be looked through, where one commit was meant."""
    done = recstore(project, "restore", "--from", "", "--all")

    assert (2, True) == (done.returncode, "--from: names nothing" in done.stderr)


@pytest.mark.parametrize("count", [1, 101])
def test_a_blob_is_found_where_the_project_once_was(tmp_path: Path, count: int) -> None:
    """A project that moved to another folder has the history of the old one; a blob's name says which it is."""
    project = GitRepository.create(tmp_path / "project", "old")
    manifest = project.store.put(A, [recording(f"answer {number}") for number in range(count)])
    project.commit()
    project.git("rm", "--quiet", "-r", "old/.recstore/blobs")
    project.git("commit", "--quiet", "-m", "gc")
    project.git("mv", "old", "new [folder]")
    project.commit()
    moved = GitRepository(project.folder, "new [folder]")
    blobs = [entry.blob for entry in manifest.entries]

    with moved.opened() as repository:
        assert count == len(heal(moved.store, repository, blobs))
    assert {True} == {moved.has(blob) for blob in blobs}


def test_nothing_to_write_waits_for_nobody(project: GitRepository) -> None:
    """Another process may hold the store while all is there."""
    committed(project)

    with project.store.locked():
        assert () == restore(project, "").files
