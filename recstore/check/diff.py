"""What changed between two states of a project, test by test.

Which are new, gone or renamed, and what the model now says where one was recorded again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from recstore.check.entry_pairs import RecordingChange, compare_entries
from recstore.errors import DamagedManifest, ManifestConflict, RecstoreError
from recstore.git.trees import CommitTree, StoreFiles, Tree
from recstore.model import Entry, Manifest
from recstore.store import FOLDER
from recstore.store.manifest import parse_manifest

_OWNER: Final = re.compile(rb'^test ("[^\n]*")$', re.MULTILINE)

TestKind = Literal["added", "removed", "renamed", "re-recorded", "origins", "unreadable"]


@dataclass(frozen=True, slots=True)
class TestChange:
    """What became of one test; ids are None on the side that has not it, and for recordings made outside any test.

    `recordings` are those that differ, of a test that was recorded again; `entries` counts those of the newer side.
    `origins`: its recordings are the same, imported from other files. `unreadable`: `problem` says why.
    """

    kind: TestKind
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
        """All that could not be read of it."""
        inner = tuple(problem for change in self.recordings for problem in change.problems)
        return (self.problem, *inner) if self.problem is not None else inner


@dataclass(frozen=True, slots=True)
class Diff:
    """What two sides, called `old` and `new`, have otherwise."""

    old: str
    new: str
    tests: tuple[TestChange, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A manifest on both sides, None where there is none."""

    path: str
    old: Manifest | None
    new: Manifest | None


def diff_sides(
    old: CommitTree,
    new: Tree,
    choose: Callable[[Collection[str]], Collection[str]] | None = None,
) -> Diff:
    """Return what differs between a commit and another one, Git's index, or the files as they are.

    `choose` returns which of the tests that differ are asked for; without it, all are, and what no test recorded.

    Raises: GitError: a commit cannot be read. NewerVersion: a manifest is of a later format. What is missing, damaged
    or in conflict is in the result.
    """
    paths = new.manifests_unlike(old)
    for side in (old, new):
        side.prepare(paths)
    pairs, unreadable = _read_pairs(paths, old, new)
    if choose is not None:
        wanted = choose([*filter(None, map(_id_of, pairs)), *(change.name for change in unreadable)])
        pairs = [pair for pair in pairs if _id_of(pair) in wanted]
        unreadable = [change for change in unreadable if change.name in wanted]
    tests = [pair for pair in pairs if not pair.path.startswith("shared/")]
    shared = [pair for pair in pairs if pair.path.startswith("shared/")]
    changes = [*_test_changes(tests, old, new), *_shared_change(shared, old, new), *unreadable]
    return Diff(old.title, new.title, tuple(sorted(changes, key=lambda change: change.name)))


def diff_entries(
    side: StoreFiles, old: tuple[str, Iterable[Entry]], new: tuple[str, Iterable[Entry]], *, in_order: bool = False
) -> Diff:
    """Return what differs between two lists of entries of one side, each with what a person calls it."""
    before, after = tuple(old[1]), tuple(new[1])
    recordings = compare_entries((side, before), (side, after), in_order=in_order)
    change = TestChange("re-recorded", old[0], new[0], len(after), recordings)
    return Diff(old[0], new[0], (change,) if recordings else ())


# -- manifests


def _read_pairs(paths: Iterable[str], old: StoreFiles, new: StoreFiles) -> tuple[list[_Pair], list[TestChange]]:
    pairs, unreadable = [], []
    for path in paths:
        texts = (old.read(path), new.read(path))
        if texts[0] == texts[1]:
            continue  # it differs from what is staged, say
        try:
            pairs.append(_Pair(path, _parsed(path, texts[0], old), _parsed(path, texts[1], new)))
        except (DamagedManifest, ManifestConflict) as error:
            name = next((test_id for text in texts if (test_id := _stated_id(text or b""))), path)
            unreadable.append(TestChange("unreadable", name, name, problem=error))
    return [pair for pair in pairs if pair.old or pair.new], unreadable


def _parsed(path: str, text: bytes | None, side: StoreFiles) -> Manifest | None:
    return None if text is None else parse_manifest(text, f"{FOLDER}/{path} in {side.title}")


def _stated_id(text: bytes) -> str:
    """Return the test that a manifest names which cannot be used otherwise, "" if it names none."""
    stated = _OWNER.search(text)
    try:
        test_id = json.loads(stated[1]) if stated else ""
    except ValueError:
        return ""
    return test_id if isinstance(test_id, str) else ""


def _id_of(pair: _Pair) -> str | None:
    manifest = pair.new or pair.old
    return manifest.test_id if manifest is not None else None


# -- tests


def _test_changes(pairs: list[_Pair], old: StoreFiles, new: StoreFiles) -> Iterator[TestChange]:
    renamed = _renamed(pairs)
    gone = {pair.path for pair, _ in renamed}
    come = {pair.path for _, pair in renamed}
    for one, other in renamed:
        yield TestChange("renamed", _id_of(one), _id_of(other), len(_entries(other.new)))
    for pair in pairs:
        if pair.path not in gone and pair.path not in come:
            yield _test_change(pair, old, new)


def _test_change(pair: _Pair, old: StoreFiles, new: StoreFiles) -> TestChange:
    before, after, name = _entries(pair.old), _entries(pair.new), _id_of(pair)
    if pair.old is None:
        return TestChange("added", None, name, len(after))
    if pair.new is None:
        return TestChange("removed", name, None, len(before))
    recordings = compare_entries((old, before), (new, after))
    return TestChange("re-recorded" if recordings else "origins", name, name, len(after), recordings)


def _entries(manifest: Manifest | None) -> tuple[Entry, ...]:
    return manifest.entries if manifest is not None else ()


def _shared_change(pairs: list[_Pair], old: StoreFiles, new: StoreFiles) -> Iterator[TestChange]:
    """Yield one change for all that was recorded outside any test: each has a manifest of its own, named by its blob."""
    before = tuple(entry for pair in pairs for entry in _entries(pair.old)[:1])
    after = tuple(entry for pair in pairs for entry in _entries(pair.new)[:1])
    recordings = compare_entries((old, before), (new, after))
    if recordings:
        yield TestChange("re-recorded", None, None, len(after), recordings)


# -- renamed tests


def _renamed(pairs: list[_Pair]) -> list[tuple[_Pair, _Pair]]:
    """Return the tests that are gone with those that have come with the very same entries, nearest names first."""
    gone: dict[frozenset[Entry], list[_Pair]] = {}
    for pair in pairs:
        if pair.new is None and _entries(pair.old):
            gone.setdefault(frozenset(_entries(pair.old)), []).append(pair)
    come = [pair for pair in pairs if pair.old is None and frozenset(_entries(pair.new)) in gone]
    found = []
    for name in (_function, _file, _anything):
        for pair in list(come):
            candidates = gone[frozenset(_entries(pair.new))]
            match = next((one for one in candidates if name(_id_of(one)) == name(_id_of(pair))), None)
            if match is not None:
                found.append((match, pair))
                candidates.remove(match)
                come.remove(pair)
    return found


def _function(test_id: str | None) -> str:
    return (test_id or "").partition("::")[2]


def _file(test_id: str | None) -> str:
    return (test_id or "").partition("::")[0]


def _anything(_test_id: str | None) -> str:
    return ""
