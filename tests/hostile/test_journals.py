"""Journals beside the databases of the local folder: SQLite deletes the file that one names, whoever wrote it."""

from __future__ import annotations

import signal
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from recstore.errors import RecstoreError
from recstore.store import Store
from recstore.store.index import Index
from recstore.store.index_database import INDEX_NAME
from tests.git_repository import recording

A: Final = "tests/test_a.py::test_a"
MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
PAGE_BYTES, SECTOR_BYTES, LOCK_BYTE = 4096, 512, 0x40000000

KILLED: Final = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE entry SET n = n + 7, origin = zeroblob(99999)")
connection.execute("UPDATE blob SET model = 'half done'")
connection.execute("SELECT count(*) FROM manifest").fetchall()
os.kill(os.getpid(), signal.SIGKILL)
"""


def journal(victim: Path, pages: int) -> bytes:
    """Return a rollback journal, of a database of so many pages, that names a super-journal, as SQLite's file format describes it."""
    name = str(victim).encode()
    header = MAGIC + struct.pack(">5I", 0, 1, pages, SECTOR_BYTES, PAGE_BYTES)
    tail = struct.pack(">I", LOCK_BYTE // PAGE_BYTES + 1) + name + struct.pack(">2I", len(name), sum(name)) + MAGIC
    return header.ljust(SECTOR_BYTES, b"\0") + tail


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with one recording, and an index."""
    made = Store.create(tmp_path / "project")
    made.put(A, [recording("an answer")])
    made.index.refresh()
    return made


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a file of the user's own."""
    (tmp_path / "notes.txt").write_text("in no commit\n")
    return tmp_path / "notes.txt"


def plant(database: Path, victim: Path) -> Path:
    """Put the journal beside a database with a table in it, and return where."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS manifest (x)")
    place = database.with_name(f"{database.name}-journal")
    place.write_bytes(journal(victim, database.stat().st_size // PAGE_BYTES))
    return place


def test_sqlite_deletes_what_such_a_journal_names(tmp_path: Path, victim: Path) -> None:
    """So that the tests below are of a danger that there is."""
    plant(tmp_path / "any", victim)
    with closing(sqlite3.connect(tmp_path / "any")) as connection:
        connection.execute("SELECT * FROM manifest").fetchall()

    assert not victim.exists()


def test_a_journal_beside_the_index_deletes_no_file(store: Store, victim: Path) -> None:
    """The index is made anew, the journal goes, and the answers are those of the files."""
    planted = plant(store.directory.path(INDEX_NAME), victim)
    rows = [row.test_id for row in Index(store).listing()]

    assert [A] == rows
    assert "in no commit\n" == victim.read_text()
    assert not planted.exists()


def test_a_journal_beside_a_database_with_false_rows_deletes_no_file(tmp_path: Path, victim: Path) -> None:
    """A clone in which nobody has asked for anything yet: the first question is answered from the files."""
    store = Store.create(tmp_path / "project")
    store.put(A, [recording("an answer")])
    store.directory.path("local").mkdir(exist_ok=True)
    plant(store.directory.path(INDEX_NAME), victim)
    rows = [row.test_id for row in store.index.listing()]

    assert ([A], True) == (rows, victim.exists())


def test_a_journal_beside_the_lock_deletes_no_file(store: Store, victim: Path) -> None:
    """Nobody else may remove it while a process holds the lock: whoever wants to write is told which file to look at."""
    planted = plant(store.directory.path("local/lock"), victim)

    with pytest.raises(RecstoreError, match="names a file for SQLite to delete") as raised:
        store.put(A, [recording("another answer")])
    assert str(planted) == raised.value.subject
    assert "then remove it" in raised.value.remedy
    assert victim.exists()
    planted.unlink()
    store.put(A, [recording("another answer")])


@pytest.mark.skipif(sys.platform == "win32", reason="no process is killed by a signal there")
def test_the_journal_of_a_killed_process_is_rolled_back(store: Store) -> None:
    """Half a transaction is in the database file: it is taken out again, and the database is not made anew."""
    path = store.directory.path(INDEX_NAME)
    before, sound, answers = path.stat().st_ino, path.read_bytes(), list(store.index.blob_rows())
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)

    assert -signal.SIGKILL == done.returncode
    assert sound != path.read_bytes()
    assert path.with_name(f"{path.name}-journal").exists()
    assert answers == list(Index(store).blob_rows())
    assert [1] == [row.entry.n for row in Index(store).listing()]
    assert before == path.stat().st_ino
