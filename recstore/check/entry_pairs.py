"""The entries of two manifests, side by side, each pair compared.

Entries of one request key and one n belong together. Of the others those do whose requests are most alike, so that a
changed prompt is a changed request with a changed answer, and not one recording gone and another come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from recstore.check.pairing import pair_requests
from recstore.errors import DamagedBlob, NotInStore, RecstoreError
from recstore.git.trees import StoreFiles
from recstore.model import BlobName, Entry, Recording
from recstore.store import FOLDER
from recstore.store.codec import decode_recording
from recstore.transcript import Comparison, compare_recordings


@dataclass(frozen=True, slots=True)
class RecordingChange:
    """One recording on both sides, or on one of them.

    `recording` is the newer one, if it can be read; `comparison` is None unless both can. `problems` says what cannot.
    """

    kind: Literal["changed", "added", "removed"]
    old: Entry | None
    new: Entry | None
    recording: Recording | None = None
    comparison: Comparison | None = None
    problems: tuple[RecstoreError, ...] = ()


def compare_entries(
    old: tuple[StoreFiles, Sequence[Entry]], new: tuple[StoreFiles, Sequence[Entry]], *, in_order: bool = False
) -> tuple[RecordingChange, ...]:
    """Return what differs between the entries of two sides, shorter requests first: a conversation grows.

    With `in_order`, entries left over are paired in their order, however little their requests have in common: for
    two recordings that somebody has named.
    """
    before, after = _without_equal(old[1], new[1])
    pairs = list(_by_key(before, after))
    readers = (_Reader(old[0]), _Reader(new[0]))
    readers[0].prepare(*before, *(one for one, _ in pairs))
    readers[1].prepare(*after, *(other for _, other in pairs))
    if in_order:
        pairs += _taken_in_order(before, after)
    else:
        pairs += _taken_alike(before, after, readers)
    found = [_changed(one, other, readers) for one, other in pairs]
    found += [_alone("removed", entry, readers[0]) for entry in before]
    found += [_alone("added", entry, readers[1]) for entry in after]
    return tuple(sorted(found, key=_place))


@dataclass(slots=True)
class _Reader:
    side: StoreFiles
    _read: dict[BlobName, Recording | RecstoreError] = field(default_factory=dict)

    def prepare(self, *entries: Entry) -> None:
        self.side.prepare([entry.blob.path for entry in entries])

    def read(self, entry: Entry) -> Recording | RecstoreError:
        if entry.blob not in self._read:
            try:
                self._read[entry.blob] = self._recording(entry.blob)
            except RecstoreError as error:
                self._read[entry.blob] = error
        return self._read[entry.blob]

    def _recording(self, blob: BlobName) -> Recording:
        path = blob.path
        subject = f"{FOLDER}/{path}"
        data = self.side.read(path)
        if data is None:
            remedy = (
                f"`recstore restore {blob.digest[:12]}` brings it back if Git has it; otherwise record the test again."
            )
            raise NotInStore(subject, f"the blob is missing in {self.side.title}", remedy)
        if not blob.fits(data):
            raise DamagedBlob(subject, f"its bytes in {self.side.title} do not fit its name")
        return decode_recording(data, subject)  # the recorder's own ids stay placeholders: they differ by file


def _without_equal(old: Sequence[Entry], new: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    before, after = Counter(old), Counter(new)
    return list((before - after).elements()), list((after - before).elements())


def _by_key(before: list[Entry], after: list[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Take the entries of one key and n from both lists, the first ones first."""
    waiting: dict[tuple[str, int], list[Entry]] = {}
    for entry in after:
        waiting.setdefault((entry.blob.key, entry.n), []).append(entry)
    for entry in list(before):
        alike = waiting.get((entry.blob.key, entry.n))
        if alike:
            other = alike.pop(0)
            before.remove(entry)
            after.remove(other)
            yield entry, other


def _taken_in_order(before: list[Entry], after: list[Entry]) -> list[tuple[Entry, Entry]]:
    pairs = list(zip(before, after, strict=False))
    del before[: len(pairs)], after[: len(pairs)]
    return pairs


def _taken_alike(
    before: list[Entry], after: list[Entry], readers: tuple[_Reader, _Reader]
) -> list[tuple[Entry, Entry]]:
    """Take those from both lists whose requests are alike."""
    old = [(entry, found) for entry in before if isinstance(found := readers[0].read(entry), Recording)]
    new = [(entry, found) for entry in after if isinstance(found := readers[1].read(entry), Recording)]
    places = pair_requests([found.request for _, found in old], [found.request for _, found in new])
    pairs = [(old[one][0], new[other][0]) for one, other in places]
    for one, other in pairs:
        before.remove(one)
        after.remove(other)
    return pairs


def _changed(old: Entry, new: Entry, readers: tuple[_Reader, _Reader]) -> RecordingChange:
    before, after = readers[0].read(old), readers[1].read(new)
    if isinstance(before, Recording) and isinstance(after, Recording):
        return RecordingChange("changed", old, new, after, compare_recordings(before, after))
    readable = next((found for found in (after, before) if isinstance(found, Recording)), None)
    return RecordingChange("changed", old, new, readable, problems=_problems((before, after)))


def _alone(kind: Literal["added", "removed"], entry: Entry, reader: _Reader) -> RecordingChange:
    found = reader.read(entry)
    recording = found if isinstance(found, Recording) else None
    old, new = (entry, None) if kind == "removed" else (None, entry)
    return RecordingChange(kind, old, new, recording, problems=_problems([found]))


def _problems(found: Iterable[Recording | RecstoreError]) -> tuple[RecstoreError, ...]:
    return tuple(error for error in found if isinstance(error, RecstoreError))


def _place(change: RecordingChange) -> tuple[int, str, int]:
    entry = change.new or change.old
    assert entry is not None  # noqa: S101 - one side has it
    size = len(repr(change.recording.request.body)) if change.recording is not None else 0
    return size, entry.blob.key, entry.n
