"""Two manifests of one test that grew apart, brought together: key by key, or not at all.

A request key's answers are taken from the side that changed them. Where both sides changed the answers to one
request otherwise, the test was recorded anew on both: later requests often hold earlier answers, so entries of two such
runs must not be mixed, and the whole manifest is in conflict. A list of models that several servers gave (a union) is
a set, and sets have no conflict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from recstore.errors import Damage, ManifestConflict
from recstore.json_text import compact_text
from recstore.model import Entry, Manifest
from recstore.store.manifest_text import format_manifest, parse_manifest, sort_entries

__all__ = ["Merged", "both_of", "conflict_text", "merge_manifests", "sides_of"]

_Group: TypeAlias = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The manifest that both sides make, None where they contradict each other; and the keys that they do so about."""

    manifest: Manifest | None
    conflicts: tuple[str, ...] = ()


def merge_manifests(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Merged:
    """Return what `ours` and `theirs`, which both began as `base` (None: as nothing), are together."""
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
    if ours.test_id != theirs.test_id and (base is None or base.test_id not in (ours.test_id, theirs.test_id)):
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


def conflict_text(ours: Manifest, theirs: Manifest) -> bytes:
    """Return a file that holds both manifests between the marker lines that Git uses."""
    return b"<<<<<<< ours\n%b=======\n%b>>>>>>> theirs\n" % (format_manifest(ours), format_manifest(theirs))


_MARKERS: Final = {b"<<<<<<<": (True, False), b"|||||||": (False, False), b"=======": (False, True)}


def sides_of(data: bytes, subject: str) -> tuple[Manifest, Manifest]:
    """Return the two manifests in a file with conflict markers.

    Raises: ManifestConflict: one of them is none: the file was edited since.
    """
    is_ours, is_theirs = True, True
    sides: tuple[list[bytes], list[bytes]] = ([], [])
    for line in data.splitlines(keepends=True):
        if line[:7] in _MARKERS and line[7:8] in (b" ", b"\n"):
            is_ours, is_theirs = _MARKERS[line[:7]]
        elif line[:7] == b">>>>>>>":
            is_ours, is_theirs = True, True
        else:
            for side, is_on in zip(sides, (is_ours, is_theirs), strict=True):
                side.extend([line] * is_on)
    try:
        ours, theirs = (parse_manifest(b"".join(side), subject) for side in sides)
    except Damage as error:
        reason = f"is in conflict, and one side of it is no manifest: {error.reason}"
        raise ManifestConflict(subject, reason, f"Take one side whole: git checkout --ours {subject}") from error
    return ours, theirs


def _groups(manifest: Manifest | None) -> dict[str, _Group]:
    found: dict[str, list[Entry]] = {}
    for entry in manifest.entries if manifest is not None else ():
        found.setdefault(entry.blob.key, []).append(entry)
    return {key: tuple(entries) for key, entries in found.items()}


def _merged_group(before: _Group, here: _Group, there: _Group) -> _Group | None:
    """Return the entries of one key that both sides make, None where they contradict each other."""
    if _names(here) == _names(there):
        return here  # at most where they were imported from differs
    if _facts(here) == _facts(before):
        return there
    if _facts(there) == _facts(before):
        return here
    if all(entry.is_union for entry in (*before, *here, *there)):
        return _united(before, here, there)
    return None


def _united(before: _Group, here: _Group, there: _Group) -> _Group:
    gone = (_facts(before) - _facts(here)) | (_facts(before) - _facts(there))
    found = {_fact(entry): entry for entry in (*there, *here)}
    return tuple(replace(entry, n=1) for fact, entry in found.items() if fact not in gone)


def _appended(here: _Group, there: _Group) -> _Group:
    known = {entry.blob for entry in here}
    last = max((entry.n for entry in here), default=0)
    new = [entry for entry in there if entry.blob not in known]
    return (*here, *(replace(entry, n=n, is_union=False) for n, entry in enumerate(new, start=last + 1)))


_Fact: TypeAlias = tuple[int, str, bool, bytes]


def _fact(entry: Entry) -> _Fact:
    return entry.n, entry.blob.digest, entry.is_union, compact_text(entry.origin)


def _facts(entries: Iterable[Entry]) -> frozenset[_Fact]:
    return frozenset(map(_fact, entries))


def _names(entries: Iterable[Entry]) -> frozenset[tuple[int, str, bool]]:
    return frozenset((entry.n, entry.blob.digest, entry.is_union) for entry in entries)
