"""Interleavings of two writers that would lose something, each one made to happen: no sleep, no chance.

A call of `Directory` is the moment: the other writer does its part just before, or just after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from recstore.check.restore import execute_restore, plan_restore
from recstore.content.canonical import request_key
from recstore.errors import Locked
from recstore.gc.execute import execute_plan
from recstore.git import Repository
from recstore.importers.run import ImportOptions, import_paths
from recstore.model import BlobName, Digest, Entry, Recording
from recstore.record.publish import NewRecording, publish
from recstore.store import Store
from recstore.store.blob import encode_recording
from recstore.store.directory import Directory
from recstore.store.index import INDEX_NAME, Index
from recstore.store.verify import verify_store
from tests.generator import write_recordings
from tests.git_repository import NOW_S, GitRepository, recording

A, B = "tests/test_a.py::test_a", "tests/test_b.py::test_b"


@contextmanager
def when(
    store: Store, method: str, part: str, other: Callable[[], object], *, after: bool = False
) -> Iterator[list[str]]:
    """Have `other` happen once, when `store` calls the method of its directory for a path that begins with `part`."""
    plain: Callable[..., Any] = getattr(store.directory, method)
    came: list[str] = []

    def paused(name: str, *arguments: Any) -> Any:
        is_it = not came and name.startswith(part)
        if is_it:
            came.append(name)
        if is_it and not after:
            other()
        result = plain(name, *arguments)
        if is_it and after:
            other()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.directory, method, paused)
        yield came
    assert came, f"nothing came to {method} {part}"


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository whose store has a blob that nothing names, and that no commit has."""
    made = GitRepository.create(tmp_path / "project")
    made.test_file("tests/test_a.py", "test_a")
    made.test_file("tests/test_b.py", "test_b")
    made.record(B, "b")
    made.commit()
    made.store.put_blob(recording("unnamed"))
    made.store.directory.flush()
    return made


def new(made: Recording) -> NewRecording:
    """Return what a session hands over to be published."""
    data = encode_recording(made)
    return NewRecording(Entry(BlobName(request_key(made.request), Digest.of(data)), 1), data)


def swept(project: GitRepository) -> Callable[[], None]:
    """Return another process's gc, which was planned already, and waits for nobody."""
    plan = project.plan()

    def sweep() -> None:
        store = project.store
        locked = store.locked
        with pytest.MonkeyPatch.context() as patch, project.opened() as repository:
            patch.setattr(store, "locked", lambda: locked(0.0))
            execute_plan(store, repository, plan, NOW_S)

    return sweep


def refused(call: Callable[[], object]) -> Callable[[], None]:
    """Return the call, which must find the store locked."""

    def attempt() -> None:
        with pytest.raises(Locked):
            call()

    return attempt


WRITERS: dict[str, Callable[[Store], object]] = {
    "a session": lambda store: publish(store, A, [new(recording("unnamed"))], replaces=True),
    "a program": lambda store: store.put(A, [recording("unnamed")]),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_a_blob_that_a_recorder_found_is_not_swept(project: GitRepository, write: Callable[[Store], object]) -> None:
    """It is there, so that it need not be written, and nothing names it yet: gc, which planned to remove it, has to wait."""
    sweep, store = swept(project), project.store

    with when(store, "read", "blobs/", refused(sweep), after=True):
        write(store)
    sweep()

    assert () == verify_store(project.store).problems
    assert {A, B} == set(project.store.tests())


def test_a_blob_that_an_import_wrote_and_gc_swept_is_written_again(project: GitRepository) -> None:
    """An import writes its blobs before it takes the lock: what goes missing until then is brought again."""
    write_recordings(project.home / "tests/recordings", 2)
    store = project.store

    with gc_before_lock(project, store):
        import_paths(store, [project.home / "tests/recordings"], ImportOptions())

    assert () == verify_store(project.store).problems
    assert 3 == len(list(project.store.tests()))


@contextmanager
def gc_before_lock(project: GitRepository, store: Store) -> Iterator[None]:
    """Have another process's gc run just before `store` takes the lock."""
    locked = store.locked
    gone: list[int] = []

    def late(*arguments: float) -> Any:
        gone.append(len(project.gc().removals))
        return locked(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "locked", late)
        yield
    assert gone[0] > 1


def test_a_plan_of_gc_that_a_recorder_overtook_leaves_what_is_needed_now(project: GitRepository) -> None:
    """Between plan and execution a test has come to name the blob: it stays, and is said to have changed."""
    plan = project.plan()
    project.store.put(A, [recording("unnamed")])

    with project.opened() as repository:
        outcome = execute_plan(project.store, repository, plan, NOW_S)

    assert ((), 1) == (outcome.removals, len(outcome.left))
    assert () == verify_store(project.store).problems


def test_a_manifest_that_changes_while_the_index_reads_it_is_read_again(tmp_path: Path) -> None:
    """The index has read a manifest, and then it is replaced: the next question tells of the new one."""
    store = Store.create(tmp_path)
    store.put(A, [recording("old")])
    slow = Store(Directory(store.directory.root))

    with when(slow, "read", "tests/", lambda: store.put(A, [recording("new")]), after=True):
        Index(slow).close()

    [found] = {row.entry.blob for row in Index(slow).listing()}
    assert recording("new") == store.get(Entry(found, 1))


def test_two_builders_of_an_index_agree(tmp_path: Path) -> None:
    """One makes the database anew while another one writes it: both answer with what is in the store."""
    store = Store.create(tmp_path)
    store.put(A, [recording("a")])
    slow = Store(Directory(store.directory.root))

    def rebuild() -> None:
        store.local.path(INDEX_NAME).unlink()
        store.put(B, [recording("b")])
        Index(store).close()

    with when(slow, "read", "tests/", rebuild, after=True):
        Index(slow).close()

    assert [[A, B]] * 2 == [[row.test_id for row in Index(each).listing()] for each in (slow, store)]


def test_of_two_replacements_of_a_manifest_one_wins_whole(tmp_path: Path) -> None:
    """Two record the same test at once: what is left is what one of them recorded, and nothing of the other."""
    store = Store.create(tmp_path)
    other = Store(Directory(store.directory.root))
    late = Thread(target=lambda: other.put(A, [recording("second"), recording("shared")]))

    with when(store, "write", "tests/", late.start):  # it waits for the lock, which is held here
        store.put(A, [recording("first"), recording("shared")])
    late.join()

    manifest = store.manifest(A)
    assert manifest is not None
    assert {repr(recording("second")), repr(recording("shared"))} == {
        repr(store.get(entry)) for entry in manifest.entries
    }
    assert () == verify_store(store).problems


def test_two_additions_to_a_manifest_are_both_there(tmp_path: Path) -> None:
    """Two record only what is missing, for the same test and at once: the later one adds to what the earlier one wrote."""
    store = Store.create(tmp_path)
    other = Store(Directory(store.directory.root))
    late = Thread(target=lambda: publish(other, A, [new(recording("second"))], replaces=False))

    with when(store, "write", "tests/", late.start):
        publish(store, A, [new(recording("first"))], replaces=False)
    late.join()

    manifest = store.manifest(A)
    assert manifest is not None
    assert {repr(recording("first")), repr(recording("second"))} == {
        repr(store.get(entry)) for entry in manifest.entries
    }


TAKERS: dict[str, Callable[[GitRepository], object]] = {
    "stash": lambda project: project.git("stash", "--include-untracked"),
    "commit and checkout": lambda project: (project.commit(), project.git("checkout", "-q", "HEAD~1")),
}


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS.keys())
def test_blobs_that_git_takes_away_before_the_manifest_is_written_come_back(
    project: GitRepository, take: Callable[[GitRepository], object]
) -> None:
    """Git knows no lock of recstore's. The manifest names what is not there, and the first reader finds it in Git."""
    store = project.store

    with when(store, "write", "tests/", lambda: take(project)):
        publish(store, A, [new(recording("a")), new(recording("more"))], replaces=True)
    missing = {error.exit_code for error in verify_store(project.store).problems}
    with project.opened() as repository:
        healed = restored(project, repository)

    assert {10} == missing
    assert healed
    assert () == verify_store(project.store).problems


def restored(project: GitRepository, repository: Repository) -> tuple[str, ...]:
    """Bring back what tests here miss, and return the paths."""
    plan = plan_restore(project.store, repository, "")
    execute_restore(project.store, plan)
    return tuple(file.path for file in plan.files)
