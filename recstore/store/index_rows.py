"""Rows of the index: which questions there are in SQL, and what becomes of the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import orjson

from recstore.model import BlobName, Digest, Entry, RequestKey
from recstore.store.index_facts import Facts

BlobState: TypeAlias = Literal["present", "missing", "damaged"]
"""`damaged` is every blob that is there and cannot be read; `Index.problems` tells why."""

Condition: TypeAlias = tuple[str, str | int | None]
"""An SQL condition with one parameter, and the parameter."""

_ENTRY: Final = "entry.key, entry.digest, entry.n, entry.is_union, entry.origin"
_FACTS: Final = "blob.method, blob.upstream, blob.path, blob.model, blob.status, blob.is_stream, blob.is_error"

# What follows is put together of constants; every value of a caller's is a parameter.

USES: Final = f"""
    SELECT manifest.test_id, {_ENTRY} FROM entry JOIN manifest ON manifest.path = entry.manifest
    WHERE entry.key = ? ORDER BY entry.n, entry.digest, manifest.path, entry.rowid
"""  # noqa: S608 - see above
"""What `read_use` takes, of a request key."""

LISTING: Final = f"""
    SELECT manifest.test_id, blob.is_damaged, blob.size_bytes, {_ENTRY}, {_FACTS}
    FROM entry JOIN manifest ON manifest.path = entry.manifest
    LEFT JOIN blob ON blob.key = entry.key AND blob.digest = entry.digest
"""  # noqa: S608 - see above
"""What `read_row` takes, before conditions and order."""

LISTING_ORDER: Final = "manifest.test_id IS NULL, manifest.path, entry.rowid"

BLOBS: Final = f"""
    SELECT blob.key, blob.digest, blob.size_bytes, blob.is_damaged, count(entry.key), {_FACTS}
    FROM blob LEFT JOIN entry ON entry.key = blob.key AND entry.digest = blob.digest
    GROUP BY blob.key, blob.digest ORDER BY blob.key, blob.digest
"""  # noqa: S608 - see above
"""What `read_blob_row` takes."""

RESOLVE: Final = """
    SELECT key, digest FROM blob WHERE key BETWEEN ?1 AND ?1 || 'g'
    UNION SELECT key, digest FROM blob WHERE digest BETWEEN ?1 AND ?1 || 'g'
    UNION SELECT key, digest FROM entry WHERE key BETWEEN ?1 AND ?1 || 'g' OR digest BETWEEN ?1 AND ?1 || 'g'
    ORDER BY key, digest
"""
"""What `read_name` takes, of the first digits of a key or a digest. `g` comes after every digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Facts):
    """One entry of one manifest, and the facts of its blob: none where that is missing or damaged.

    Units: `size_bytes` is the size of the blob's file, 0 where it is missing.
    """

    test_id: str | None
    entry: Entry
    state: BlobState
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRow(Facts):
    """One blob file, its facts, and how many entries of all manifests name it."""

    name: BlobName
    size_bytes: int
    is_damaged: bool
    entry_count: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows a listing has: those that fit every member that is not empty.

    A `*` stands for any characters, and then the whole must fit. Without one, `test` and `endpoint` are
    found anywhere in the test's id and the request's path; `upstream` and `model` must be equal.
    """

    test: str = ""
    upstream: str = ""
    endpoint: str = ""
    model: str = ""
    status: int | None = None

    def conditions(self) -> list[Condition]:
        """Return a condition for each member that is not empty."""
        conditions: list[Condition] = [
            (f"{column} GLOB ?", pattern)
            for column, pattern in (
                ("manifest.test_id", _containing(self.test)),
                ("blob.upstream", _glob(self.upstream)),
                ("blob.path", _containing(self.endpoint)),
                ("blob.model", _glob(self.model)),
            )
            if pattern
        ]
        return conditions if self.status is None else [*conditions, ("blob.status = ?", self.status)]


def read_use(test_id: str | None, *entry: Any) -> tuple[str | None, Entry]:
    """Return a row of `USES`."""
    return test_id, _read_entry(*entry)


def read_row(test_id: str | None, is_damaged: int | None, size_bytes: int | None, *rest: Any) -> Row:
    """Return a row of `LISTING`."""
    key, digest, n, is_union, origin, *facts = rest
    return Row(
        *(() if is_damaged is None else _read_facts(*facts)),
        test_id=test_id,
        entry=_read_entry(key, digest, n, is_union, origin),
        state="missing" if is_damaged is None else "damaged" if is_damaged else "present",
        size_bytes=size_bytes or 0,
    )


def read_blob_row(key: str, digest: str, size_bytes: int, is_damaged: int, *rest: Any) -> BlobRow:
    """Return a row of `BLOBS`."""
    entry_count, *facts = rest
    return BlobRow(
        *_read_facts(*facts),
        name=read_name(key, digest),
        size_bytes=size_bytes,
        is_damaged=bool(is_damaged),
        entry_count=entry_count,
    )


def read_name(key: str, digest: str) -> BlobName:
    """Return a row of `RESOLVE`."""
    return BlobName(RequestKey(key), Digest(digest))


def _read_entry(key: str, digest: str, n: int, is_union: int, origin: bytes) -> Entry:
    return Entry(read_name(key, digest), n, bool(is_union), orjson.loads(origin))


def _read_facts(*values: Any) -> tuple[Any, ...]:
    *values_as_stored, is_stream, is_error = values
    return (*values_as_stored, bool(is_stream), bool(is_error))


def _containing(text: str) -> str:
    return _glob(text if "*" in text or not text else f"*{text}*")


def _glob(text: str) -> str:
    """Return the GLOB pattern in which `*` alone is special: test ids are full of `[` and `?`."""
    return text.replace("[", "[[]").replace("?", "[?]")
