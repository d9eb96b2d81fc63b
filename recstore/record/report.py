"""What a session did, for whoever reports it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recstore.errors import RecstoreError, ReplayMiss
from recstore.model import Entry
from recstore.record.lookup import Recordings
from recstore.record.modes import Mode


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What a session did, said when it is over.

    `manifest` is the digest of the text of the test's manifest as it is now, "" where it has none; `served` the
    (key, n) of its entries that answered a request, or that a request has just recorded; `unserved` its entries
    that none asked for, in modes that ask. `recorded` counts live answers that were published, `reused` those taken
    over from other tests; `requests_saved` and `tokens_saved` what was answered without a call, and what the answers
    say that it cost when it was made. `problems` are the errors other than misses: damage, above all. `drift` says, in
    verify mode, where a live answer differs from the recording.
    """

    scope_id: str | None
    mode: Mode
    manifest: str = ""
    served: frozenset[tuple[str, int]] = frozenset()
    recorded: int = 0
    reused: int = 0
    misses: tuple[ReplayMiss, ...] = ()
    problems: tuple[RecstoreError, ...] = ()
    unserved: tuple[Entry, ...] = ()
    drift: tuple[str, ...] = ()
    requests_saved: int = 0
    tokens_saved: int = 0


def with_recordings(done: SessionReport, recordings: Recordings) -> SessionReport:
    """Return the report with what there is to say of a manifest that stays as it is; one that cannot be read is none."""
    try:
        entries, digest = recordings.entries, recordings.digest
    except RecstoreError:
        return done
    served = recordings.served
    asked_for = done.mode in (Mode.REPLAY, Mode.RECORD_IF_MISSING, Mode.VERIFY)
    unserved = tuple(entry for entry in entries if (entry.blob.key, entry.n) not in served) if asked_for else ()
    return replace(done, manifest=digest, served=frozenset(served), unserved=unserved)
