"""Other recorders' formats: llama-stack's recordings and vcrpy's cassettes, read and written byte for byte.

May know: the store and everything below it. May not know: Git, terminals, HTTP clients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from recstore.model import Entry, Json, Recording

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of files done, and of all files."""


@dataclass(frozen=True, slots=True)
class SourceRecording:
    """One recording as a format's reader returns it; the file says no more than this of it.

    `origin` goes into the manifest's entry. `is_union` marks an answer that counts only together with the others to
    the same request.
    """

    test_id: str | None
    recording: Recording
    origin: dict[str, Json]
    is_union: bool = False


class TestEntry(NamedTuple):
    """An entry, and the test whose manifest names it; None outside any test."""

    test_id: str | None
    entry: Entry


class EncodedRecording(NamedTuple):
    """A recording of a source file as it is stored: the bytes of its blob, and its entry, not numbered yet (n is 0)."""

    test_id: str | None
    entry: Entry
    data: bytes
