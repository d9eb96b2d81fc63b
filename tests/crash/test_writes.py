"""A writer that fails or is stopped at any step leaves a store, and loses nothing that was published."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from recstore.errors import RecstoreError
from recstore.model import JsonBody, Manifest, Recording, Request, Response
from recstore.store import Store, directory
from recstore.store.directory import TEMPORARY_PREFIX
from recstore.store.index import Index
from recstore.store.verify import quarantine, verify_store
from tests.crash.system import StoppedError, System
from tests.effort import short_or_whole, some

OLD, NEW, KEPT = "tests/a.py::test_old", "tests/a.py::test_new", "tests/b.py::test_kept"


@pytest.fixture(autouse=True)
def _fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes time and changes nothing that a test could see; call four files many."""
    monkeypatch.setattr(directory, "_FEW", 3)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def recording(question: int, answer: str = "") -> Recording:
    """Return a recording of a question and its answer."""
    return Recording(Request("POST", "a", "/", body=JsonBody(question)), Response(200, body=JsonBody(answer)))


BEFORE = {OLD: [recording(1), recording(2)], KEPT: [recording(1), recording(3)]}
SHARED = recording(9)


def prepared(folder: Path) -> Store:
    """Return a store with what is published before anything goes wrong."""
    store = Store.create(folder)
    for test_id, recorded in BEFORE.items():
        store.put(test_id, recorded)
    store.put(None, [SHARED])
    return store


def put_again(store: Store) -> None:
    """Record other answers of a test, one of them twice, one as another test did."""
    store.put(OLD, [recording(1, "new"), recording(1, "new"), recording(3), recording(4)])


def put_new(store: Store) -> None:
    """Record a new test in a new folder."""
    store.put(NEW, [recording(1), recording(5, "x" * 100_000)])


def put_many(store: Store) -> None:
    """Record so many that they are made durable all at once."""
    store.put(NEW, [recording(number) for number in range(10, 14)])


def put_shared(store: Store) -> None:
    """Record outside any test, once what is known."""
    store.put(None, [SHARED, recording(6), recording(7)])


def withdraw(store: Store) -> None:
    """Remove a test, and after it a blob that nothing else names."""
    manifest = store.manifest(OLD)
    if manifest is not None:
        [entry] = store.find(recording(2).request, OLD)
        store.withdraw([manifest])
        store.directory.remove(entry.blob.path)


def create_again(store: Store) -> None:
    """Make a file anew that explains the store."""
    store.directory.remove("README.md")
    Store.create(store.directory.root.parent)


def refresh_index(store: Store) -> None:
    """Bring the index up to date."""
    Index(store).close()


at_most = short_or_whole("at_most", 4, None)
"""How many steps of each scenario are tried."""

SCENARIOS: list[Callable[[Store], None]] = [put_again, put_new, put_many, put_shared, withdraw, create_again]
ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES]


def recordings_of(store: Store, test_id: str) -> list[str] | None:
    """Return what a test has recorded, as text, None if it has no manifest."""
    manifest = store.manifest(test_id)
    return None if manifest is None else sorted(repr(store.get(entry)) for entry in manifest.entries)


def published(folder: Path) -> dict[str, bytes]:
    """Return every file of the store but the temporary ones."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(TEMPORARY_PREFIX))
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in files
        if file.relative_to(folder).parts[:2] != (".recstore", "local")
    }


def check(folder: Path, before: dict[str, bytes], finished: dict[str, bytes], where: str) -> None:
    """Hold the invariants: a sound store, all old recordings, nothing but whole files of before or after."""
    store = Store.open(folder)
    report = verify_store(store)
    assert () == report.problems, where
    assert all(Path(name).name.startswith(TEMPORARY_PREFIX) for name in report.temporary_files), where
    assert sorted(map(repr, BEFORE[KEPT])) == recordings_of(store, KEPT), where
    shared = [
        store.get(entry) for manifest in store.manifests() if manifest.test_id is None for entry in manifest.entries
    ]
    assert SHARED in shared, where
    for name, data in published(folder).items():
        assert data in (before.get(name), finished.get(name)), f"{where}: {name}"


def finished_by(scenario: Callable[[Store], None], folder: Path) -> dict[str, bytes]:
    """Return the files of a store in which all went well."""
    scenario(prepared(folder))
    return published(folder)


def sound_before(folder: Path) -> dict[str, bytes]:
    """Return the files of a store that nothing has happened to."""
    prepared(folder)
    return published(folder)


def step_count(scenario: Callable[[Store], None], folder: Path) -> int:
    """Return how many steps the scenario has."""
    store, system = prepared(folder), System()
    with pytest.MonkeyPatch.context() as patch:
        system.watch(patch)
        scenario(store)
    return len(system.log)


def steps(
    scenario: Callable[[Store], None],
    tmp_path: Path,
    at_most: int | None,
    error: int | None = None,
    *,
    torn: bool = False,
) -> list[tuple[str, Path]]:
    """Run the scenario once for each of its steps, that step going wrong; return what and where each was."""
    done: list[tuple[str, Path]] = []
    prepared(tmp_path / "template")
    for step in some(range(step_count(scenario, tmp_path / "counted")), at_most):
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "template", folder)
        store = Store.open(folder)
        system = System(step, error, torn)
        with pytest.MonkeyPatch.context() as patch:
            system.watch(patch)
            try:
                scenario(store)
            except StoppedError:
                assert error is None
            except RecstoreError:
                assert error is not None
        if system.was_reached:
            done.append((f"step {step}, {' '.join(system.log[step])}", folder))
    assert done
    return done


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("torn", [False, True], ids=["after the call", "before or within the call"])
@at_most
def test_a_writer_that_is_stopped_leaves_a_store(
    tmp_path: Path,
    scenario: Callable[[Store], None],
    at_most: int | None,
    torn: bool,  # noqa: FBT001 - pytest's
) -> None:
    """After every step: no half file is read, no manifest names what is not there, and running it again completes it."""
    before, finished = sound_before(tmp_path / "before"), finished_by(scenario, tmp_path / "finished")

    for where, folder in steps(scenario, tmp_path, at_most, torn=torn):
        check(folder, before, finished, where)
        scenario(Store.open(folder))
        assert finished == {name: published(folder).get(name) for name in finished}, where


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@at_most
def test_a_call_that_fails_leaves_a_store(
    tmp_path: Path, scenario: Callable[[Store], None], at_most: int | None, error: int
) -> None:
    """Whichever it is: an error of the store or none, nothing half done, and running it again completes it."""
    before, finished = sound_before(tmp_path / "before"), finished_by(scenario, tmp_path / "finished")

    for where, folder in steps(scenario, tmp_path, at_most, error):
        check(folder, before, finished, where)
        scenario(Store.open(folder))
        assert finished == {name: published(folder).get(name) for name in finished}, where


@pytest.mark.parametrize("error", [None, *ERRORS])
@at_most
def test_an_index_that_was_not_completed_answers_the_same(
    tmp_path: Path, at_most: int | None, error: int | None
) -> None:
    """Wherever its writer was stopped or refused, the next question is answered as if it had not been."""
    expected = list(Index(prepared(tmp_path / "before")).listing())

    for where, folder in steps(refresh_index, tmp_path, at_most, error):
        assert expected == list(Index(Store.open(folder)).listing()), where


@pytest.mark.parametrize("scenario", SCENARIOS)
@at_most
def test_a_call_that_fails_once_does_not_spoil_the_store_in_memory(
    tmp_path: Path, scenario: Callable[[Store], None], at_most: int | None
) -> None:
    """The same `Store` can be used again when the disk has space again."""
    finished = finished_by(scenario, tmp_path / "finished")
    prepared(tmp_path / "template")

    for step in some(range(step_count(scenario, tmp_path / "counted")), at_most):
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "template", folder)
        store = Store.open(folder)
        system = System(step, errno.ENOSPC)
        with pytest.MonkeyPatch.context() as patch:
            system.watch(patch)
            with_error(scenario, store)
        scenario(store)
        assert finished == {name: published(folder).get(name) for name in finished}, system.log[step]


def with_error(scenario: Callable[[Store], None], store: Store) -> None:
    """Run the scenario; it may fail."""
    with suppress(RecstoreError):
        scenario(store)


def test_damage_is_moved_or_stays(tmp_path: Path) -> None:
    """A stop while a damaged blob is put away leaves it in one of the two places, whole."""
    for step in count():
        folder = tmp_path / str(step)
        store = prepared(folder)
        path = next(store.blobs()).path
        (store.directory.root / path).write_bytes(b"damaged")
        system = System(step)
        with pytest.MonkeyPatch.context() as patch:
            system.watch(patch)
            with suppress(StoppedError):
                quarantine(store, (path,))
        if not system.was_reached:
            return
        kept = [file for file in store.directory.root.rglob(Path(path).name) if file.read_bytes() == b"damaged"]
        assert 1 == len(kept), system.log[step]


# -- a power cut: what is not durable may be gone


def blobs_named_too_early(log: list[tuple[str, str]], root: Path) -> list[str]:
    """Return the blobs of manifests that were put in place before those blobs were made durable."""
    unsynced: set[str] = set()
    early = []
    for name, subject in log:
        relative = subject.removeprefix(f"{root}/")
        if name == "replace" and relative.startswith("blobs/"):
            unsynced.add(relative)
        elif name == "sync":
            unsynced.clear()
        elif name == "fsync":
            unsynced.discard(relative)
        elif name == "replace" and relative.startswith(("tests/", "shared/")):
            early += sorted(unsynced)
    return early


def committed(log: list[tuple[str, str]], store: Store) -> list[tuple[str, str]]:
    """Return the calls without those about local state, as the lock is: a power cut may take that."""
    return [(name, subject) for name, subject in log if not subject.startswith(str(store.local.root))]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_blobs_are_durable_before_a_manifest_names_them(tmp_path: Path, scenario: Callable[[Store], None]) -> None:
    """The order of the calls is that of format.md, section 6: blobs, sync, manifests, sync."""
    store = prepared(tmp_path)
    system = System()

    with pytest.MonkeyPatch.context() as patch:
        system.watch(patch)
        scenario(store)

    log = committed(system.log, store)
    assert [] == blobs_named_too_early(log, store.directory.root)
    written = [subject for name, subject in log if name == "replace"]
    synced = [subject for name, subject in log if name == "fsync"]
    if written:
        assert ("sync", "") in log or set(written) <= set(synced)
        assert log[-1][0] in ("sync", "fsync")


def test_a_blob_that_another_writer_has_just_left_is_made_durable_too(tmp_path: Path) -> None:
    """It is there, but its writer was killed before its sync: who names it must see to it."""
    store = prepared(tmp_path)
    blob = Store.open(tmp_path).put_blob(recording(8))
    system = System()

    with pytest.MonkeyPatch.context() as patch:
        system.watch(patch)
        store.put(NEW, [recording(8)])

    assert ("sync", "") in system.log or ("fsync", f"{store.directory.root}/{blob.path}") in system.log


def test_a_folder_that_was_made_is_made_durable_with_its_file(tmp_path: Path) -> None:
    """A file is only as durable as the entry of its folder in the one above it (POSIX `fsync`, rationale)."""
    store = prepared(tmp_path)
    system = System()

    with pytest.MonkeyPatch.context() as patch:
        system.watch(patch)
        store.put("elsewhere/deep/c.py::test_c", [recording(40)])

    log = committed(system.log, store)
    made = {str(Path(subject).parent) for name, subject in log if name == "mkdir" and Path(subject).is_dir()}
    synced = {subject for name, subject in log if name == "fsync"}
    assert ("sync", "") in log or made <= synced


def test_the_enumeration_sees_every_kind_of_call(tmp_path: Path) -> None:
    """Otherwise the tests above would prove less than they say."""
    system = System()

    with pytest.MonkeyPatch.context() as patch:
        for number, scenario in enumerate([*SCENARIOS, refresh_index]):
            store = prepared(tmp_path / str(number))
            with patch.context() as watched:
                system.watch(watched)
                scenario(store)

    expected = {"open", "write", "close", "replace", "unlink", "rmdir", "mkdir", "fsync", "sync"}
    expected |= {"connect", "sqlite"}  # the index
    assert expected == {name for name, _ in system.log}


def test_a_manifest_that_names_a_blob_too_early_would_be_seen(tmp_path: Path) -> None:
    """The check above bites: publishing before the sync is what it is there for."""
    store = prepared(tmp_path)
    system = System()

    with pytest.MonkeyPatch.context() as patch:
        system.watch(patch)
        blob = store.put_blob(recording(30))
        old = store.manifest(OLD)
        assert old is not None
        store.publish([Manifest(OLD, (*old.entries[:1], type(old.entries[0])(blob, 1)))])

    assert [blob.path] == blobs_named_too_early(system.log, store.directory.root)
