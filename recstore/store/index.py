"""The fast look-up over all manifests and blobs: derived, local, rebuilt at will, never committed.

Replaying one test needs none of it. Each question brings the index up to date first, which costs a walk
over the file names; `fresh` does so once for many questions. A database that is absent, damaged or of
another schema is made anew; where none can be written, one in memory does the same work.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from recstore.errors import Locked, RecstoreError
from recstore.model import BlobName, Entry, RequestKey
from recstore.store.directory import Directory
from recstore.store.index_database import INDEX_NAME, is_locked, open_anew, open_in_memory, open_present
from recstore.store.index_rows import (
    BLOBS,
    LISTING,
    LISTING_ORDER,
    RESOLVE,
    USES,
    BlobRow,
    Condition,
    Filter,
    Row,
    read_blob_row,
    read_name,
    read_row,
    read_use,
)
from recstore.store.index_sync import refresh

if TYPE_CHECKING:
    from recstore.store.store import Store

PREFIX_DIGITS: Final = 4
"""A prefix of fewer digits names no blob."""

_PREFIX: Final = re.compile(rf"[0-9a-f]{{{PREFIX_DIGITS},64}}")

_DAMAGE: Final = (sqlite3.DatabaseError, ValueError, TypeError)
"""What a damaged database raises: where SQLite notices nothing, whoever reads the values; its messages may be no UTF-8."""

_Answer = TypeVar("_Answer")
_Opener: TypeAlias = Callable[[Directory, float], sqlite3.Connection]


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
                self._connect((open_present, open_anew, self._open_in_memory))
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
        """Return what all manifests have recorded for the request: first times first."""
        return tuple(entry for _, entry in self.uses_of(key))

    def uses_of(self, key: RequestKey) -> tuple[tuple[str | None, Entry], ...]:
        """Return the same with the test that each entry belongs to: None for one made outside any test."""
        return tuple(self._rows(read_use, USES, key))

    def listing(self, wanted: Filter | None = None) -> Iterator[Row]:
        """Yield every entry that is wanted: of tests, by the manifest's path, then those outside any test."""
        return self._listing((wanted or Filter()).conditions())

    def missing(self) -> Iterator[Row]:
        """Yield every entry whose blob is not there, in the order of `listing`."""
        return self._listing([("blob.key IS ?", None)])

    def blob_rows(self) -> Iterator[BlobRow]:
        """Yield every blob file, by name; one that no manifest names has an `entry_count` of 0."""
        return iter(self._rows(read_blob_row, BLOBS))

    def resolve(self, prefix: str) -> tuple[BlobName, ...]:
        """Return the blobs, there or only named by an entry, whose key or digest begins with these digits.

        None does where `prefix` has fewer than four hexadecimal digits, or anything else in it.
        """
        if not _PREFIX.fullmatch(prefix.lower()):
            return ()
        return tuple(self._rows(read_name, RESOLVE, prefix.lower()))

    def _listing(self, conditions: list[Condition]) -> Iterator[Row]:
        where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
        values = (value for _, value in conditions)
        return iter(self._rows(read_row, f"{LISTING} WHERE {where} ORDER BY {LISTING_ORDER}", *values))

    def _rows(self, read: Callable[..., _Answer], question: str, *values: str | int | None) -> list[_Answer]:
        with self.fresh():
            try:
                return self._ask(read, question, values)
            except _DAMAGE as error:
                self._give_up(error)
            self._connect((open_anew, self._open_in_memory))
            return self._ask(read, question, values)

    def _ask(self, read: Callable[..., _Answer], question: str, values: tuple[str | int | None, ...]) -> list[_Answer]:
        assert self._connection is not None  # noqa: S101 - `fresh` holds one
        return [read(*row) for row in self._connection.execute(question, values)]

    def _connect(self, openers: tuple[_Opener, ...]) -> None:
        """Hold a connection from the first of `openers` that gives one that can be brought up to date."""
        for open_database in openers:
            try:
                self._connection = open_database(self._store.directory, self._timeout_s)
                self._problems = refresh(self._store, self._connection)
            except _DAMAGE as error:
                self._give_up(error)
            else:
                return
        raise RecstoreError(self._subject, "SQLite can neither keep an index in a file nor in memory")

    def _give_up(self, error: Exception) -> None:
        self._disconnect()
        if is_locked(error):
            raise Locked(self._subject, f"another process has been writing to it for {self._timeout_s:g} s") from error

    def _disconnect(self) -> None:
        if self._connection is not None and self._connection is not self._memory:
            self._connection.close()
        self._connection = None

    def _open_in_memory(self, directory: Directory, timeout_s: float) -> sqlite3.Connection:
        """Return the one database in memory, which is kept: it cannot be opened again."""
        if self._memory is None:
            self._memory = open_in_memory(directory, timeout_s)
            weakref.finalize(self, self._memory.close)
        return self._memory

    @property
    def _subject(self) -> str:
        return str(self._store.directory.path(INDEX_NAME))
