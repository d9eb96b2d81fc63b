"""What an adapter reads from another recorder's file."""

from __future__ import annotations

from dataclasses import dataclass

from recstore.model import Json, Recording


@dataclass(frozen=True, slots=True)
class SourceRecording:
    """One recording of a foreign file, the test it belongs to, and what else the file said of it.

    `origin` goes into the manifest's entry. `is_union` marks an answer that only counts together with the
    others to the same request.
    """

    test_id: str | None
    recording: Recording
    origin: dict[str, Json]
    is_union: bool = False
