"""Repair after a report that is old by now: what others wrote meanwhile is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from recstore.check.restore import Repaired, repair
from recstore.content.canonical import request_key
from recstore.model import BlobName, Digest, Manifest
from recstore.store import Store
from recstore.store.blob import encode_recording
from recstore.store.manifest import manifest_path
from recstore.store.verify import VerifyReport, verify_store
from tests.git_repository import GitRepository, recording

A: Final = "tests/test_a.py::test_a"


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with one recording, committed."""
    made = GitRepository.create(tmp_path / "project")
    made.record(A, "old")
    made.commit()
    return made


def manifest_of(store: Store) -> Manifest:
    """Return what the test has."""
    found = store.manifest(A)
    assert found is not None
    return found


def repaired(project: GitRepository, report: VerifyReport) -> Repaired:
    """Repair what the report names, with Git at hand."""
    with project.opened() as repository:
        return repair(project.store, repository, report.damaged_files, report.missing_files)


def files_of(done: Repaired) -> set[str]:
    """Return the paths that were put back."""
    return {file.path for file in done.files}


def test_a_damaged_manifest_is_kept_aside_and_replaced(project: GitRepository) -> None:
    """Where nobody was faster."""
    path = manifest_path(A)
    file = project.store.directory.path(path)
    sound, damaged = file.read_bytes(), file.read_bytes()[:-9] + b"deadbeef\n"
    file.write_bytes(damaged)
    done = repaired(project, verify_store(project.store))

    assert {path} == files_of(done)
    assert [damaged] == [path.read_bytes() for path in done.quarantined]
    assert sound == file.read_bytes()


def test_a_manifest_that_was_published_meanwhile_stays(project: GitRepository) -> None:
    """It was damaged when the report was made, and has been recorded anew."""
    store = project.store
    file = store.directory.path(manifest_path(A))
    file.write_bytes(file.read_bytes()[:-9] + b"deadbeef\n")
    report = verify_store(store)
    file.unlink()
    store.put(A, [recording("new")])
    done = repaired(project, report)

    assert ((), set()) == (done.quarantined, files_of(done))
    assert [recording("new")] == [store.get(entry) for entry in manifest_of(store).entries]


def test_a_manifest_that_was_a_link_and_is_none_by_now_stays(project: GitRepository) -> None:
    """What is in its place is somebody's recording."""
    store = project.store
    file = store.directory.path(manifest_path(A))
    file.unlink()
    file.symlink_to("/dev/zero")
    report = verify_store(store)
    file.unlink()
    store.put(A, [recording("new")])
    done = repaired(project, report)

    assert ((), set()) == (done.quarantined, files_of(done))
    assert [recording("new")] == [store.get(entry) for entry in manifest_of(store).entries]


def test_a_blob_that_is_sound_by_now_stays(project: GitRepository) -> None:
    """Not in quarantine, from where nothing would bring it back: it is in no commit."""
    store = project.store
    store.put(A, [recording("in no commit")])
    file = store.directory.path(manifest_of(store).entries[0].blob.path)
    sound = file.read_bytes()
    file.write_bytes(b"damaged")
    report = verify_store(store)
    file.write_bytes(sound)
    done = repaired(project, report)

    assert 1 == len(report.damaged_files)
    assert () == done.quarantined
    assert sound == file.read_bytes()
    assert () == verify_store(store).problems


@pytest.mark.parametrize("is_repository", [True, False])
def test_damaged_files_that_are_gone_by_now_are_no_error(project: GitRepository, *, is_repository: bool) -> None:
    """Somebody has removed them: what Git has comes back, with and without damage."""
    names = ["blobs/ab/nothing.json", f"{manifest_path(A)}x", manifest_of(project.store).entries[0].blob.path]
    project.store.directory.remove(names[-1])
    with project.opened() as repository:
        done = repair(project.store, repository if is_repository else None, names, ())

    assert () == done.quarantined
    assert ({names[-1]} if is_repository else set()) == files_of(done)


def test_a_blob_that_is_damaged_still_is_moved_away_whatever_is_wrong_with_it(project: GitRepository) -> None:
    """A copy in the wrong folder, one under the key of another request, one that no recstore writes, a name that is none."""
    store = project.store
    [sound] = [entry.blob for entry in manifest_of(store).entries]
    data = encode_recording(recording("another"))
    loose = data + b"\n \n"
    own = request_key(recording("another").request)
    spoilt = {
        f"blobs/zz/{sound}.json": store.directory.read(sound.path) or b"",
        BlobName(sound.key, Digest.of(data)).path: data,
        BlobName(own, Digest.of(loose)).path: loose,
        "blobs/ab/name.json": data,
    }
    for name, text in spoilt.items():
        store.directory.write(name, text)
    done = repaired(project, verify_store(store))

    assert 4 == len(done.quarantined)
    assert () == verify_store(store).problems
    assert [sound] == list(store.blobs())
