"""The end of a session that has recorded something: it is published or put aside, and reported."""

from __future__ import annotations

from dataclasses import replace

from recstore.model import Digest
from recstore.record.lookup import Recordings
from recstore.record.modes import Mode
from recstore.record.publish import NewRecording, keep_failed, publish
from recstore.record.report import SessionReport, with_recordings
from recstore.store import Store
from recstore.store.manifest import format_manifest


def closed(
    store: Store, done: SessionReport, recordings: Recordings, new: list[NewRecording], *, passed: bool
) -> SessionReport:
    """Return the whole report, after what is new is in the store (passed), or in `local/failed`.

    Raises: Locked, Damage, RecstoreError: it could not be written.
    """
    if not passed:
        keep_failed(store, done.scope_id, new)
        return with_recordings(done, recordings)
    replaces = done.mode is Mode.RECORD
    manifest = publish(store, done.scope_id, new, replaces=replaces)
    done = replace(
        done,
        recorded=sum(recording.data is not None for recording in new),
        reused=sum(recording.data is None for recording in new),
    )
    if manifest is None:
        return done
    before = () if replaces else recordings.entries
    known = {(entry.blob.key, entry.n) for entry in before}
    added = {(entry.blob.key, entry.n) for entry in manifest.entries} - known
    served = frozenset(recordings.served | added)
    unserved = tuple(entry for entry in manifest.entries if (entry.blob.key, entry.n) not in served)
    return replace(done, manifest=Digest.of(format_manifest(manifest)), served=served, unserved=unserved)
