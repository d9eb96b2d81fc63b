"""The fast look-up over all manifests and blobs: derived, local, rebuilt at will, never committed.

Replaying one test needs none of it. Each question brings the index up to date first, which costs a walk
over the file names; `fresh` does so once for many questions. A database that is absent, damaged or of
another schema is made again; where none can be written, one in memory does the same work.

Nothing in it is the only copy of anything, yet it must never be half written: a lost row would be a wrong
answer, and SQLite cannot tell. So its rollback journal and its syncs stay on (3 ms of a build from nothing).
"""

from __future__ import annotations

import re
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypeVar

import orjson

from recstore.errors import Locked, RecstoreError
from recstore.model import BlobName, Digest, Entry, RequestKey
from recstore.store.index_sync import BlobFacts, refresh, transaction
from recstore.store.store import Store

INDEX_NAME: Final = "index.sqlite"
"""The database below the local folder of the work tree."""

PREFIX_DIGITS: Final = 4
"""A prefix of fewer digits names no blob."""

SCHEMA_VERSION: Final = 2
"""Goes up with every change of the tables, and of what is put into them."""

BlobState: TypeAlias = Literal["present", "missing", "damaged"]
"""`damaged` is every blob that is there and cannot be read; `Index.problems` has the reason."""

_PREFIX: Final = re.compile(rf"[0-9a-f]{{{PREFIX_DIGITS},64}}")

_TABLES: Final = (
    "CREATE TABLE manifest (path TEXT PRIMARY KEY, test_id TEXT, fingerprint TEXT NOT NULL) WITHOUT ROWID",
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

# The questions are put together of constants; every value of a caller's is a parameter.

_ENTRY: Final = "entry.key, entry.digest, entry.n, entry.is_union, entry.origin"
_FACTS: Final = "blob.method, blob.upstream, blob.path, blob.model, blob.status, blob.is_stream, blob.is_error"

_USES: Final = f"""
    SELECT manifest.test_id, {_ENTRY} FROM entry JOIN manifest ON manifest.path = entry.manifest
    WHERE entry.key = ? ORDER BY entry.n, entry.digest, manifest.path, entry.rowid
"""  # noqa: S608 - see above

_LISTING: Final = f"""
    SELECT manifest.test_id, blob.is_damaged, blob.size_bytes, {_ENTRY}, {_FACTS}
    FROM entry JOIN manifest ON manifest.path = entry.manifest
    LEFT JOIN blob ON blob.key = entry.key AND blob.digest = entry.digest
"""  # noqa: S608 - see above

_LISTING_ORDER: Final = "ORDER BY manifest.test_id IS NULL, manifest.path, entry.rowid"

_BLOBS: Final = f"""
    SELECT blob.key, blob.digest, blob.size_bytes, blob.is_damaged, count(entry.key), {_FACTS}
    FROM blob LEFT JOIN entry ON entry.key = blob.key AND entry.digest = blob.digest
    GROUP BY blob.key, blob.digest ORDER BY blob.key, blob.digest
"""  # noqa: S608 - see above

_RESOLVE: Final = """
    SELECT key, digest FROM blob WHERE key BETWEEN ?1 AND ?1 || 'g'
    UNION SELECT key, digest FROM blob WHERE digest BETWEEN ?1 AND ?1 || 'g'
    UNION SELECT key, digest FROM entry WHERE key BETWEEN ?1 AND ?1 || 'g' OR digest BETWEEN ?1 AND ?1 || 'g'
    ORDER BY key, digest
"""
"""`g` comes after every digit."""

_LOCKED_CODES: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))
_PRIMARY_CODE: Final = 0xFF

_DAMAGE: Final = (sqlite3.DatabaseError, ValueError, TypeError)
"""What a damaged database raises: where SQLite notices nothing, the reader of its values; its messages may be no UTF-8."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow(BlobFacts):
    """One entry of one manifest, and the facts of its blob: none where that is missing or damaged.

    Units: `size_bytes` is the size of the blob's file, 0 where it is missing.
    """

    test_id: str | None
    entry: Entry
    state: BlobState
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRow(BlobFacts):
    """One blob file, its facts, and how many entries of all manifests name it."""

    name: BlobName
    size_bytes: int
    is_damaged: bool
    entry_count: int


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which rows a listing has: those that match every member that is not empty.

    A `*` stands for any characters, and then the whole must match. Without one, `test` and `endpoint` are
    looked for anywhere in the test's id and the request's path; `upstream` and `model` must be equal.
    """

    test: str = ""
    upstream: str = ""
    endpoint: str = ""
    model: str = ""
    status: int | None = None


class Index:
    """Answers about every manifest and every blob of one store. Threads take turns.

    Raises: Locked: any question, where another process held the database for `timeout_s`.
    """

    def __init__(self, store: Store, timeout_s: float = 10.0) -> None:
        self._store = store
        self._timeout_s = timeout_s
        self._turn = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._memory: sqlite3.Connection | None = None
        self._problems: tuple[RecstoreError, ...] = ()

    @contextmanager
    def fresh(self) -> Iterator[Index]:
        """Bring the index up to date, and hold it so: questions asked inside the block do not look again."""
        with self._turn:
            if self._connection is not None:
                yield self
                return
            try:
                self._connect(self._open_present, self._open_empty, self._open_in_memory)
                yield self
            finally:
                self._disconnect()

    def refresh(self) -> None:
        """Bring the index up to date."""
        with self.fresh():
            pass

    def problems(self) -> tuple[RecstoreError, ...]:
        """Return an error for each manifest and each blob that is there and cannot be read.

        No other answer has anything of such a manifest. A blob that cannot be read is in all of them, as damaged.
        """
        with self.fresh():
            return self._problems

    def entries_of(self, key: RequestKey) -> tuple[Entry, ...]:
        """Return all recordings of the request in all manifests: first occurrences first."""
        return tuple(entry for _, entry in self.uses_of(key))

    def uses_of(self, key: RequestKey) -> tuple[tuple[str | None, Entry], ...]:
        """Return the same with the test that each entry belongs to: None for one made outside any test."""
        return tuple(self._rows(_read_use, _USES, key))

    def listing(self, wanted: EntryFilter | None = None) -> Iterator[EntryRow]:
        """Return every entry that is wanted: of tests, by the manifest's path, then those outside any test."""
        wanted = wanted or EntryFilter()
        patterns = {
            "manifest.test_id": _containing(wanted.test),
            "blob.upstream": _glob(wanted.upstream),
            "blob.path": _containing(wanted.endpoint),
            "blob.model": _glob(wanted.model),
        }
        conditions: list[tuple[str, str | int]] = [(f"{name} GLOB ?", text) for name, text in patterns.items() if text]
        if wanted.status is not None:
            conditions.append(("blob.status = ?", wanted.status))
        where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
        return self._listing(where, *(value for _, value in conditions))

    def missing(self) -> Iterator[EntryRow]:
        """Return every entry whose blob is not there, in the order of `listing`."""
        return self._listing("blob.key IS NULL")

    def blob_rows(self) -> Iterator[BlobRow]:
        """Return every blob file, by name; one that no manifest names has an `entry_count` of 0."""
        return iter(self._rows(_read_blob, _BLOBS))

    def resolve(self, prefix: str) -> tuple[BlobName, ...]:
        """Return the blobs, there or only named by an entry, whose key or digest begins with these digits.

        None does where `prefix` has fewer than four hexadecimal digits, or anything else in it.
        """
        if not _PREFIX.fullmatch(prefix.lower()):
            return ()
        return tuple(self._rows(_name, _RESOLVE, prefix.lower()))

    def _listing(self, where: str, *values: str | int) -> Iterator[EntryRow]:
        return iter(self._rows(_read_entry, f"{_LISTING} WHERE {where} {_LISTING_ORDER}", *values))

    def _rows(self, read: Callable[..., _Answer], question: str, *values: str | int) -> list[_Answer]:
        with self.fresh():
            try:
                return self._ask(read, question, values)
            except _DAMAGE as error:
                self._give_up(error)
            self._connect(self._open_empty, self._open_in_memory)
            return self._ask(read, question, values)

    def _ask(self, read: Callable[..., _Answer], question: str, values: tuple[str | int, ...]) -> list[_Answer]:
        assert self._connection is not None  # noqa: S101 - `fresh` holds one
        return [read(*row) for row in self._connection.execute(question, values)]

    # -- the database

    def _connect(self, *openers: Callable[[], sqlite3.Connection]) -> None:
        """Hold a connection from the first of `openers` that gives one that can be brought up to date."""
        for open_database in openers:
            try:
                self._connection = open_database()
                self._problems = refresh(self._store, self._connection)
            except _DAMAGE as error:
                self._give_up(error)
            else:
                return
        raise RecstoreError(self._subject, "SQLite can neither keep an index in a file nor in memory")

    def _give_up(self, error: Exception) -> None:
        self._disconnect()
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE in _LOCKED_CODES:
            raise Locked(self._subject, f"another process has been writing to it for {self._timeout_s:g} s") from error

    def _disconnect(self) -> None:
        if self._connection is not None and self._connection is not self._memory:
            self._connection.close()
        self._connection = None

    def _open_present(self) -> sqlite3.Connection:
        """Return a connection to the database file, which is made if there is none."""
        local = self._store.local
        local.check_no_symlink(INDEX_NAME)
        return self._open(self._subject) if local.path(INDEX_NAME).is_file() else self._open_empty()

    def _open_empty(self) -> sqlite3.Connection:
        """Return a connection to a file without rows in place of the one that was there.

        Another process that has the old one open goes on with it, to itself.
        """
        local = self._store.local
        with suppress(RecstoreError, OSError):  # connecting fails, then, and says so
            local.remove(f"{INDEX_NAME}-journal")  # it belongs to the old file
            local.write(INDEX_NAME, b"")  # an empty file is a database without tables
            local.flush()  # so that no later flush looks for a file that may be gone by then
        return self._open(self._subject)

    def _open_in_memory(self) -> sqlite3.Connection:
        """Return the one database in memory, which is reused: it cannot be opened again."""
        if self._memory is None:
            self._memory = self._open(":memory:")
            weakref.finalize(self, self._memory.close)
        return self._memory

    def _open(self, path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(path, self._timeout_s, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            if _schema_of(connection) != SCHEMA_VERSION:
                with transaction(connection):
                    version = _schema_of(connection)  # another process may have been first
                    if version not in (0, SCHEMA_VERSION):
                        raise sqlite3.DatabaseError(f"the index is of schema {version}, not {SCHEMA_VERSION}")  # noqa: TRY301
                    for statement in _TABLES if version == 0 else ():
                        connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def _subject(self) -> str:
        return str(self._store.local.path(INDEX_NAME))


def _schema_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _read_use(test_id: str | None, *entry: Any) -> tuple[str | None, Entry]:
    return test_id, _entry(*entry)


def _read_entry(test_id: str | None, is_damaged: int | None, size_bytes: int | None, *rest: Any) -> EntryRow:
    return EntryRow(
        *(() if is_damaged is None else _facts(*rest[5:])),
        test_id=test_id,
        entry=_entry(*rest[:5]),
        state="missing" if is_damaged is None else "damaged" if is_damaged else "present",
        size_bytes=size_bytes or 0,
    )


def _read_blob(key: str, digest: str, size_bytes: int, is_damaged: int, *rest: Any) -> BlobRow:
    return BlobRow(
        *_facts(*rest[1:]),
        name=_name(key, digest),
        size_bytes=size_bytes,
        is_damaged=bool(is_damaged),
        entry_count=rest[0],
    )


def _name(key: str, digest: str) -> BlobName:
    return BlobName(RequestKey(key), Digest(digest))


def _entry(key: str, digest: str, n: int, is_union: int, origin: bytes) -> Entry:
    return Entry(_name(key, digest), n, bool(is_union), orjson.loads(origin))


def _facts(*values: Any) -> tuple[Any, ...]:
    *values_as_stored, is_stream, is_error = values
    return (*values_as_stored, bool(is_stream), bool(is_error))


def _containing(text: str) -> str:
    return _glob(text if "*" in text or not text else f"*{text}*")


def _glob(text: str) -> str:
    """Return the GLOB pattern in which `*` alone is special: test ids are full of `[` and `?`."""
    return text.replace("[", "[[]").replace("?", "[?]")
