"""How the index follows the files."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from recstore.content.canonical import request_key
from recstore.errors import DamagedBlob, DamagedManifest, ManifestConflict, NewerVersion, RecstoreError
from recstore.model import BlobName, Digest, Entry, Json, JsonBody, Manifest, Recording, Request, Response
from recstore.store import Store
from recstore.store.directory import Directory
from recstore.store.fingerprints import FileCache
from recstore.store.index import INDEX_NAME, BlobState, EntryFilter, Index
from recstore.store.manifest import MANIFEST_FOLDERS, format_manifest, manifest_path

CHAT, IMAGE = "tests/test_chat.py::test_answer[what?]", "tests/test_image.py::test_image"
HOUR_NS = 3_600_000_000_000
LONG_AGO_NS = 1_600_000_000_000_000_000


def _recording(prompt: str = "Hello", answer: str = "Yes") -> Recording:
    body: Json = {"model": "gpt-4o", "prompt": prompt}
    request = Request("POST", "openai", "/v1/chat/completions", body=JsonBody(body))
    return Recording(request, Response(status=200, body=JsonBody({"answer": answer})))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store.create(tmp_path)


def _let_rest(store: Store) -> None:
    """Make every manifest look as if it had been written long ago."""
    for path in store.manifest_paths():
        os.utime(store.directory.path(path), ns=(LONG_AGO_NS, LONG_AGO_NS))


def _files_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the name of every file that is read from now on is added."""
    names: list[str] = []
    read = store.directory.read

    def noting_read(name: str) -> bytes | None:
        names.append(name)
        return read(name)

    monkeypatch.setattr(store.directory, "read", noting_read)
    return names


def _flip_byte(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])


def test_nothing_is_read_when_nothing_has_changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest at rest and a known blob are trusted, by another process too."""
    store.put(CHAT, [_recording()])
    _let_rest(store)
    Index(store).close()
    again = Store(Directory(store.directory.root))
    names = _files_read(again, monkeypatch)
    rows = list(Index(again).listing())

    assert ([], 1) == (names, len(rows))


def test_only_what_has_changed_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new blob and a rewritten manifest are read; what was known is not."""
    store.put(CHAT, [_recording("a"), _recording("b")])
    store.put(IMAGE, [_recording("a")])
    _let_rest(store)
    Index(store).close()
    store.put(CHAT, [_recording("a"), _recording("c")])
    names = _files_read(store, monkeypatch)
    Index(store).close()

    assert [manifest_path(CHAT), store.put_blob(_recording("c")).path] == names[:2]
    assert {store.put_blob(_recording(prompt)) for prompt in "ac"} == {
        row.entry.blob for row in Index(store).listing(EntryFilter(test=CHAT))
    }


def test_a_manifest_rewritten_in_the_same_tick_to_the_same_size_is_seen(store: Store) -> None:
    """Time, size and inode are those it was read under: it was not at rest, so they prove nothing."""
    old, new = _recording(answer="old"), _recording(answer="new")
    path = store.directory.path(manifest_path(CHAT))
    store.put(CHAT, [old])
    before = path.stat()
    Index(store).close()
    manifest = Manifest(CHAT, (Entry(store.put_blob(new), 1),))
    path.write_bytes(format_manifest(manifest))
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    after = path.stat()

    assert (before.st_size, before.st_ino, before.st_mtime_ns) == (after.st_size, after.st_ino, after.st_mtime_ns)
    assert ((CHAT, *manifest.entries),) == Index(store).uses_of(request_key(new.request))


def test_another_file_of_the_same_time_and_size_is_seen(store: Store) -> None:
    """Where time and size are equal, the inode tells."""
    old, new = _recording(answer="old"), _recording(answer="new")
    store.put(CHAT, [old])
    _let_rest(store)
    Index(store).close()
    store.put(CHAT, [new])
    _let_rest(store)

    assert [store.put_blob(new)] == [row.entry.blob for row in Index(store).listing()]


@pytest.mark.parametrize(("age_ns", "is_read"), [(-HOUR_NS, True), (1_900_000_000, True), (2_100_000_000, False)])
def test_a_manifest_is_trusted_once_it_was_at_rest_for_two_seconds(
    store: Store, monkeypatch: pytest.MonkeyPatch, age_ns: int, *, is_read: bool
) -> None:
    """The file system's clock may tick every two seconds only; a file from the future is never trusted."""
    store.put(CHAT, [_recording()])
    now_ns = 1_700_000_000_000_000_000
    path = manifest_path(CHAT)
    os.utime(store.directory.path(path), ns=(now_ns - age_ns, now_ns - age_ns))
    monkeypatch.setattr("recstore.store.index.time.time_ns", lambda: now_ns)
    Index(store).close()
    names = _files_read(store, monkeypatch)
    Index(store).close()

    assert is_read == (path in names)


def test_removed_manifests_and_blobs_leave(store: Store) -> None:
    """What is no longer there is in no answer."""
    blob = store.put(CHAT, [_recording()]).entries[0].blob
    store.put(IMAGE, [_recording()])
    Index(store).close()
    store.directory.remove(manifest_path(CHAT))
    store.directory.remove(blob.path)

    assert [IMAGE] == [row.test_id for row in Index(store).listing()]
    assert [] == list(Index(store).blob_rows())


@pytest.mark.parametrize("is_manifest", [False, True])
def test_a_file_that_goes_while_the_index_looks_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, is_manifest: bool
) -> None:
    """Between the walk and the reading, another process may remove it: that is no problem."""
    blob = store.put(CHAT, [_recording()]).entries[0].blob
    files, blobs = FileCache(store.directory, MANIFEST_FOLDERS).look(), list(store.blobs())
    monkeypatch.setattr(FileCache, "look", lambda _: files)
    monkeypatch.setattr(store, "blobs", lambda: iter(blobs))
    os.unlink(store.directory.path(manifest_path(CHAT) if is_manifest else blob.path))
    index = Index(store)

    assert ([] if is_manifest else ["missing"], ()) == ([row.state for row in index.listing()], index.problems)


def test_files_without_a_blobs_name_or_in_a_wrong_folder_are_no_blobs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else lies in `blobs/` is passed over, as `Store.blobs` does, and not even read."""
    name = store.put_blob(_recording())
    data = store.read_blob(name)
    store.directory.write("blobs/zz/notes.txt", b"notes")
    store.directory.write(f"blobs/zz/{name}.json", data)

    found = [row.name for row in Index(store).blob_rows()]
    names = _files_read(store, monkeypatch)
    Index(store).close()

    assert ([name], []) == (found, names)


BAD_MANIFESTS: list[tuple[bytes, type[RecstoreError]]] = [
    (b"no manifest\n", DamagedManifest),
    (b"recstore 2\n", NewerVersion),
    (b"<<<<<<< HEAD\n", ManifestConflict),
    (b'recstore 1\ntest "another test"\n', DamagedManifest),
]


@pytest.mark.parametrize(("data", "error"), BAD_MANIFESTS)
def test_a_manifest_that_cannot_be_read_is_a_problem_and_the_rest_works(
    store: Store, data: bytes, error: type[RecstoreError]
) -> None:
    """It has no rows, and says why, each time, until it is mended."""
    store.put(CHAT, [_recording()])
    store.put(IMAGE, [_recording()])
    _let_rest(store)
    Index(store).close()
    path = store.directory.path(manifest_path(CHAT))
    sound = path.read_bytes()
    path.write_bytes(data)
    _let_rest(store)
    found = [[type(problem) for problem in index.problems] for index in (Index(store), Index(store), Index(store))]

    assert [[error]] * 3 == found
    assert [IMAGE] == [row.test_id for row in Index(store).listing()]

    path.write_bytes(sound)

    assert () == Index(store).problems
    assert [CHAT, IMAGE] == [row.test_id for row in Index(store).listing()]


def test_a_damaged_blob_is_a_row_and_a_problem_until_it_is_mended(store: Store) -> None:
    """Damage has no facts, yet is no miss; the mended file, of the same size, is taken again."""
    name = store.put(CHAT, [_recording()]).entries[0].blob
    path = store.directory.path(name.path)
    sound = path.read_bytes()
    _flip_byte(path)

    def answers() -> tuple[list[type[RecstoreError]], list[tuple[BlobState, int, str]], list[bool], int, int]:
        return (
            [type(problem) for problem in Index(store).problems],
            [(row.state, row.size_bytes, row.model) for row in Index(store).listing()],
            [row.is_damaged for row in Index(store).blob_rows()],
            len([row for row in Index(store).listing() if row.state == "missing"]),
            len(Index(store).resolve(name.digest)),
        )

    damaged = ([DamagedBlob], [("damaged", len(sound), "")], [True], 0, 1)

    assert damaged == answers()
    assert damaged == answers()

    path.write_bytes(sound)

    assert ([], [("present", len(sound), "gpt-4o")], [False], 0, 1) == answers()


def test_the_size_of_a_damaged_blob_is_the_files(store: Store) -> None:
    """A damaged file that grows has its new size in the next answer."""
    name = store.put_blob(_recording())
    path = store.directory.path(name.path)
    _flip_byte(path)
    Index(store).close()
    path.write_bytes(b"x" * 9_999)

    assert [9_999] == [row.size_bytes for row in Index(store).blob_rows()]


def test_a_blob_of_a_newer_version_is_a_problem_that_says_so(store: Store) -> None:
    """It is not called sound, and what mends it is an upgrade."""
    data = b'{"recstore":2}\n'
    name = BlobName(request_key(_recording().request), Digest.of(data))
    store.put_encoded(name, data)

    assert [NewerVersion] == [type(problem) for problem in Index(store).problems]


def test_rows_of_a_manifest_that_the_index_does_not_know_go(store: Store) -> None:
    """Entries that a damaged index has under the path of a manifest are not taken for its own once it is read."""
    store.put(CHAT, [_recording("a")])
    [other] = store.put(IMAGE, [_recording("b")]).entries
    expected = list(Index(store).listing())
    with closing(sqlite3.connect(store.local.path(INDEX_NAME), isolation_level=None)) as connection:
        connection.execute("DELETE FROM manifest WHERE path = ?", (manifest_path(CHAT),))
        values = (other.blob.digest, manifest_path(CHAT))
        connection.execute("UPDATE entry SET n = 0, digest = ? WHERE manifest = ?", values)

    assert expected == list(Index(Store(Directory(store.directory.root))).listing())
