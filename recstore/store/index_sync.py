"""Bringing the index up to date: what changed since, and nothing else, is read.

A blob never changes: a name that is known and still there is trusted. A manifest is trusted while its
stamp (time, size, inode) is the one under which it was read, and only if it had been at rest by then: a
file that was written again within the same tick of the file system's clock, to the same size, looks as it
did before. What could not be read is never trusted; it is read again each time.

Source: Git, Documentation/technical/racy-git.txt
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import orjson

from recstore.errors import NotInStore, RecstoreError
from recstore.model import BlobName, Manifest
from recstore.store.index_database import data_version, file_system_now_ns, transaction
from recstore.store.index_facts import Facts, facts_of

if TYPE_CHECKING:
    from recstore.store.store import Store

RACY_WINDOW_NS: Final = 2_000_000_000
"""The coarsest clock of a file system in use: FAT's, of two seconds."""

_RACY: Final = ""
"""The stamp of a manifest that was not at rest when it was read: no file ever has it."""

_SOUND: Final = -1

_CHUNK: Final = 500
"""So many files are read and written at once: no more of a large store is in memory."""

_Item = TypeVar("_Item")

_KNOWN_BLOBS: Final = f"""
    SELECT 'blobs/' || substr(key, 1, 2) || '/' || key || '-' || digest || '.json',
        CASE WHEN is_damaged THEN size_bytes ELSE {_SOUND} END
    FROM blob
"""  # noqa: S608 - put together of constants
"""Path -> the size of a damaged blob, or `_SOUND`."""


@dataclass(frozen=True, slots=True)
class _Blob:
    name: BlobName
    size_bytes: int
    is_damaged: bool
    facts: Facts


@dataclass(slots=True)
class _Changes:
    """What the database has to forget and to learn."""

    old_manifests: list[tuple[str]] = field(default_factory=list)
    manifests: list[tuple[str, str, Manifest]] = field(default_factory=list)
    old_blobs: list[BlobName] = field(default_factory=list)
    blobs: list[_Blob] = field(default_factory=list)


def refresh(store: Store, connection: sqlite3.Connection) -> tuple[RecstoreError, ...]:
    """Make the database say what the store's files say; return what is wrong with those that cannot be read.

    Files are read without holding the database's lock, some thousand at a time. If another process has changed the
    database meanwhile, what was read may be older than what it wrote, and is read again.

    Raises: sqlite3.DatabaseError: the database is damaged or locked, or cannot be written.
    """
    while True:
        problems: list[RecstoreError] = []
        version = data_version(connection)
        if all(_apply(changes, connection, version) for changes in _find_changes(store, connection, problems)):
            return tuple(problems)


def _find_changes(store: Store, connection: sqlite3.Connection, problems: list[RecstoreError]) -> Iterator[_Changes]:
    yield from _find_changed_manifests(store, connection, problems)
    yield from _find_changed_blobs(store, connection, problems)


# -- manifests


def _find_changed_manifests(
    store: Store, connection: sqlite3.Connection, problems: list[RecstoreError]
) -> Iterator[_Changes]:
    known = dict(connection.execute("SELECT path, stamp FROM manifest"))
    present = dict(_stamps(store))
    changed = [(path, stamp) for path, stamp in present.items() if known.get(path) != stamp]
    gone = [(path,) for path in known if path not in present]
    if gone:
        yield _Changes(old_manifests=gone)
    now_ns = file_system_now_ns(connection) if changed else 0
    for chunk in _chunks(changed):
        changes = _Changes(old_manifests=[(path,) for path, _ in chunk if path in known])
        for path, stamp in chunk:
            try:
                manifest = store.read_manifest(path)
            except NotInStore:
                continue  # it has gone since the walk
            except RecstoreError as error:
                problems.append(error)
                continue
            changes.manifests.append((path, stamp if _was_at_rest(stamp, now_ns) else _RACY, manifest))
        if changes.old_manifests or changes.manifests:
            yield changes


def _stamps(store: Store) -> Iterator[tuple[str, str]]:
    for folder in ("tests", "shared"):
        for file in store.directory.walk(folder):
            try:
                status = file.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # it has gone since it was listed
            yield store.directory.name_of(file), _stamp(status)


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"  # text: an inode may exceed 63 bits


def _was_at_rest(stamp: str, now_ns: int) -> bool:
    return int(stamp.partition(" ")[0]) + RACY_WINDOW_NS <= now_ns


# -- blobs


def _find_changed_blobs(
    store: Store, connection: sqlite3.Connection, problems: list[RecstoreError]
) -> Iterator[_Changes]:
    known: dict[str, int] = dict(connection.execute(_KNOWN_BLOBS))
    if None in known:
        raise sqlite3.DatabaseError("a blob in the index has no name")
    present = {store.directory.name_of(file) for file in store.directory.walk("blobs")}
    gone = [name for path in known.keys() - present if (name := BlobName.from_path(path))]
    if gone:
        yield _Changes(old_blobs=gone)
    for chunk in _chunks(sorted(path for path in present if known.get(path) != _SOUND)):
        changes = _Changes()
        for path in chunk:
            name = BlobName.from_path(path)
            blob = _read_blob(store, name, problems) if name and name.path == path else None
            if blob and known.get(path) != (blob.size_bytes if blob.is_damaged else _SOUND):
                changes.blobs.append(blob)
        if changes.blobs:
            yield changes


def _chunks(items: list[_Item]) -> Iterator[list[_Item]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def _read_blob(store: Store, name: BlobName, problems: list[RecstoreError]) -> _Blob | None:
    path = name.path
    try:
        data = store.read_blob(name)
        return _Blob(name, len(data), is_damaged=False, facts=facts_of(data, f"{store.directory.root.name}/{path}"))
    except NotInStore:
        return None  # it has gone since the walk
    except RecstoreError as error:
        problems.append(error)
    try:
        size_bytes = os.stat(store.directory.path(path)).st_size
    except OSError:
        size_bytes = 0
    return _Blob(name, size_bytes, is_damaged=True, facts=Facts())


# -- the database


def _apply(changes: _Changes, connection: sqlite3.Connection, version: int) -> bool:
    """Write the changes and return True, unless another process has changed the database since it had that version."""
    with transaction(connection):
        if data_version(connection) != version:
            return False
        _write(changes, connection)
        return True


def _write(changes: _Changes, connection: sqlite3.Connection) -> None:
    paths = {(path,) for path, _, _ in changes.manifests}.union(changes.old_manifests)
    connection.executemany("DELETE FROM entry WHERE manifest = ?", paths)
    connection.executemany("DELETE FROM manifest WHERE path = ?", changes.old_manifests)
    connection.executemany(
        "INSERT INTO manifest VALUES (?, ?, ?)",
        ((path, manifest.test_id, stamp) for path, stamp, manifest in changes.manifests),
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
