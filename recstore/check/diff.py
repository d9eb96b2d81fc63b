"""Compare two states of a project: which tests were added, removed, renamed or recorded again, and what changed in them.

Entries of one request key and one n belong together. Of the others those do whose requests are most alike, so that a
changed prompt is a changed request with a changed answer, and not one recording removed and another added.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from recstore.errors import DamagedBlob, DamagedManifest, ManifestConflict, NotInStore, RecstoreError
from recstore.git.trees import CommitTree, StoreFiles, Tree
from recstore.model import BlobName, Entry, JsonBody, Manifest, Recording, Request
from recstore.store import FOLDER
from recstore.store.blob import decode_recording
from recstore.store.manifest import parse_manifest
from recstore.transcript import Comparison, compare_recordings
from recstore.transcript.body import compact, read_body
from recstore.transcript.messages import read_model

_OWNER: Final = re.compile(rb'^test ("[^\n]*")$', re.MULTILINE)
_WORD: Final = re.compile(r"\w+")
_ALIKE: Final = 0.3
"""Requests with a smaller share of words in common are two requests."""

_MAX_COMPARED: Final = 40_000
"""Above this number of comparisons, lists of requests are paired in their order."""

TestChangeKind = Literal["added", "removed", "renamed", "re-recorded", "origins", "unreadable"]
RecordingChangeKind = Literal["changed", "added", "removed"]


@dataclass(frozen=True, slots=True)
class RecordingChange:
    """One recording on both sides, or on one of them.

    `recording` is the newer one, if it can be read; `comparison` is None unless both can. `problems` says what cannot.
    """

    kind: RecordingChangeKind
    old: Entry | None
    new: Entry | None
    recording: Recording | None = None
    comparison: Comparison | None = None
    problems: tuple[RecstoreError, ...] = ()


@dataclass(frozen=True, slots=True)
class TestChange:
    """The change of one test; an id is None on the side that does not have it, and for recordings outside any test.

    `recordings` are those that differ, for a test that was recorded again; `entries` counts those of the newer side.
    `origins`: its recordings are the same, imported from other files. `unreadable`: `problem` says why.
    """

    kind: TestChangeKind
    old_id: str | None
    new_id: str | None
    entries: int = 0
    recordings: tuple[RecordingChange, ...] = ()
    problem: RecstoreError | None = None

    @property
    def name(self) -> str:
        """The id of the test, the newer one."""
        return self.new_id or self.old_id or "(outside any test)"

    @property
    def problems(self) -> tuple[RecstoreError, ...]:
        """All errors of reading it."""
        inner = tuple(problem for change in self.recordings for problem in change.problems)
        return (self.problem, *inner) if self.problem is not None else inner


@dataclass(frozen=True, slots=True)
class Diff:
    """The differences between two sides, which are called `old` and `new`."""

    old: str
    new: str
    tests: tuple[TestChange, ...]


@dataclass(frozen=True)
class _ManifestPair:
    """A manifest on both sides, None on a side that does not have it."""

    path: str
    old: Manifest | None
    new: Manifest | None

    @property
    def test_id(self) -> str | None:
        manifest = self.new or self.old
        return manifest.test_id if manifest is not None else None

    @cached_property
    def entries(self) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
        old, new = (() if side is None else side.entries for side in (self.old, self.new))
        return old, new


@dataclass(frozen=True, slots=True)
class ChangedManifests:
    """The manifests that two trees do not share, before any recording is read; `unreadable` are those that cannot be used."""

    old: CommitTree
    new: Tree
    pairs: tuple[_ManifestPair, ...]
    unreadable: tuple[TestChange, ...]

    @property
    def test_ids(self) -> list[str]:
        """The tests that differ."""
        ids = {pair.test_id for pair in self.pairs if pair.test_id is not None}
        return sorted({*ids, *(change.name for change in self.unreadable)})

    def compare(self, wanted: Collection[str] | None = None) -> Diff:
        """Return the differences; only of the tests `wanted`, without recordings outside any test, if that is given.

        Raises: GitError: a commit cannot be read. Missing or damaged recordings are in the result.
        """
        pairs = [pair for pair in self.pairs if wanted is None or pair.test_id in wanted]
        changes = [change for change in self.unreadable if wanted is None or change.name in wanted]
        outside = [pair for pair in pairs if pair.path.startswith("shared/")]  # one manifest for each recording
        before, after = ([entry for pair in outside for entry in pair.entries[side][:1]] for side in (0, 1))
        recordings = compare_entries((self.old, before), (self.new, after))
        if recordings:
            changes.append(TestChange("re-recorded", None, None, len(after), recordings))
        changes += _test_changes([pair for pair in pairs if pair not in outside], self.old, self.new)
        return Diff(self.old.title, self.new.title, tuple(sorted(changes, key=lambda change: change.name)))


def changed_manifests(old: CommitTree, new: Tree) -> ChangedManifests:
    """Return the manifests that differ between a commit and another one, Git's index, or the files as they are.

    Raises: GitError: a commit cannot be read. NewerVersion: a manifest has a later format.
    """
    paths = new.manifests_unlike(old)
    for side in (old, new):
        side.prepare(paths)
    pairs: list[_ManifestPair] = []
    unreadable: list[TestChange] = []
    for path in paths:
        texts = old.read(path), new.read(path)
        if texts[0] == texts[1]:
            continue  # it differs from what is staged, say
        try:
            manifests = [
                None if text is None else parse_manifest(text, f"{FOLDER}/{path} in {side.title}")
                for text, side in zip(texts, (old, new), strict=True)
            ]
            pairs.append(_ManifestPair(path, *manifests))
        except (DamagedManifest, ManifestConflict) as error:
            name = next((test_id for text in texts if (test_id := _stated_id(text or b""))), path)
            unreadable.append(TestChange("unreadable", name, name, problem=error))
    return ChangedManifests(old, new, tuple(pairs), tuple(unreadable))


def diff_entries(
    files: StoreFiles, old: tuple[str, Iterable[Entry]], new: tuple[str, Iterable[Entry]], *, in_order: bool = False
) -> Diff:
    """Return the differences between two lists of entries of one side, each with its name."""
    before, after = tuple(old[1]), tuple(new[1])
    recordings = compare_entries((files, before), (files, after), in_order=in_order)
    change = TestChange("re-recorded", old[0], new[0], len(after), recordings)
    return Diff(old[0], new[0], (change,) if recordings else ())


def _stated_id(text: bytes) -> str:
    """Return the test that an unusable manifest names, "" if it names none."""
    stated = _OWNER.search(text)
    try:
        test_id = json.loads(stated[1]) if stated else ""
    except ValueError:
        return ""
    return test_id if isinstance(test_id, str) else ""


def _test_changes(pairs: list[_ManifestPair], old: StoreFiles, new: StoreFiles) -> Iterator[TestChange]:
    renamed = _renamed(pairs)
    for before, after in renamed:
        yield TestChange("renamed", before.test_id, after.test_id, len(after.entries[1]))
    done = {pair.path for both in renamed for pair in both}
    for pair in pairs:
        if pair.path in done:
            continue
        if pair.old is None:
            yield TestChange("added", None, pair.test_id, len(pair.entries[1]))
        elif pair.new is None:
            yield TestChange("removed", pair.test_id, None, len(pair.entries[0]))
        else:
            recordings = compare_entries((old, pair.entries[0]), (new, pair.entries[1]))
            kind: TestChangeKind = "re-recorded" if recordings else "origins"
            yield TestChange(kind, pair.test_id, pair.test_id, len(pair.entries[1]), recordings)


def _renamed(pairs: list[_ManifestPair]) -> list[tuple[_ManifestPair, _ManifestPair]]:
    """Return removed tests with added ones that have the very same entries: equal functions first, then equal files."""
    removed: dict[frozenset[Entry], list[_ManifestPair]] = {}
    for pair in pairs:
        if pair.new is None and pair.entries[0]:
            removed.setdefault(frozenset(pair.entries[0]), []).append(pair)
    added = [pair for pair in pairs if pair.old is None and frozenset(pair.entries[1]) in removed]
    renamed = []
    for part in (2, 0, None):
        for pair in list(added):
            candidates = removed[frozenset(pair.entries[1])]
            match = next((one for one in candidates if _part_of(one, part) == _part_of(pair, part)), None)
            if match is not None:
                renamed.append((match, pair))
                candidates.remove(match)
                added.remove(pair)
    return renamed


def _part_of(pair: _ManifestPair, part: int | None) -> str:
    """Return the file (0) or the function (2) of a test's id."""
    return "" if part is None else (pair.test_id or "").partition("::")[part]


# -- recordings


class _Reader:
    """Reads the recordings of one side, each once."""

    def __init__(self, files: StoreFiles) -> None:
        self.files = files
        self._read: dict[BlobName, Recording | RecstoreError] = {}

    def read(self, entry: Entry) -> Recording | RecstoreError:
        """Return the recording, or why it cannot be read. Generated ids stay placeholders: they differ by file."""
        blob = entry.blob
        if blob not in self._read:
            subject = f"{FOLDER}/{blob.path}"
            try:
                data = self.files.read(blob.path)
                if data is None:
                    remedy = f"`recstore restore {blob.digest[:12]}` brings it back if Git has it; if not, record the test again."
                    self._read[blob] = NotInStore(subject, f"the blob is missing in {self.files.title}", remedy)
                elif not blob.fits(data):
                    self._read[blob] = DamagedBlob(subject, f"its bytes in {self.files.title} do not fit its name")
                else:
                    self._read[blob] = decode_recording(data, subject)
            except RecstoreError as error:
                self._read[blob] = error
        return self._read[blob]

    def readable(self, entries: Iterable[Entry]) -> list[tuple[Entry, Recording]]:
        """Return the entries whose recordings can be read, with these."""
        return [(entry, found) for entry in entries if isinstance(found := self.read(entry), Recording)]


def compare_entries(
    old: tuple[StoreFiles, Sequence[Entry]], new: tuple[StoreFiles, Sequence[Entry]], *, in_order: bool = False
) -> tuple[RecordingChange, ...]:
    """Return the differences between the entries of two sides, shorter requests first: a conversation grows.

    With `in_order`, leftover entries are paired in their order, however little their requests have in common: for two
    recordings that somebody has named.
    """
    counts = Counter(old[1]), Counter(new[1])
    before, after = list((counts[0] - counts[1]).elements()), list((counts[1] - counts[0]).elements())
    old_reader, new_reader = _Reader(old[0]), _Reader(new[0])
    old[0].prepare([entry.blob.path for entry in before])
    new[0].prepare([entry.blob.path for entry in after])
    by_key: dict[tuple[str, int], list[Entry]] = {}
    for entry in after:
        by_key.setdefault((entry.blob.key, entry.n), []).append(entry)
    pairs: list[tuple[Entry, Entry]] = []
    for entry in list(before):
        same_key = by_key.get((entry.blob.key, entry.n))
        if same_key:
            pairs.append((entry, same_key.pop(0)))
            before.remove(entry)
            after.remove(pairs[-1][1])
    if in_order:
        others = list(zip(before, after, strict=False))
    else:
        readable, candidates = old_reader.readable(before), new_reader.readable(after)
        indices = pair_requests([found.request for _, found in readable], [found.request for _, found in candidates])
        others = [(readable[one][0], candidates[other][0]) for one, other in indices]
    for one, other in others:
        before.remove(one)
        after.remove(other)
    changes = [_change("changed", one, other, (old_reader, new_reader)) for one, other in (*pairs, *others)]
    changes += [_change("removed", entry, None, (old_reader, new_reader)) for entry in before]
    changes += [_change("added", None, entry, (old_reader, new_reader)) for entry in after]
    return tuple(sorted(changes, key=_sort_key))


def _change(
    kind: RecordingChangeKind, old: Entry | None, new: Entry | None, readers: tuple[_Reader, _Reader]
) -> RecordingChange:
    sides = [reader.read(entry) for reader, entry in zip(readers, (old, new), strict=True) if entry is not None]
    recordings = [side for side in sides if isinstance(side, Recording)]
    problems = tuple(side for side in sides if isinstance(side, RecstoreError))
    comparison = compare_recordings(*recordings) if len(recordings) == 2 else None  # noqa: PLR2004 - both sides
    return RecordingChange(kind, old, new, recordings[-1] if recordings else None, comparison, problems)


def _sort_key(change: RecordingChange) -> tuple[int, str, int]:
    size = len(repr(change.recording.request.body)) if change.recording is not None else 0
    return next((size, entry.blob.key, entry.n) for entry in (change.new, change.old) if entry is not None)


def pair_requests(old: Sequence[Request], new: Sequence[Request]) -> tuple[tuple[int, int], ...]:
    """Return pairs of indices into `old` and `new`, each in at most one pair, in the order of `new`.

    Only requests of one method and path are paired. The most alike come first, by the share of words that both have; for
    equal shares, those of one upstream and one model.
    """
    before, after = ([_features(request) for request in side] for side in (old, new))
    if len(before) * len(after) > _MAX_COMPARED:
        indices = range(min(len(before), len(after)))
        return tuple((index, index) for index in indices if before[index][0] == after[index][0])
    scored: list[tuple[tuple[float, bool, bool], int, int]] = []
    for one, (endpoint, upstream, model, words) in enumerate(before):
        for other, (other_endpoint, other_upstream, other_model, other_words) in enumerate(after):
            if endpoint == other_endpoint:
                shared = sum(min(count, other_words[word]) for word, count in words.items())
                share = 2 * shared / (words.total() + other_words.total())
                if share >= _ALIKE:
                    scored.append(((share, upstream == other_upstream, model == other_model), -one, -other))
    paired: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in sorted(scored, reverse=True):
        if -other not in paired and one not in taken:
            paired[-other] = -one
            taken.add(one)
    return tuple((paired[other], other) for other in sorted(paired))


def _features(request: Request) -> tuple[tuple[str, str], str, str, Counter[str]]:
    """Return the endpoint, the upstream, the model and the words of a request."""
    body = read_body(request.body, request.headers)
    text = compact(request.body.value) if isinstance(request.body, JsonBody) else body.text
    words = Counter(_WORD.findall(f"{request.method} {request.upstream}{request.path}?{request.query} {text}"))
    return (request.method, request.path), request.upstream, read_model(request, body), words
