"""verify: every kind of damage is named, and nothing sound is."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.errors import Damage, NotInStore
from recstore.model import BlobName, Digest, JsonBody, Recording, Request, Response
from recstore.store import Store
from recstore.store.blob import encode_recording
from recstore.store.fingerprints import save_note
from recstore.store.verify import last_verified, quarantine, verify_store

TEST = "tests/test_a.py::test_a"
RECORDING = Recording(Request("POST", "a", "/", body=JsonBody({"n": 1})), Response(body=JsonBody({"answer": [1]})))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with one test and one recording."""
    store = Store.create(tmp_path)
    store.put(TEST, [RECORDING])
    return store


def only_blob(store: Store) -> BlobName:
    """Return the one blob there is."""
    [blob] = store.blobs()
    return blob


def test_a_sound_store_has_no_problems(store: Store) -> None:
    """Nothing is found where nothing is wrong, and all of it was looked at."""
    report = verify_store(store)

    assert ((), 1, 1, 1) == (report.problems, report.blobs, report.manifests, report.entries)


def test_every_bit_that_flips_is_found(store: Store) -> None:
    """Whichever bit of a blob or manifest flips, verify names a file."""
    manifest = next(store.manifest_paths())
    for name in (only_blob(store).path, manifest):
        path = store.directory.path(name)
        good = path.read_bytes()
        for place in range(len(good)):
            path.write_bytes(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])

            assert verify_store(store).problems, (name, place)
        path.write_bytes(good)


@pytest.mark.parametrize(
    "change",
    [
        (b'"answer":', b'"answer": '),
        (b"[1]", b"[123456789012345678901234567890]"),
        (b"[1]", b"[" * 400 + b"]" * 400),
        (b'{"recstore":1,', b'{"recstore":1,"recstore":1,'),
        (b'"method":"POST"', b'"method":"GET"'),
        (b'"json":{\n"answer":[1]\n}', b'"json":null,"layout":"nonsense"'),
    ],
)
def test_a_blob_with_a_fitting_name_can_still_be_damaged(store: Store, change: tuple[bytes, bytes]) -> None:
    """A name made to fit what somebody wrote does not make it what a blob must be."""
    data = encode_recording(RECORDING).replace(*change)
    blob = BlobName(only_blob(store).key, Digest.of(data))
    store.directory.write(blob.path, data)

    report = verify_store(store)

    assert (blob.path,) == report.damaged_files


def test_a_missing_blob_is_missing_and_not_damaged(store: Store) -> None:
    """What is not there is named with the test that wants it."""
    store.directory.remove(only_blob(store).path)

    [problem] = verify_store(store).problems

    assert isinstance(problem, NotInStore)
    assert TEST in str(problem)


def test_a_stranger_among_the_blobs_is_named(store: Store) -> None:
    """A file without a blob's name, or in another's folder, is damage."""
    store.directory.write("blobs/notes.txt", b"mine")

    [problem] = verify_store(store).problems

    assert isinstance(problem, Damage)
    assert "blobs/notes.txt" in str(problem)


def test_what_nothing_names_is_told_and_is_no_problem(store: Store) -> None:
    """A blob whose manifest is gone is sound, and what a crash left is harmless."""
    store.directory.write("tests/.tmp-0123", b"half a mani")
    store.put(TEST, [])

    report = verify_store(store)

    assert ((), 1, ("tests/.tmp-0123",)) == (report.problems, len(report.unreferenced), report.temporary_files)


def test_what_is_moved_away_overwrites_nothing(store: Store) -> None:
    """Two damaged files of one name are both kept."""
    name = only_blob(store).path
    kept: list[Path] = []
    for number in range(2):
        store.directory.write(name, b"damage %d" % number)
        kept += quarantine(store, verify_store(store).damaged_files)

    assert [b"damage 0", b"damage 1"] == [path.read_bytes() for path in kept]
    assert store.directory.read(name) is None


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"files": {"a": [1, 2]}, "since": 4},
        {"files": {"a": ["x", 2, 3]}, "since": 4},
        {"files": [], "since": 4},
        {"files": {"a": [1, 2, 3]}},
        {"files": {"a": [1, 2, 3]}, "since": []},
    ],
)
def test_a_damaged_note_of_sound_blobs_names_none(store: Store, members: dict[str, object]) -> None:
    """They are all read again."""
    save_note(store.local, "verified.json", 3, **members)

    assert ({}, 0) == last_verified(store)
