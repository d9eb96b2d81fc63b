"""A three-way merge of two manifests of one test: key by key, or not at all.

A request key's entries are taken from the side that changed them. Where both sides changed the entries of one
request differently, the test was re-recorded on both: later requests often hold earlier answers, so entries of two such
runs must not be mixed, and the whole manifest is in conflict. A list of models that several servers gave (a union) is
a set, and sets have no conflict; nor have the origins of a recording made outside any test.

Keys that only one side has changed do not tear a conversation apart unnoticed: re-recording an early answer changes the
keys of all requests that hold it. That leaves a request which one side has added on top of an answer that the other has
replaced: nobody has recorded what follows, so that is a miss, and never another request's answer.

Git takes a similar manifest of another test for a renamed one, too. So a renamed manifest gets the other side's changes
only if the renaming side has changed nothing but the name; `recstore mv` does no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeAlias

from recstore.content.json_text import compact_text
from recstore.errors import Damage, ManifestConflict
from recstore.model import BlobName, Entry, Manifest
from recstore.store.manifest import format_manifest, parse_manifest, sort_entries

_Group: TypeAlias = tuple[Entry, ...]
"""The entries of one request key."""

_MARKERS: Final = {b"<": (True, False), b"|": (False, False), b"=": (False, True), b">": (True, True)}
"""Which sides (ours, theirs) have the lines behind a marker line."""

_FIRST_MARKER: Final = re.compile(rb"^(<{7,})(?= |$)", re.MULTILINE)


def merge_manifests(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Manifest | None:
    """Return the manifest with the changes of both sides, None where they contradict each other.

    Both began as `base`; None: neither had a manifest.
    """
    if ours.test_id is None and theirs.test_id is None and _blobs(ours) == _blobs(theirs):
        return _merge_origins(base, ours, theirs)
    is_rename = base is not None and any(
        unnamed.test_id == base.test_id
        and _contents(base.entries) in (_contents(named.entries), _contents(unnamed.entries))
        for named, unnamed in ((ours, theirs), (theirs, ours))
    )
    if not (is_rename or is_same_owner(ours, theirs)):
        return None
    entries: list[Entry] = []
    for groups in _by_key(base, ours, theirs):
        group = _merge_group(*groups)
        if group is None:
            return None
        entries += group
    test_id = theirs.test_id if base is not None and ours.test_id == base.test_id else ours.test_id
    return Manifest(test_id, sort_entries(tuple(entries)))


def keep_both(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Manifest:
    """Return a manifest that loses no entry of either side.

    Where both sides changed the entries of one request, ours come first, and theirs that ours lacks as later calls.
    """
    entries: list[Entry] = []
    for groups in _by_key(base, ours, theirs):
        group = _merge_group(*groups)
        if group is None:
            _, here, there = groups
            blobs = {entry.blob for entry in here}
            last = max((entry.n for entry in here), default=0)
            new = [entry for entry in there if entry.blob not in blobs]
            group = (*here, *(replace(entry, n=n, is_union=False) for n, entry in enumerate(new, start=last + 1)))
        entries += group
    return Manifest(ours.test_id, sort_entries(tuple(entries)))


def is_same_owner(one: Manifest, other: Manifest) -> bool:
    """Return whether both are of one test, or of one blob that was recorded outside any test."""
    return one.test_id == other.test_id and (one.test_id is not None or _blobs(one) == _blobs(other))


def format_conflict(ours: Manifest, theirs: Manifest) -> bytes:
    """Return a file that holds both manifests between the marker lines that Git uses."""
    return b"<<<<<<< ours\n%b=======\n%b>>>>>>> theirs\n" % (format_manifest(ours), format_manifest(theirs))


def has_markers(data: bytes) -> bool:
    """Return whether a line of the text is a conflict marker. An id may hold such letters, a line may not."""
    return _FIRST_MARKER.search(data) is not None


def parse_conflict(data: bytes, subject: str) -> tuple[Manifest, Manifest]:
    """Return the two manifests in a file with conflict markers.

    Git makes the markers longer than seven letters where it merges renamed files, or merges bases of a merge: those of
    the first line's length count.

    Raises: ManifestConflict: one of them is not a manifest: the file was edited since.
    """
    first = _FIRST_MARKER.search(data)
    length = len(first[1]) if first is not None else 7
    sides: tuple[list[bytes], list[bytes]] = ([], [])
    is_on = (True, True)
    for line in data.splitlines(keepends=True):
        letter = line[:1]
        if letter in _MARKERS and line[:length] == letter * length and line[length : length + 1] in (b" ", b"\n", b""):
            is_on = _MARKERS[letter]
        else:
            for side, takes_it in zip(sides, is_on, strict=True):
                side.extend([line] * takes_it)
    try:
        ours, theirs = (parse_manifest(b"".join(side), subject) for side in sides)
    except Damage as error:
        reason = f"is in conflict, and one side of it is not a manifest: {error.reason}"
        raise ManifestConflict(subject, reason, f"Take one side whole: git checkout --ours {subject}") from error
    return ours, theirs


def _merge_origins(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Manifest:
    """Return the manifest of a recording made outside any test: its entries differ in their origins alone."""
    before, here, there = (
        {compact_text(entry.origin): entry for entry in side.entries}
        if side is not None and is_same_owner(side, ours)
        else {}
        for side in (base, ours, theirs)
    )
    left = (here.keys() & there.keys()) | ((here.keys() ^ there.keys()) - before.keys())
    entries = {**there, **here}
    origins = sorted(left) or sorted(entries)
    return replace(ours, entries=tuple(replace(entries[origin], n=n) for n, origin in enumerate(origins, start=1)))


def _merge_group(before: _Group, here: _Group, there: _Group) -> _Group | None:
    """Return the merged entries of one key, None where the sides contradict each other."""
    old, ours, theirs = map(_contents, (before, here, there))
    if ours == old:
        return there
    if theirs == old:
        return here
    if _answers(here) == _answers(there):  # imported from different files: take either, but always the same one
        return min(here, there, key=lambda group: [compact_text(entry.origin) for entry in group])
    if not all(entry.is_union for entry in (*before, *here, *there)):
        return None
    removed = (old - ours) | (old - theirs)
    merged = {content: entry for entry in (*there, *here) if (content := _content(entry)) not in removed}
    numbers = {n: number for number, n in enumerate(sorted({entry.n for entry in merged.values()}), start=1)}
    return tuple(replace(entry, n=numbers[entry.n]) for entry in merged.values())


def _by_key(*manifests: Manifest | None) -> list[tuple[_Group, ...]]:
    """Return for each request key, sorted, its entries in each manifest."""
    groups: dict[str, list[list[Entry]]] = {}
    for index, manifest in enumerate(manifests):
        for entry in manifest.entries if manifest is not None else ():
            groups.setdefault(entry.blob.key, [[] for _ in manifests])[index].append(entry)
    return [tuple(map(tuple, groups[key])) for key in sorted(groups)]


def _blobs(manifest: Manifest) -> frozenset[BlobName]:
    return frozenset(entry.blob for entry in manifest.entries)


def _answers(entries: Iterable[Entry]) -> frozenset[tuple[int, str, bool]]:
    return frozenset((entry.n, entry.blob.digest, entry.is_union) for entry in entries)


def _contents(entries: Iterable[Entry]) -> frozenset[tuple[int, BlobName, bool, bytes]]:
    return frozenset(map(_content, entries))


def _content(entry: Entry) -> tuple[int, BlobName, bool, bytes]:
    """Return all that a line of the manifest states."""
    return entry.n, entry.blob, entry.is_union, compact_text(entry.origin)
