"""Two manifests of one test that grew apart, brought together: key by key, or not at all.

A request key's answers are taken from the side that changed them. Where both sides changed the answers to one
request otherwise, the test was recorded anew on both: later requests often hold earlier answers, so entries of two such
runs must not be mixed, and the whole manifest is in conflict. A list of models that several servers gave (a union) is
a set, and sets have no conflict; nor have the origins of a recording made outside any test.

Keys that one side alone has changed do not tear a conversation apart unnoticed: whoever records an early answer anew
changes the keys of all requests that hold it. What is left is a request that one side has added on top of an answer
that the other has replaced: nobody has recorded what follows, so that is a miss, and never another request's answer.

Git takes a similar manifest of another test for a renamed one, too. So a renamed manifest gets what the other side has
changed only if the renaming side has changed nothing but the name; `recstore mv` does no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from recstore.content.json_text import compact_text
from recstore.errors import Damage, ManifestConflict
from recstore.model import BlobName, Entry, Manifest
from recstore.store.manifest import format_manifest, parse_manifest, sort_entries

_Group: TypeAlias = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The manifest that both sides make, None where they contradict each other; and the keys that they do so about."""

    manifest: Manifest | None
    conflicts: tuple[str, ...] = ()


def merge_manifests(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Merged:
    """Return what `ours` and `theirs`, which both began as `base` (None: as nothing), are together."""
    if ours.test_id is None and theirs.test_id is None and _blobs(ours) == _blobs(theirs):
        return Merged(_merged_origins(base, ours, theirs))
    before, here, there = _groups(base), _groups(ours), _groups(theirs)
    taken: list[Entry] = []
    conflicts = []
    for key in sorted({*before, *here, *there}):
        group = _merged_group(before.get(key, ()), here.get(key, ()), there.get(key, ()))
        if group is None:
            conflicts.append(key)
        else:
            taken += group
    test_id = theirs.test_id if base is not None and ours.test_id == base.test_id else ours.test_id
    if not (is_same_owner(ours, theirs) or _is_renamed(base, ours, theirs)):
        conflicts.append("test")
    return Merged(None, tuple(conflicts)) if conflicts else Merged(Manifest(test_id, sort_entries(tuple(taken))))


def both_of(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Manifest:
    """Return a manifest that loses no answer of either side.

    To a request that both sides have other answers to, ours come first, and theirs that ours lacks as later times.
    """
    before, here, there = _groups(base), _groups(ours), _groups(theirs)
    taken: list[Entry] = []
    for key in sorted({*before, *here, *there}):
        group = _merged_group(before.get(key, ()), here.get(key, ()), there.get(key, ()))
        taken += group if group is not None else _appended(here.get(key, ()), there.get(key, ()))
    return Manifest(ours.test_id, sort_entries(tuple(taken)))


def is_same_owner(one: Manifest, other: Manifest) -> bool:
    """Return whether both are of one test, or of one blob that was recorded outside any test."""
    return one.test_id == other.test_id and (one.test_id is not None or _blobs(one) == _blobs(other))


def conflict_text(ours: Manifest, theirs: Manifest) -> bytes:
    """Return a file that holds both manifests between the marker lines that Git uses."""
    return b"<<<<<<< ours\n%b=======\n%b>>>>>>> theirs\n" % (format_manifest(ours), format_manifest(theirs))


_MARKERS: Final = {b"<": (True, False), b"|": (False, False), b"=": (False, True), b">": (True, True)}
_FIRST_MARKER: Final = re.compile(rb"^(<{7,})(?= |$)", re.MULTILINE)


def has_markers(data: bytes) -> bool:
    """Return whether a line of the text is the marker line of a conflict. An id may hold such letters, a line may not."""
    return _FIRST_MARKER.search(data) is not None


def sides_of(data: bytes, subject: str) -> tuple[Manifest, Manifest]:
    """Return the two manifests in a file with conflict markers.

    Git makes the markers longer than seven letters where it merges renamed files, or merges for the sake of a merge: those
    of the first line's length count.

    Raises: ManifestConflict: one of them is none: the file was edited since.
    """
    first = _FIRST_MARKER.search(data)
    length = len(first[1]) if first is not None else 7
    is_ours, is_theirs = True, True
    sides: tuple[list[bytes], list[bytes]] = ([], [])
    for line in data.splitlines(keepends=True):
        letter = line[:1]
        if letter in _MARKERS and line[:length] == letter * length and line[length : length + 1] in (b" ", b"\n", b""):
            is_ours, is_theirs = _MARKERS[letter]
        else:
            for side, is_on in zip(sides, (is_ours, is_theirs), strict=True):
                side.extend([line] * is_on)
    try:
        ours, theirs = (parse_manifest(b"".join(side), subject) for side in sides)
    except Damage as error:
        reason = f"is in conflict, and one side of it is no manifest: {error.reason}"
        raise ManifestConflict(subject, reason, f"Take one side whole: git checkout --ours {subject}") from error
    return ours, theirs


def _is_renamed(base: Manifest | None, ours: Manifest, theirs: Manifest) -> bool:
    """Return whether one side has another name and the other has not, and no more than one has changed anything else."""
    if base is None:
        return False
    return any(
        kept.test_id == base.test_id and _facts(base.entries) in (_facts(renamed.entries), _facts(kept.entries))
        for renamed, kept in ((ours, theirs), (theirs, ours))
    )


def _merged_origins(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Manifest:
    """Return the manifest of a recording made outside any test: its entries differ in their origins alone."""
    before, here, there = (_by_origin(side, ours) for side in (base, ours, theirs))
    kept = sorted((here.keys() & there.keys()) | ((here.keys() ^ there.keys()) - before.keys()))
    found = {**there, **here}
    return replace(
        ours, entries=tuple(replace(found[text], n=n) for n, text in enumerate(kept or sorted(found), start=1))
    )


def _by_origin(side: Manifest | None, owner: Manifest) -> dict[bytes, Entry]:
    if side is None or not is_same_owner(side, owner):
        return {}
    return {compact_text(entry.origin): entry for entry in side.entries}


def _blobs(manifest: Manifest) -> frozenset[BlobName]:
    return frozenset(entry.blob for entry in manifest.entries)


def _groups(manifest: Manifest | None) -> dict[str, _Group]:
    found: dict[str, list[Entry]] = {}
    for entry in manifest.entries if manifest is not None else ():
        found.setdefault(entry.blob.key, []).append(entry)
    return {key: tuple(entries) for key, entries in found.items()}


def _merged_group(before: _Group, here: _Group, there: _Group) -> _Group | None:
    """Return the entries of one key that both sides make, None where they contradict each other."""
    if _facts(here) == _facts(before):
        return there
    if _facts(there) == _facts(before):
        return here
    if _names(here) == _names(there):
        return min(here, there, key=_origins)  # where they were imported from differs: either, but always the same one
    if all(entry.is_union for entry in (*before, *here, *there)):
        return _united(before, here, there)
    return None


def _united(before: _Group, here: _Group, there: _Group) -> _Group:
    gone = (_facts(before) - _facts(here)) | (_facts(before) - _facts(there))
    found = {_fact(entry): entry for entry in (*there, *here)}
    kept = [entry for fact, entry in found.items() if fact not in gone]
    times = {n: number for number, n in enumerate(sorted({entry.n for entry in kept}), start=1)}
    return tuple(replace(entry, n=times[entry.n]) for entry in kept)


def _appended(here: _Group, there: _Group) -> _Group:
    known = {entry.blob for entry in here}
    last = max((entry.n for entry in here), default=0)
    new = [entry for entry in there if entry.blob not in known]
    return (*here, *(replace(entry, n=n, is_union=False) for n, entry in enumerate(new, start=last + 1)))


def _origins(group: _Group) -> list[bytes]:
    return [compact_text(entry.origin) for entry in group]


_Fact: TypeAlias = tuple[int, BlobName, bool, bytes]


def _fact(entry: Entry) -> _Fact:
    return entry.n, entry.blob, entry.is_union, compact_text(entry.origin)


def _facts(entries: Iterable[Entry]) -> frozenset[_Fact]:
    return frozenset(map(_fact, entries))


def _names(entries: Iterable[Entry]) -> frozenset[tuple[int, str, bool]]:
    return frozenset((entry.n, entry.blob.digest, entry.is_union) for entry in entries)
