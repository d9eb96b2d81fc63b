"""New recordings of a session: into the store when its test has passed, aside when it has not.

Blobs are made durable before the manifest names them, all of it under the store's lock, which no session holds while
it waits for a server. The lock protects blobs from `gc` that nothing names yet.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from recstore.errors import Damage, DamagedBlob, ForeignManifest, ManifestConflict
from recstore.model import BlobName, Digest, Entry, Manifest
from recstore.store import Store
from recstore.store.blob import is_imported
from recstore.store.manifest import format_manifest, manifest_path, shared_path

FAILED: Final = "failed"
"""The folder of the recordings of tests that failed, a folder each, below the local folder of the repository."""

_TIMEOUT_S: Final = 300.0
"""Others publish a test's recordings in milliseconds; one that imports or collects may take its time."""


@dataclass(frozen=True, slots=True)
class NewRecording:
    """An entry that a session made, and its blob's bytes; None if the blob is another test's."""

    entry: Entry
    data: bytes | None


def publish(store: Store, scope_id: str | None, recordings: list[NewRecording], *, replaces: bool) -> Manifest | None:
    """Put the recordings into the store, in place of those of the scope or beside them; return its manifest.

    Raises: Locked: others have held the store for long. DamagedManifest: another test's manifest has that path, or,
    where nothing is replaced, its own cannot be read. RecstoreError: disk trouble.
    """
    with store.locked(_TIMEOUT_S):
        _emptied_failed_folder(store, scope_id)
        for recording in recordings:
            if recording.data is not None:
                try:
                    store.put_encoded(recording.entry.blob, recording.data)
                except DamagedBlob:  # the right bytes are in our hands: this repairs it
                    store.directory.write(recording.entry.blob.path, recording.data)
        store.directory.flush()
        entries = [recording.entry for recording in recordings]
        if scope_id is None:
            _publish_shared(store, entries, replaces=replaces)
            return None
        present: Manifest | None = None
        try:
            present = store.manifest(scope_id)
        except (Damage, ManifestConflict) as error:
            if not replaces or isinstance(error, ForeignManifest):
                raise
        if present is not None and not replaces:  # others may have published since we looked
            known = {entry.call for entry in present.entries}
            entries = [*present.entries, *(entry for entry in entries if entry.call not in known)]
        entries.sort(key=lambda entry: entry.n)
        numbers: dict[str, dict[int, int]] = {}
        for index, entry in enumerate(entries):  # numbered from 1 again: a call that never completed has left a gap
            of_key = numbers.setdefault(entry.blob.key, {})
            entries[index] = replace(entry, n=of_key.setdefault(entry.n, len(of_key) + 1))
        manifest = Manifest(scope_id, tuple(entries))
        text = format_manifest(manifest)
        store.directory.write(manifest_path(scope_id), text)
        store.directory.flush()
        return replace(manifest, digest=Digest.of(text))


def put_aside(store: Store, scope_id: str | None, recordings: list[NewRecording]) -> None:
    """Write the recordings of a test that failed where somebody can look at them, in place of those of its last failure.

    Raises: Locked: others have held the store for long. RecstoreError: disk trouble.
    """
    with store.locked(_TIMEOUT_S):
        folder = _emptied_failed_folder(store, scope_id)
        for number, recording in enumerate(recordings, start=1):
            if recording.data is not None:
                store.common.write(f"{folder}/{number:04}-{recording.entry.blob.key[:12]}.json", recording.data)


def _emptied_failed_folder(store: Store, scope_id: str | None) -> str:
    folder = f"{FAILED}/{'shared' if scope_id is None else manifest_path(scope_id)}"
    for file in list(store.common.walk(folder)):
        store.common.remove(store.common.name_of(file))
    return folder


def _publish_shared(store: Store, entries: list[Entry], *, replaces: bool) -> None:
    """Publish a manifest for each blob; if they replace, those of other answers to the same requests are removed.

    Imported ones stay: whoever wrote them would bring them again.
    """
    blobs = {entry.blob: entry for entry in entries}
    for blob, entry in blobs.items():
        if store.directory.read(shared_path(blob)) is None:
            store.publish([Manifest(None, (replace(entry, n=1),))])
    keys = {blob.key for blob in blobs}
    for file in list(store.directory.walk("shared")) if replaces else ():
        other = BlobName.parse(file.name)
        if other is None or other.key not in keys or other in blobs:
            continue
        with suppress(Damage, ManifestConflict):
            manifest = store.shared_manifest(other)
            if manifest is not None and any(is_imported(entry.origin) for entry in manifest.entries):
                continue
        store.directory.remove(store.directory.name_of(file))
