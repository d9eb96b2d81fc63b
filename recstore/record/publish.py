"""What a session recorded, into the store when its test has passed, aside when it has not.

Blobs are made durable before the manifest names them, all of it under the store's lock, which no session holds while
it waits for a server. The lock keeps `gc` from blobs that nothing names yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from recstore.errors import Damage, DamagedBlob, DamagedManifest, ManifestConflict
from recstore.model import BlobName, Entry, Manifest
from recstore.store import FOLDER, Store
from recstore.store.blob import is_imported
from recstore.store.directory import Directory
from recstore.store.manifest import format_manifest, manifest_path, parse_manifest, shared_path

FAILED: Final = "failed"
"""Where the recordings of tests that failed are, a folder each, below the local folder of the repository."""

_TIMEOUT_S: Final = 300.0
"""Others publish a test's recordings in milliseconds; one that imports or collects may take its time."""


@dataclass(frozen=True, slots=True)
class NewRecording:
    """An entry that a session made, and its blob's bytes; None where the blob is another test's."""

    entry: Entry
    data: bytes | None


def publish(store: Store, scope_id: str | None, recordings: list[NewRecording], *, replaces: bool) -> Manifest | None:
    """Put the recordings into the store, in place of what the scope had or beside it; return its manifest.

    Raises: Locked: others have held the store for long. DamagedManifest: another test's manifest has that path, or,
    where nothing is replaced, its own cannot be read. RecstoreError: disk trouble.
    """
    with store.locked(_TIMEOUT_S):
        _forget_failed(store, scope_id)
        for recording in recordings:
            if recording.data is not None:
                _put(store, recording.entry.blob, recording.data)
        store.directory.flush()
        entries = [recording.entry for recording in recordings]
        if scope_id is None:
            _publish_shared(store, entries, replaces=replaces)
            return None
        manifest = _manifest(store, scope_id, entries, replaces=replaces)
        store.directory.write(manifest_path(scope_id), format_manifest(manifest))
        store.directory.flush()
        return manifest


def keep_failed(store: Store, scope_id: str | None, recordings: list[NewRecording]) -> None:
    """Put the recordings of a test that failed where somebody can look at them, in place of those of its last failure.

    Raises: Locked: others have held the store for long. RecstoreError: disk trouble.
    """
    folder = _failed_folder(scope_id)
    with store.locked(_TIMEOUT_S):
        _forget_failed(store, scope_id)
        for number, recording in enumerate(recordings, start=1):
            if recording.data is not None:
                store.common.write(f"{folder}/{number:04}-{recording.entry.blob.key[:12]}.json", recording.data)


def _forget_failed(store: Store, scope_id: str | None) -> None:
    for name in _files_of(store.common, _failed_folder(scope_id)):
        store.common.remove(name)


def _files_of(directory: Directory, folder: str) -> list[str]:
    return [directory.name_of(file) for file in directory.walk(folder)]


def _failed_folder(scope_id: str | None) -> str:
    return f"{FAILED}/{'shared' if scope_id is None else manifest_path(scope_id)}"


def _put(store: Store, blob: BlobName, data: bytes) -> None:
    try:
        store.put_encoded(blob, data)
    except DamagedBlob:  # what the name says is in our hands: this mends it
        store.directory.write(blob.path, data)


def _manifest(store: Store, scope_id: str, new: list[Entry], *, replaces: bool) -> Manifest:
    """Return the manifest to write: the new entries alone, or after what is there now, which others may have written."""
    present = _present(store, scope_id, may_be_damaged=replaces)
    entries = () if replaces or present is None else present.entries
    known = {(entry.blob.key, entry.n) for entry in entries}
    added = [entry for entry in new if (entry.blob.key, entry.n) not in known]
    return Manifest(scope_id, tuple(_without_gaps([*entries, *added])))


def _present(store: Store, scope_id: str, *, may_be_damaged: bool) -> Manifest | None:
    path = manifest_path(scope_id)
    data = store.directory.read(path)
    if data is None:
        return None
    subject = f"{FOLDER}/{path}"
    try:
        manifest = parse_manifest(data, subject)
    except (Damage, ManifestConflict):
        if not may_be_damaged:
            raise
        return None
    if manifest.test_id != scope_id:
        raise DamagedManifest(subject, f"is the manifest of {manifest.test_id!r}, where that of {scope_id!r} belongs")
    return manifest


def _without_gaps(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Yield the entries with the times of each request numbered from 1: a call that never ended has left a gap."""
    numbers: dict[str, dict[int, int]] = {}
    for entry in sorted(entries, key=lambda entry: entry.n):
        of_key = numbers.setdefault(entry.blob.key, {})
        yield replace(entry, n=of_key.setdefault(entry.n, len(of_key) + 1))


def _publish_shared(store: Store, entries: list[Entry], *, replaces: bool) -> None:
    """Publish a manifest for each blob; where they replace, those of other answers to the same requests go.

    What was imported stays: whoever wrote it will bring it again.
    """
    blobs = {entry.blob: entry for entry in entries}
    for blob, entry in blobs.items():
        if store.directory.read(shared_path(blob)) is None:
            store.publish([Manifest(None, (replace(entry, n=1),))])
    if not replaces:
        return
    keys = {blob.key for blob in blobs}
    for name in _files_of(store.directory, "shared"):
        other = BlobName.parse(name.rpartition("/")[2])
        if other is not None and other.key in keys and other not in blobs and not _is_imported(store, other):
            store.directory.remove(name)


def _is_imported(store: Store, blob: BlobName) -> bool:
    try:
        manifest = store.shared_manifest(blob)
    except (Damage, ManifestConflict):
        return False
    return manifest is not None and any(is_imported(entry.origin) for entry in manifest.entries)
