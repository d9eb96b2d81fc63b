"""The database behind the index: damaged, absent, read-only, shared."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from recstore.errors import Locked
from recstore.model import (
    Entry,
    Json,
    JsonBody,
    Manifest,
    Recording,
    Request,
    Response,
)
from recstore.store import Store
from recstore.store.directory import Directory
from recstore.store.index import INDEX_NAME, SCHEMA_VERSION, Index
from recstore.store.manifest import manifest_path

CHAT, IMAGE = "tests/test_chat.py::test_answer[what?]", "tests/test_image.py::test_image"
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


def test_the_index_writes_nothing_outside_local(store: Store) -> None:
    """The database file is all there is to it."""
    store.put(CHAT, [_recording()])
    before = {path for path in store.directory.root.rglob("*") if path.is_file()}
    Index(store).close()

    assert {store.local.path(INDEX_NAME)} == {
        path for path in store.directory.root.rglob("*") if path.is_file()
    } - before


def test_a_new_index_file_does_not_disturb_the_next_flush(store: Store) -> None:
    """Whoever removes `local/` does no harm to what is written next."""
    store.put(CHAT, [_recording()])
    Index(store).close()
    store.local.path(INDEX_NAME).unlink()
    store.put(IMAGE, [_recording()])

    assert [CHAT, IMAGE] == [row.test_id for row in Index(store).listing()]


def _with_schema(version: int) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")

    return spoil


def _with_another_schema(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE blob (anything)")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _with_an_origin_that_is_no_json(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE entry SET origin = x'ff'")


def _with_garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 999)


def _with_page(number: int) -> Callable[[Path], None]:
    def zero(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[4096 * (number - 1) : 4096 * number] = bytes(4096)
        path.write_bytes(data)

    return zero


def _cut_to(length: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, length)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "absent": Path.unlink,
    "garbage": _with_garbage,
    "older schema": _with_schema(SCHEMA_VERSION - 1),
    "newer schema": _with_schema(SCHEMA_VERSION + 1),
    "another's schema": _with_another_schema,
    "origin": _with_an_origin_that_is_no_json,
    **{f"page {number} zeroed": _with_page(number) for number in range(1, 9)},
    **{f"cut to {length}": _cut_to(length) for length in (0, 1, 50, 100, 4095, 4096, 6000, 8192, 12288, 20480)},
}


def _all_answers(index: Index) -> list[object]:
    with index:
        return [
            list(index.listing()),
            list(index.blob_rows()),
            [index.uses_of(row.entry.blob.key) for row in index.listing()],
            [index.resolve(row.entry.blob.digest[:8]) for row in index.listing()],
        ]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_database_that_cannot_be_used_is_made_anew(store: Store, damage: Callable[[Path], None]) -> None:
    """Absent, damaged or of another schema: the answers are the same, and the file is sound again."""
    store.put(CHAT, [_recording("a"), _recording("b")])
    store.put(None, [_recording("c")])
    _let_rest(store)
    expected = _all_answers(Index(store))
    path = store.local.path(INDEX_NAME)
    damage(path)
    found = _all_answers(Index(store))
    with closing(sqlite3.connect(path)) as connection:
        state = [connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("integrity_check", "user_version")]

    assert expected == found
    assert ["ok", SCHEMA_VERSION] == state


def test_damage_that_comes_between_two_questions_is_mended(store: Store) -> None:
    """A question that meets it inside a block looks at the store again."""
    store.put(CHAT, [_recording()])
    with Index(store) as index:
        store.local.path(INDEX_NAME).write_bytes(b"garbage" * 999)

        assert [CHAT] == [row.test_id for row in index.listing()]


def test_a_leftover_journal_does_not_come_into_the_new_database(store: Store) -> None:
    """The journal of a killed process belongs to the damaged file, and goes with it."""
    store.put(CHAT, [_recording()])
    Index(store).close()
    path = store.local.path(INDEX_NAME)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE entry SET n = n + 1, origin = zeroblob(99999)")
        journal = path.with_name(f"{path.name}-journal").read_bytes()
        connection.execute("ROLLBACK")
    path.with_name(f"{path.name}-journal").write_bytes(journal)
    path.write_bytes(b"garbage" * 999)

    assert [(CHAT, 1)] == [(row.test_id, row.entry.n) for row in Index(store).listing()]


def _folder_in_the_way(store: Store) -> None:
    store.local.path(INDEX_NAME).mkdir(parents=True)


def _file_in_the_way(store: Store) -> None:
    shutil.rmtree(store.directory.path("local"), ignore_errors=True)
    store.directory.path("local").write_bytes(b"")


@pytest.fixture(params=[_folder_in_the_way, _file_in_the_way])
def unwritable(request: pytest.FixtureRequest, store: Store) -> Store:
    """Return a store in which no database file can be made, not even by the superuser."""
    store.put(CHAT, [_recording("a")])
    request.param(store)
    return store


def test_without_a_file_the_index_lives_in_memory_and_follows(unwritable: Store) -> None:
    """A store that cannot be written answers all the same, and is looked at by whoever asks."""
    before = [row.test_id for row in Index(unwritable).listing()]
    other = Entry(unwritable.put_blob(_recording("b")), 1)
    unwritable.publish([Manifest(IMAGE, (other,))])

    assert ([CHAT], [CHAT, IMAGE]) == (before, [row.test_id for row in Index(unwritable).listing()])


def test_in_memory_another_thread_may_ask(unwritable: Store) -> None:
    """The database in memory is not bound to the thread that made it."""
    with Index(unwritable) as index, ThreadPoolExecutor(1) as pool:
        rows = pool.submit(index.listing).result()

    assert [CHAT] == [row.test_id for row in rows]


# -- several at once


def test_two_indexes_of_one_store_see_what_either_has_done(store: Store) -> None:
    """Each brings the shared database up to date for both."""
    first, second = store, Store(Directory(store.directory.root))
    answers = []
    for test_id in (CHAT, IMAGE):
        store.put(test_id, [_recording(test_id)])
        answers.append([list(Index(each).listing()) for each in (first, second, first)])
    store.directory.remove(manifest_path(CHAT))
    answers.append([list(Index(each).listing()) for each in (second, first, second)])

    assert [1, 2, 1] == [len(listings[0]) for listings in answers]
    assert all(listing == listings[0] for listings in answers for listing in listings)


def test_what_was_read_before_another_process_wrote_is_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow reader does not put its older view over a newer one."""
    oldest, old, new = (_recording(answer=answer) for answer in ("oldest", "old", "new"))
    store.put(CHAT, [oldest])
    Index(store).close()
    store.put(CHAT, [old])
    slow = Store(Directory(store.directory.root))
    read_manifest = slow.read_manifest

    def read_and_be_overtaken(path: str) -> Manifest:
        manifest = read_manifest(path)
        monkeypatch.setattr(slow, "read_manifest", read_manifest)
        store.put(CHAT, [new])
        Index(store).close()
        return manifest

    monkeypatch.setattr(slow, "read_manifest", read_and_be_overtaken)
    expected = store.put_blob(new)

    assert [expected] == [row.entry.blob for row in Index(slow).listing()]


def test_a_database_that_another_process_holds_is_locked(store: Store) -> None:
    """Waiting ends after the time-out, with the error that has exit code 30; later it works again."""
    store.put(CHAT, [_recording()])
    Index(store).close()
    with closing(sqlite3.connect(store.local.path(INDEX_NAME), isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")

        with pytest.raises(Locked, match=r"0\.01 s"):
            Index(store, timeout_s=0.01)

        connection.execute("ROLLBACK")

    assert [CHAT] == [row.test_id for row in Index(store).listing()]
