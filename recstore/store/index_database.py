"""The SQLite database behind the index: its schema, and the three ways to have one.

Nothing in it is the only copy of anything, yet it must never be half written: a lost row would be a wrong
answer, and SQLite cannot tell. So its rollback journal and its syncs stay on (3 ms of a build from nothing).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Final

from recstore.errors import RecstoreError
from recstore.store.directory import Directory
from recstore.store.journal import is_foreign_journal

INDEX_NAME: Final = "local/index.sqlite"

SCHEMA_VERSION: Final = 1
"""Goes up with every change of the tables, and of what is put into them."""

_TABLES: Final = (
    """CREATE TABLE manifest (
        path TEXT PRIMARY KEY, test_id TEXT, stamp TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE entry (
        manifest TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
        n INTEGER NOT NULL, is_union INTEGER NOT NULL, origin BLOB NOT NULL
    )""",
    "CREATE INDEX entry_by_manifest ON entry (manifest)",
    "CREATE INDEX entry_by_blob ON entry (key, digest)",
    """CREATE TABLE blob (
        key TEXT NOT NULL, digest TEXT NOT NULL, size_bytes INTEGER NOT NULL, is_damaged INTEGER NOT NULL,
        method TEXT NOT NULL, upstream TEXT NOT NULL, path TEXT NOT NULL, model TEXT NOT NULL,
        status INTEGER, is_stream INTEGER NOT NULL, is_error INTEGER NOT NULL,
        PRIMARY KEY (key, digest)
    ) WITHOUT ROWID""",
    "CREATE INDEX blob_by_digest ON blob (digest)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

_LOCKED_CODES: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))
_PRIMARY_CODE: Final = 0xFF

_MARK_BITS: Final = 0x7FFF_FFFF
"""SQLite's `application_id` has a sign and 32 bits."""


def open_present(directory: Directory, timeout_s: float) -> sqlite3.Connection:
    """Return a connection to the database file, which is made if there is none.

    Raises: sqlite3.DatabaseError: it is damaged, of another schema, locked, or cannot be made.
    """
    directory.refuse_link(INDEX_NAME)
    if not directory.path(INDEX_NAME).is_file():
        _empty(directory)
    return _connect(str(directory.path(INDEX_NAME)), timeout_s)


def open_anew(directory: Directory, timeout_s: float) -> sqlite3.Connection:
    """Return a connection to a database file without rows, in place of the one that was there.

    Another process that has the old one open goes on with it, to itself.

    Raises: sqlite3.DatabaseError: it is locked, or cannot be made.
    """
    _empty(directory)
    return _connect(str(directory.path(INDEX_NAME)), timeout_s)


def open_in_memory(_directory: Directory, timeout_s: float) -> sqlite3.Connection:
    """Return a connection to a database without rows in memory: for a store that cannot be written."""
    return _connect(":memory:", timeout_s)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the database's write lock; what was done is undone if an error leaves the block."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield


def data_version(connection: sqlite3.Connection) -> int:
    """Return a number that is another one once another connection has changed the database.

    Source: https://www.sqlite.org/pragma.html#pragma_data_version
    """
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def file_system_now_ns(connection: sqlite3.Connection) -> int:
    """Return the time by the clock that stamps the store's files, which over a network is another machine's.

    0, before every file's time, where the database is in memory or cannot be touched.
    """
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    try:
        os.utime(path)
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def is_locked(error: Exception) -> bool:
    """Return whether `error` says that another connection held the database for too long."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE in _LOCKED_CODES


def _empty(directory: Directory) -> None:
    """Put an empty file, which is a database without tables, in the place of the database: in one step."""
    journal = f"{INDEX_NAME}-journal"
    with suppress(RecstoreError, OSError):  # whoever connects next sees what is wrong
        directory.write(INDEX_NAME, b"")
        if is_foreign_journal(str(directory.path(journal))):
            directory.remove(journal)
        directory.flush()  # so that no later flush looks for a file that may be gone by then


def _connect(path: str, timeout_s: float) -> sqlite3.Connection:
    if is_foreign_journal(f"{path}-journal"):
        raise sqlite3.DatabaseError("the journal of the index names a file for SQLite to delete")
    connection = sqlite3.connect(path, timeout_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        _ensure_tables(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _ensure_tables(connection: sqlite3.Connection, path: str) -> None:
    if _number(connection, "user_version") == SCHEMA_VERSION:
        _refuse_foreign(connection, path)
        _refuse_other_tables(connection)
        return
    with transaction(connection):
        version = _number(connection, "user_version")  # another process may have been first
        if version not in (0, SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"the index is of schema {version}, not {SCHEMA_VERSION}")
        for statement in (f"PRAGMA application_id = {_mark(path)}", *_TABLES) if version == 0 else ():
            connection.execute(statement)


def _mark(path: str) -> int:
    """Return what marks the file as made where it lies: the number that its file system gave it, which no copy has."""
    try:
        return os.stat(path).st_ino & _MARK_BITS
    except OSError:
        return 0  # in memory


def _refuse_foreign(connection: sqlite3.Connection, path: str) -> None:
    """Raise where the file is a copy: somebody may have sent it, with rows about blobs, which are not read again."""
    if _number(connection, "application_id") != _mark(path):
        raise sqlite3.DatabaseError("the index was not made here")


def _refuse_other_tables(connection: sqlite3.Connection) -> None:
    """Raise where the tables are not ours: somebody may have sent the file, with a view that never ends in place of one."""
    with closing(connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")) as cursor:
        present = sorted(sql for (sql,) in cursor)
    if present != sorted(_TABLES[:-1]):
        raise sqlite3.DatabaseError("the index has other tables than this recstore makes")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    with closing(connection.execute(f"PRAGMA {pragma}")) as cursor:
        return int(cursor.fetchone()[0])
