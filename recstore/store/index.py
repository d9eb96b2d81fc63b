"""The fast look-up over all manifests and blobs: derived, local, rebuilt at will, never committed.

Replaying one test needs none of it. Whoever opens it brings it up to date. A blob that is known and still there is trusted;
a manifest while it has the fingerprint under which it was read at rest; a file that could not be read is read again.
An SQLite file that is damaged or of another schema is built again; where none can be written, a database in memory does.
A lost row would be a wrong answer that SQLite cannot notice: journal and syncs stay on (3 ms of a whole build).
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar
from urllib.parse import unquote

import orjson

from recstore.content.bodies import json_value
from recstore.errors import Locked, NotInStore, RecstoreError
from recstore.model import BlobName, Digest, Entry, Recording, RequestKey, StreamBody
from recstore.store.blob import decode_recording
from recstore.store.fingerprints import FileCache, Fingerprint, compare
from recstore.store.manifest import MANIFEST_FOLDERS
from recstore.store.store import Store

INDEX_NAME: Final = "index.sqlite"
"""The database below the local folder of the work tree."""

PREFIX_DIGITS: Final = 4
"""A prefix of fewer digits names no blob."""

SCHEMA_VERSION: Final = 3
"""Goes up with every change of the tables, and of what is put into them."""

BlobState: TypeAlias = Literal["present", "missing", "damaged"]
"""`damaged` is every blob that is there and cannot be read; `Index.problems` has the reason."""

_PREFIX: Final = re.compile(rf"[0-9a-f]{{{PREFIX_DIGITS},64}}")
_MODEL_IN_PATH: Final = re.compile(r"/(?:models/([^/:]+):|deployments/([^/]+)/|model/([^/]+)/)")
_ERROR_STATUS: Final = 400

_RACY: Final = Fingerprint(-1, 0, 0)
"""The fingerprint of a manifest that was not at rest when it was read: no file ever has it."""

_CHUNK: Final = 500
"""So many files are read and written at once: no more of a large store is in memory."""

_DAMAGE: Final = (sqlite3.DatabaseError, ValueError, TypeError)
"""What a damaged database raises: where SQLite notices nothing, the reader of its values; its messages may be no UTF-8."""

_TABLES: Final = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS manifest (path TEXT PRIMARY KEY, test_id TEXT, fingerprint TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS entry (
        manifest TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
        n INTEGER NOT NULL, is_union INTEGER NOT NULL, origin BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS entry_by_manifest ON entry (manifest);
    CREATE INDEX IF NOT EXISTS entry_by_blob ON entry (key, digest);
    CREATE TABLE IF NOT EXISTS blob (
        key TEXT NOT NULL, digest TEXT NOT NULL, size_bytes INTEGER NOT NULL, is_damaged INTEGER NOT NULL,
        facts BLOB NOT NULL, PRIMARY KEY (key, digest)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS blob_by_digest ON blob (digest);
    PRAGMA user_version = {SCHEMA_VERSION};
    COMMIT;
"""

_USES: Final = """
    SELECT manifest.test_id, entry.key, entry.digest, n, is_union, origin
    FROM entry JOIN manifest ON manifest.path = entry.manifest
    WHERE entry.key = ? ORDER BY n, entry.digest, manifest.path, entry.rowid
"""

_LISTING: Final = """
    SELECT manifest.test_id, entry.key, entry.digest, n, is_union, origin, is_damaged, size_bytes, facts
    FROM entry JOIN manifest ON manifest.path = entry.manifest
    LEFT JOIN blob ON blob.key = entry.key AND blob.digest = entry.digest
    ORDER BY manifest.test_id IS NULL, manifest.path, entry.rowid
"""

_BLOBS: Final = """
    SELECT blob.key, blob.digest, size_bytes, is_damaged, facts, count(entry.key)
    FROM blob LEFT JOIN entry ON entry.key = blob.key AND entry.digest = blob.digest
    GROUP BY blob.key, blob.digest ORDER BY blob.key, blob.digest
"""

_RESOLVE: Final = """
    SELECT key, digest FROM blob WHERE key BETWEEN ?1 AND ?1 || 'g'
    UNION SELECT key, digest FROM blob WHERE digest BETWEEN ?1 AND ?1 || 'g'
    UNION SELECT key, digest FROM entry WHERE key BETWEEN ?1 AND ?1 || 'g' OR digest BETWEEN ?1 AND ?1 || 'g'
    ORDER BY key, digest
"""
"""`g` comes after every digit."""

_Answer = TypeVar("_Answer")
_Changes: TypeAlias = list[tuple[str, list[tuple[Any, ...]]]]
"""Statements, each with the rows of values that it is executed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobFacts:
    """What can be said of a recording without its bodies; nothing, by default.

    `model` is named by the request's JSON body, or else its path; an error is the client's own, or a status of 400 or more.
    """

    method: str = ""
    upstream: str = ""
    path: str = ""
    model: str = ""
    status: int | None = None
    is_stream: bool = False
    is_error: bool = False

    @classmethod
    def of(cls, recording: Recording) -> BlobFacts:
        """Return the facts of a recording."""
        request, response = recording.request, recording.response
        body = json_value(request.body)
        model = body.get("model") if isinstance(body, dict) else None
        if not isinstance(model, str):
            match = _MODEL_IN_PATH.search(request.path)
            model = unquote(match[match.lastindex or 0]) if match else ""
        where = {"method": request.method, "upstream": request.upstream, "path": request.path, "model": model}
        is_error = response.error is not None or (response.status or 0) >= _ERROR_STATUS
        is_stream = isinstance(response.body, StreamBody)
        return cls(**where, status=response.status, is_stream=is_stream, is_error=is_error)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow(BlobFacts):
    """One entry of one manifest, the size of its blob's file (0: missing), and its facts: none where missing or damaged."""

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

    With a `*` for any characters the whole must match. Without one, `test` and `endpoint` may stand anywhere in the id
    and the path; `upstream` and `model` must be equal.
    """

    test: str = ""
    upstream: str = ""
    endpoint: str = ""
    model: str = ""
    status: int | None = None

    def select(self, rows: Iterable[EntryRow]) -> Iterator[EntryRow]:
        """Yield the rows that match."""
        test, endpoint = (text if "*" in text else f"*{text}*" for text in (self.test, self.endpoint))
        patterns = {"test_id": test, "upstream": self.upstream, "path": endpoint, "model": self.model}
        matchers = {
            name: re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL).fullmatch
            for name, pattern in patterns.items()
            if pattern not in ("", "**")
        }
        for row in rows:
            texts = ((matches, getattr(row, name)) for name, matches in matchers.items())
            is_status = self.status is None or row.status == self.status
            if is_status and all(text is not None and matches(text) for matches, text in texts):
                yield row


class Index:
    """Answers about every manifest and every blob of one store, as they were when it was opened: a context manager.

    `problems` has an error for each manifest and each blob that is there and cannot be read. No answer has anything of such
    a manifest; such a blob is in all of them, as damaged.
    Raises: Locked: another process held the database for `timeout_s`.
    """

    def __init__(self, store: Store, timeout_s: float = 10.0) -> None:
        self._store = store
        self._timeout_s = timeout_s
        self._path = str(store.local.path(INDEX_NAME))
        store.local.check_no_symlink(INDEX_NAME)
        self._connect("file", "new file", "memory")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database: no question can be asked any more."""
        self._connection.close()

    def uses_of(self, key: RequestKey) -> tuple[tuple[str | None, Entry], ...]:
        """Return each recording of the request with its test, or None: first occurrences first."""
        return tuple(self._ask(lambda test_id, *entry: (test_id, _entry(*entry)), _USES, key))

    def listing(self, wanted: EntryFilter | None = None) -> Iterator[EntryRow]:
        """Return every entry that is wanted: of tests, by the manifest's path, then those outside any test."""
        return (wanted or EntryFilter()).select(self._ask(_entry_row, _LISTING))

    def blob_rows(self) -> list[BlobRow]:
        """Return every blob file, by name; one that no manifest names has an `entry_count` of 0."""
        return self._ask(_blob_row, _BLOBS)

    def resolve(self, prefix: str) -> tuple[BlobName, ...]:
        """Return the blobs, there or only named by an entry, whose key or digest begins with these four digits or more."""
        return tuple(self._ask(_name, _RESOLVE, prefix.lower())) if _PREFIX.fullmatch(prefix.lower()) else ()

    def _ask(self, read: Callable[..., _Answer], question: str, *values: str) -> list[_Answer]:
        with suppress(*_DAMAGE):
            return [read(*row) for row in self._connection.execute(question, values)]
        self.close()
        self._connect("new file", "memory")
        return [read(*row) for row in self._connection.execute(question, values)]

    def _connect(self, *places: Literal["file", "new file", "memory"]) -> None:
        """Connect to the database in the first of `places` in which it can be brought up to date."""
        for place in places:
            if place == "new file":  # a process that has the old one open goes on with it, to itself
                local = self._store.local
                with suppress(RecstoreError, OSError):  # connecting fails, then, and says so
                    local.remove(f"{INDEX_NAME}-journal")  # it belongs to the old file
                    local.write(INDEX_NAME, b"")  # an empty file is a database without tables
                    local.flush()  # so that no later flush looks for a file that may be gone by then
            try:
                with ExitStack() as stack:
                    path = ":memory:" if place == "memory" else self._path
                    connection = sqlite3.connect(path, self._timeout_s, isolation_level=None, check_same_thread=False)
                    stack.callback(connection.close)
                    connection.execute("PRAGMA synchronous = NORMAL")
                    version = connection.execute("PRAGMA user_version").fetchone()[0]
                    if version not in (0, SCHEMA_VERSION):
                        raise sqlite3.DatabaseError(f"the index is of schema {version}, not {SCHEMA_VERSION}")
                    if version == 0:
                        connection.executescript(_TABLES)
                    self.problems = _refresh(self._store, connection)
                    self._connection = connection
                    weakref.finalize(self, stack.pop_all().close)
                    return
            except _DAMAGE as error:
                if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                    reason = f"another process has been writing to it for {self._timeout_s:g} s"
                    raise Locked(self._path, reason) from error
        raise RecstoreError(self._path, "SQLite can neither keep an index in a file nor in memory")


# -- bringing it up to date


def _refresh(store: Store, connection: sqlite3.Connection) -> tuple[RecstoreError, ...]:
    """Make the database say what the store's files say; return the errors of those that cannot be read.

    Files are read without the database's lock: if another process has changed it meanwhile, they are read again.
    Source: https://www.sqlite.org/pragma.html#pragma_data_version
    """
    while True:
        problems: list[RecstoreError] = []
        version = connection.execute("PRAGMA data_version").fetchone()
        manifests, blobs = (find(store, connection, problems) for find in (_changed_manifests, _changed_blobs))
        for changes in chain(manifests, blobs):
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                if connection.execute("PRAGMA data_version").fetchone() != version:
                    break
                for statement, rows in changes:
                    connection.executemany(statement, rows)
        else:
            return tuple(problems)


def _changed_manifests(
    store: Store, connection: sqlite3.Connection, problems: list[RecstoreError]
) -> Iterator[_Changes]:
    rows = connection.execute("SELECT path, fingerprint FROM manifest").fetchall()
    known = {path: Fingerprint(*map(int, text.split())) for path, text in rows}
    now_ns = time.time_ns()
    changed, removed = compare(known, FileCache(store.directory, MANIFEST_FOLDERS).look())
    paths = [*removed, *changed]
    for start in range(0, len(paths), _CHUNK):
        manifests: list[tuple[Any, ...]] = []
        entries: list[tuple[Any, ...]] = []
        for path in filter(changed.__contains__, paths[start : start + _CHUNK]):
            try:
                manifest = store.read_manifest(path)
            except NotInStore:
                continue  # removed since the walk
            except RecstoreError as error:
                problems.append(error)
                continue
            fingerprint = changed[path] if changed[path].is_settled(now_ns) else _RACY
            manifests.append((path, manifest.test_id, " ".join(map(str, fingerprint))))  # an inode may be huge
            for entry in manifest.entries:
                blob, origin = entry.blob, orjson.dumps(entry.origin)
                entries.append((path, blob.key, blob.digest, entry.n, entry.is_union, origin))
        outdated = [(path,) for path in paths[start : start + _CHUNK] if path in known]
        outdated += [(path,) for path, *_ in manifests]  # rows of a manifest that the index does not know go, too
        if outdated:
            yield [
                ("DELETE FROM entry WHERE manifest = ?", outdated),
                ("DELETE FROM manifest WHERE path = ?", outdated),
                ("INSERT INTO manifest VALUES (?, ?, ?)", manifests),
                ("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", entries),
            ]


def _changed_blobs(store: Store, connection: sqlite3.Connection, problems: list[RecstoreError]) -> Iterator[_Changes]:
    rows = connection.execute("SELECT key, digest, size_bytes, is_damaged FROM blob").fetchall()
    known = {(key, digest): (size_bytes, bool(is_damaged)) for key, digest, size_bytes, is_damaged in rows}
    present = {(blob.key, blob.digest): blob for blob in store.blobs()}
    if removed := [*known.keys() - present.keys()]:
        yield [("DELETE FROM blob WHERE key = ? AND digest = ?", removed)]
    unread = sorted(blob for halves, blob in present.items() if known.get(halves, (0, True))[1])
    for start in range(0, len(unread), _CHUNK):
        blobs: list[tuple[Any, ...]] = []
        for name in unread[start : start + _CHUNK]:
            facts, is_damaged = BlobFacts(), False
            try:
                data = store.read_blob(name)
                size_bytes = len(data)
                facts = BlobFacts.of(decode_recording(data, store.subject(name.path)))
            except NotInStore:
                continue  # removed since the walk
            except RecstoreError as error:
                problems.append(error)
                is_damaged, size_bytes = True, 0
                with suppress(OSError):
                    size_bytes = os.stat(store.directory.path(name.path)).st_size
            if known.get((name.key, name.digest)) != (size_bytes, is_damaged):
                blobs.append((name.key, name.digest, size_bytes, is_damaged, orjson.dumps(asdict(facts))))
        if blobs:
            yield [("INSERT OR REPLACE INTO blob VALUES (?, ?, ?, ?, ?)", blobs)]


# -- rows


def _name(key: str, digest: str) -> BlobName:
    return BlobName(RequestKey(key), Digest(digest))


def _entry(key: str, digest: str, n: int, is_union: int, origin: bytes) -> Entry:
    return Entry(_name(key, digest), n, bool(is_union), orjson.loads(origin))


def _entry_row(test_id: str | None, *values: Any) -> EntryRow:
    *entry, is_damaged, size_bytes, facts = values
    state: BlobState = "missing" if is_damaged is None else "damaged" if is_damaged else "present"
    known = orjson.loads(facts or b"{}")
    return EntryRow(test_id=test_id, entry=_entry(*entry), state=state, size_bytes=size_bytes or 0, **known)


def _blob_row(key: str, digest: str, *values: Any) -> BlobRow:
    size_bytes, is_damaged, facts, entry_count = values
    known, name = orjson.loads(facts), _name(key, digest)
    return BlobRow(name=name, size_bytes=size_bytes, is_damaged=bool(is_damaged), entry_count=entry_count, **known)
