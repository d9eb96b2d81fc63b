"""Bringing the index up to date: what changed since, and nothing else, is read.

A blob never changes: a name that is known and still there is trusted. A manifest is trusted while its fingerprint is
the one under which it was read, and only if it was at rest by then. A file that could not be read is never trusted; it
is read again each time.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import unquote

import orjson

from recstore.content.bodies import json_value
from recstore.errors import DamagedBlob, NotInStore, RecstoreError
from recstore.model import BlobName, Manifest, Request
from recstore.store.blob import decode_request
from recstore.store.fingerprints import FileCache, Fingerprint, compare
from recstore.store.manifest import MANIFEST_FOLDERS
from recstore.store.store import Store

_RACY: Final = Fingerprint(-1, 0, 0)
"""The fingerprint of a manifest that was not at rest when it was read: no file ever has it."""

_SOUND: Final = -1

_CHUNK: Final = 500
"""So many files are read and written at once: no more of a large store is in memory."""

_MODEL_IN_PATH: Final = re.compile(r"/(?:models/([^/:]+):|deployments/([^/]+)/|model/([^/]+)/)")
_ERROR_STATUS: Final = 400
_STATUS_LIMIT: Final = 1 << 63

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """What can be said of a recording without its bodies; nothing, by default.

    `model` is the model that the request names in its JSON body, or else in its path; "" if in neither.
    `is_error`: the client raised an error, or the upstream answered with a status of 400 or more.
    """

    method: str = ""
    upstream: str = ""
    path: str = ""
    model: str = ""
    status: int | None = None
    is_stream: bool = False
    is_error: bool = False


def facts_of(data: bytes, subject: str) -> BlobFacts:
    """Return the facts of the blob `data`; its response is not decoded. `subject` names it in errors.

    Raises: DamagedBlob, NewerVersion: as `decode_request`.
    """
    request = decode_request(data, subject)
    response: Any = orjson.loads(data).get("response")
    status = response.get("status") if type(response) is dict else ""
    if type(status) is not int and status is not None:
        raise DamagedBlob(
            subject, "is not in the format of a blob: its response or the status of it is of a wrong type"
        )
    return BlobFacts(
        method=request.method,
        upstream=request.upstream,
        path=request.path,
        model=_model_of(request),
        status=status if status is None or abs(status) < _STATUS_LIMIT else None,  # SQLite stores no more
        is_stream="events" in response,
        is_error=response.get("error") is not None or (status is not None and status >= _ERROR_STATUS),
    )


def _model_of(request: Request) -> str:
    body = json_value(request.body)
    model = body.get("model") if isinstance(body, dict) else None
    if isinstance(model, str):
        return model
    match = _MODEL_IN_PATH.search(request.path)
    return unquote(match[match.lastindex or 0]) if match else ""


@dataclass(frozen=True, slots=True)
class _Blob:
    name: BlobName
    size_bytes: int
    is_damaged: bool
    facts: BlobFacts


@dataclass(slots=True)
class _Changes:
    """What the database has to forget and to learn."""

    old_manifests: list[str] = field(default_factory=list)
    manifests: list[tuple[str, Fingerprint, Manifest]] = field(default_factory=list)
    old_blobs: list[BlobName] = field(default_factory=list)
    blobs: list[_Blob] = field(default_factory=list)


def refresh(store: Store, connection: sqlite3.Connection) -> tuple[RecstoreError, ...]:
    """Make the database say what the store's files say; return the errors of those that cannot be read.

    Files are read without holding the database's lock, some hundred at a time. If another process has changed the
    database meanwhile, what was read may be older than what it wrote, and is read again.

    Raises: sqlite3.DatabaseError: the database is damaged or locked, or cannot be written.
    """
    while True:
        problems: list[RecstoreError] = []
        version = _data_version(connection)
        changes = (
            changes for find in (_changed_manifests, _changed_blobs) for changes in find(store, connection, problems)
        )
        if all(_apply(change, connection, version) for change in changes):
            return tuple(problems)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the database's write lock; what was done is undone if an error leaves the block."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield


def _changed_manifests(
    store: Store, connection: sqlite3.Connection, problems: list[RecstoreError]
) -> Iterator[_Changes]:
    rows = connection.execute("SELECT path, fingerprint FROM manifest").fetchall()
    known = {path: Fingerprint(*map(int, text.split())) for path, text in rows}
    changed, removed = compare(known, FileCache(store.directory, MANIFEST_FOLDERS).look())
    if removed:
        yield _Changes(old_manifests=removed)
    now_ns = _file_system_now_ns(connection) if changed else 0
    for chunk in _chunks(list(changed.items())):
        changes = _Changes(old_manifests=[path for path, _ in chunk if path in known])
        for path, fingerprint in chunk:
            try:
                manifest = store.read_manifest(path)
            except NotInStore:
                continue  # removed since the walk
            except RecstoreError as error:
                problems.append(error)
                continue
            changes.manifests.append((path, fingerprint if fingerprint.is_settled(now_ns) else _RACY, manifest))
        if changes.old_manifests or changes.manifests:
            yield changes


def _changed_blobs(store: Store, connection: sqlite3.Connection, problems: list[RecstoreError]) -> Iterator[_Changes]:
    rows = connection.execute("SELECT key, digest, is_damaged, size_bytes FROM blob").fetchall()
    known = {(key, digest): size_bytes if is_damaged else _SOUND for key, digest, is_damaged, size_bytes in rows}
    present = {(blob.key, blob.digest): blob for blob in store.blobs()}
    removed = [BlobName(*halves) for halves in known.keys() - present.keys()]
    if removed:
        yield _Changes(old_blobs=removed)
    unread = sorted(blob for halves, blob in present.items() if known.get(halves) != _SOUND)
    for chunk in _chunks(unread):
        changes = _Changes()
        for name in chunk:
            blob = _read_blob(store, name, problems)
            if blob and known.get((name.key, name.digest)) != (blob.size_bytes if blob.is_damaged else _SOUND):
                changes.blobs.append(blob)
        if changes.blobs:
            yield changes


def _read_blob(store: Store, name: BlobName, problems: list[RecstoreError]) -> _Blob | None:
    try:
        data = store.read_blob(name)
        return _Blob(name, len(data), is_damaged=False, facts=facts_of(data, store.subject(name.path)))
    except NotInStore:
        return None  # removed since the walk
    except RecstoreError as error:
        problems.append(error)
    try:
        size_bytes = os.stat(store.directory.path(name.path)).st_size
    except OSError:
        size_bytes = 0
    return _Blob(name, size_bytes, is_damaged=True, facts=BlobFacts())


def _chunks(items: list[_Item]) -> Iterator[list[_Item]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


# -- the database


def _data_version(connection: sqlite3.Connection) -> int:
    """Return a number that changes when another connection changes the database.

    Source: https://www.sqlite.org/pragma.html#pragma_data_version
    """
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _file_system_now_ns(connection: sqlite3.Connection) -> int:
    """Return the time by the clock that stamps the store's files, which over a network is another machine's.

    0, before every file's time, where the database is in memory or cannot be touched.
    """
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    try:
        os.utime(path)
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _apply(changes: _Changes, connection: sqlite3.Connection, version: int) -> bool:
    """Write the changes and return True, unless another process has changed the database since it had that version."""
    with transaction(connection):
        if _data_version(connection) != version:
            return False
        paths = {*changes.old_manifests, *(path for path, _, _ in changes.manifests)}
        connection.executemany("DELETE FROM entry WHERE manifest = ?", ((path,) for path in paths))
        connection.executemany("DELETE FROM manifest WHERE path = ?", ((path,) for path in changes.old_manifests))
        connection.executemany(
            "INSERT INTO manifest VALUES (?, ?, ?)",
            (
                (path, manifest.test_id, " ".join(map(str, fingerprint)))  # text: an inode may exceed 63 bits
                for path, fingerprint, manifest in changes.manifests
            ),
        )
        connection.executemany(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)",
            (
                (path, entry.blob.key, entry.blob.digest, entry.n, entry.is_union, orjson.dumps(entry.origin))
                for path, _, manifest in changes.manifests
                for entry in manifest.entries
            ),
        )
        connection.executemany(
            "DELETE FROM blob WHERE key = ? AND digest = ?", ((name.key, name.digest) for name in changes.old_blobs)
        )
        connection.executemany(
            "INSERT OR REPLACE INTO blob VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (blob.name.key, blob.name.digest, blob.size_bytes, blob.is_damaged, *astuple(blob.facts))
                for blob in changes.blobs
            ),
        )
        return True
