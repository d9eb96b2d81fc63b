"""Compare two states of a project: which tests were added, removed, renamed or recorded again, and what changed in them.

Entries of one request key and one n belong together. Of the others those do whose requests are most alike, so that a
changed prompt is a changed request with a changed answer, and not one recording removed and another added.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from recstore.errors import DamagedBlob, DamagedManifest, ManifestConflict, NotInStore, RecstoreError
from recstore.git.trees import CommitTree, Tree
from recstore.model import Entry, JsonBody, Recording, Request
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

    `title` is its request's line, "" if it cannot be read. The comparisons are None where something cannot be read:
    `problems` says what.
    """

    kind: RecordingChangeKind
    title: str
    old: Entry | None
    new: Entry | None
    request: Comparison | None = None
    answer: Comparison | None = None
    problems: tuple[RecstoreError, ...] = ()


@dataclass(frozen=True, slots=True)
class TestChange:
    """The change of one test; an id is None on the side that does not have it, and for recordings outside any test.

    `recordings` are those that differ, for a test that was recorded again; `entries` counts those of the newer side.
    `origins`: its recordings are the same, imported from other files. `unreadable`: `problem` says why.
    """

    kind: TestChangeKind
    old: str | None
    new: str | None
    entries: int = 0
    recordings: tuple[RecordingChange, ...] = ()
    problem: RecstoreError | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """The differences between two sides, which are called `old` and `new`."""

    old: str
    new: str
    tests: tuple[TestChange, ...]


class ChangedManifest(NamedTuple):
    """The entries of one manifest on both sides, None on a side without it; `problem` says why it cannot be used."""

    test_id: str | None
    old: tuple[Entry, ...] | None = None
    new: tuple[Entry, ...] | None = None
    problem: RecstoreError | None = None


def changed_manifests(old: CommitTree, new: Tree) -> list[ChangedManifest]:
    """Return the manifests that differ between a commit and another one, Git's index, or the files as they are.

    Raises: GitError: a commit cannot be read. NewerVersion: a manifest has a later format.
    """
    paths = new.manifests_unlike(old)
    for side in (old, new):
        side.prepare(paths)
    changed: list[ChangedManifest] = []
    for path in paths:
        texts = {side: side.read(path) for side in (old, new)}
        if texts[old] == texts[new]:
            continue  # it differs from what is staged, say
        test_id: str | None = path
        entries: list[tuple[Entry, ...] | None] = []
        try:
            for side, text in texts.items():
                manifest = None if text is None else parse_manifest(text, f"{FOLDER}/{path} in {side.title}")
                test_id = manifest.test_id if manifest is not None else test_id
                entries.append(manifest.entries if manifest is not None else None)
            changed.append(ChangedManifest(test_id, entries[0], entries[1]))
        except (DamagedManifest, ManifestConflict) as error:
            for owner in (_OWNER.search(text or b"") for text in texts.values()):
                with suppress(ValueError):
                    test_id = str(json.loads(owner[1])) if owner else test_id
            changed.append(ChangedManifest(test_id or path, problem=error))
    return changed


def diff_manifests(old: CommitTree, new: Tree, changed: Sequence[ChangedManifest]) -> Diff:
    """Return the changes of tests whose manifests differ, and of recordings outside any test as one change.

    Raises: GitError: a commit cannot be read. Missing or damaged recordings are in the result.
    """
    outside = [manifest for manifest in changed if manifest.test_id is None]
    before = [entry for manifest in outside for entry in manifest.old or ()]
    after = [entry for manifest in outside for entry in manifest.new or ()]
    recordings = compare_entries((old, before), (new, after))
    changes = [TestChange("re-recorded", None, None, len(after), recordings)] if recordings else []
    tests = {manifest.test_id: manifest for manifest in changed if manifest.test_id is not None}
    gone = [name for name, manifest in tests.items() if manifest.new is None and manifest.old]
    come = [name for name, manifest in tests.items() if manifest.old is None and manifest.new]
    by_entries: dict[frozenset[Entry], list[int]] = {}
    for index, name in enumerate(gone):
        by_entries.setdefault(frozenset(tests[name].old or ()), []).append(index)

    def parts(test_id: str) -> tuple[str, ...]:
        return test_id.partition("::")[::-1]  # an equal function counts more than an equal file

    alike = [
        ([one == other for one, other in zip(parts(gone[old_index]), parts(name), strict=True)], old_index, new_index)
        for new_index, name in enumerate(come)
        for old_index in by_entries.get(frozenset(tests[name].new or ()), ())
    ]
    for old_index, new_index in _best_pairs(alike):
        tests.pop(gone[old_index])
        entries = tests.pop(come[new_index]).new or ()
        changes.append(TestChange("renamed", gone[old_index], come[new_index], len(entries)))
    for name, (_, old_entries, new_entries, problem) in tests.items():
        if problem is not None:
            changes.append(TestChange("unreadable", name, name, problem=problem))
        elif old_entries is None:
            changes.append(TestChange("added", None, name, len(new_entries or ())))
        elif new_entries is None:
            changes.append(TestChange("removed", name, None, len(old_entries)))
        else:
            recordings = compare_entries((old, old_entries), (new, new_entries))
            kind: TestChangeKind = "re-recorded" if recordings else "origins"
            changes.append(TestChange(kind, name, name, len(new_entries), recordings))
    return Diff(old.title, new.title, tuple(sorted(changes, key=lambda change: change.new or change.old or "")))


def diff_entries(files: Tree, old: tuple[str, Sequence[Entry]], new: tuple[str, Sequence[Entry]]) -> Diff:
    """Return the differences between two lists of entries of one side, each with its name.

    One entry on either side is compared with the other, however little the requests have in common.
    """
    recordings = compare_entries((files, old[1]), (files, new[1]), in_order=len(old[1]) == len(new[1]) == 1)
    changes = (TestChange("re-recorded", old[0], new[0], len(new[1]), recordings),) if recordings else ()
    return Diff(old[0], new[0], changes)


def _best_pairs(scored: Iterable[tuple[Any, int, int]]) -> tuple[tuple[int, int], ...]:
    """Return pairs of indices, best scores first served, each index in at most one pair; in the order of the second."""
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, old, new in sorted(scored, key=lambda candidate: candidate[0], reverse=True):
        if new not in pairs and old not in taken:
            pairs[new] = old
            taken.add(old)
    return tuple((pairs[new], new) for new in sorted(pairs))


# -- recordings


def compare_entries(
    old: tuple[Tree, Sequence[Entry]], new: tuple[Tree, Sequence[Entry]], *, in_order: bool = False
) -> tuple[RecordingChange, ...]:
    """Return the differences between the entries of two sides, shorter requests first: a conversation grows.

    With `in_order`, leftover entries are paired in their order, however little their requests have in common.
    """
    before, after = _without(old[1], new[1]), _without(new[1], old[1])
    read_old, read_new = _read(old[0], before), _read(new[0], after)
    by_call: dict[tuple[str, int], list[Entry]] = {}
    for entry in after:
        by_call.setdefault(entry.call, []).append(entry)
    pairs = [(entry, same.pop(0)) for entry in before if (same := by_call.get(entry.call))]
    before, after = _without(before, [one for one, _ in pairs]), _without(after, [other for _, other in pairs])
    if in_order:
        alike = list(zip(before, after, strict=False))
    else:
        readable, candidates = (
            [(entry, recording.request) for entry in side if isinstance(recording := read[entry], Recording)]
            for side, read in ((before, read_old), (after, read_new))
        )
        indices = pair_requests([request for _, request in readable], [request for _, request in candidates])
        alike = [(readable[one][0], candidates[other][0]) for one, other in indices]
    before, after = _without(before, [one for one, _ in alike]), _without(after, [other for _, other in alike])
    every: list[tuple[Entry | None, Entry | None]] = [*pairs, *alike]
    every += [(entry, None) for entry in before]
    every += [(None, entry) for entry in after]
    changes: list[tuple[tuple[int, str, int], RecordingChange]] = []
    for one, other in every:
        sides = read_old.get(one), read_new.get(other)
        problems = tuple(side for side in sides if isinstance(side, RecstoreError))
        old_recording, new_recording = (side if isinstance(side, Recording) else None for side in sides)
        title, size = "", 0
        if (newest := new_recording or old_recording) is not None:
            request = newest.request
            model = read_model(request, read_body(request.body, request.headers))
            title = f"{request.method} {request.upstream}{request.path}{model and f'  {model}'}"
            size = len(repr(request.body))
        request_change, answer_change = (None, None) if problems else compare_recordings(old_recording, new_recording)
        kind: RecordingChangeKind = "added" if one is None else "removed" if other is None else "changed"
        key = next((size, *entry.call) for entry in (other, one) if entry is not None)
        changes.append((key, RecordingChange(kind, title, one, other, request_change, answer_change, problems)))
    return tuple(change for _, change in sorted(changes, key=lambda item: item[0]))


def _without(entries: Sequence[Entry], others: Sequence[Entry]) -> list[Entry]:
    return list((Counter(entries) - Counter(others)).elements())


def _read(files: Tree, entries: Sequence[Entry]) -> dict[Entry | None, Recording | RecstoreError]:
    """Return the recordings, or why they cannot be read. Generated ids stay placeholders: they differ by file."""
    files.prepare([entry.blob.path for entry in entries])
    read: dict[Entry | None, Recording | RecstoreError] = {}
    for entry in entries:
        blob, subject = entry.blob, f"{FOLDER}/{entry.blob.path}"
        try:
            data = files.read(blob.path)
            if data is None:
                remedy = f"`recstore restore {blob.digest[:12]}` brings it back if Git has it; if not, record the test again."
                raise NotInStore(subject, f"the blob is missing in {files.title}", remedy)
            if not blob.fits(data):
                raise DamagedBlob(subject, f"its bytes in {files.title} do not fit its name")
            read[entry] = decode_recording(data, subject)
        except RecstoreError as error:
            read[entry] = error
    return read


def pair_requests(old: Sequence[Request], new: Sequence[Request]) -> tuple[tuple[int, int], ...]:
    """Return pairs of indices into `old` and `new`, each in at most one pair, in the order of `new`.

    Only requests of one method and path are paired. The most alike come first, by the share of words that both have; for
    equal shares, those of one upstream and one model.
    """
    before, after = ([_features(request) for request in side] for side in (old, new))
    if len(before) * len(after) > _MAX_COMPARED:
        indices = range(min(len(before), len(after)))
        return tuple((index, index) for index in indices if before[index][0] == after[index][0])
    scored = []
    for one, (endpoint, upstream, model, words) in enumerate(before):
        for other, (other_endpoint, other_upstream, other_model, other_words) in enumerate(after):
            if endpoint == other_endpoint:
                share = 2 * (words & other_words).total() / (words.total() + other_words.total())
                if share >= _ALIKE:
                    scored.append(((share, upstream == other_upstream, model == other_model), one, other))
    return _best_pairs(scored)


def _features(request: Request) -> tuple[tuple[str, str], str, str, Counter[str]]:
    """Return the endpoint, the upstream, the model and the words of a request."""
    body = read_body(request.body, request.headers)
    text = compact(request.body.value) if isinstance(request.body, JsonBody) else body.text
    words = Counter(_WORD.findall(f"{request.method} {request.upstream}{request.path}?{request.query} {text}"))
    return (request.method, request.path), request.upstream, read_model(request, body), words
