"""Entries into the manifests that are there: what changes, computed first, the same whatever the order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from recstore.model import BlobName, Entry, Json, Manifest
from recstore.store import Store
from recstore.store.manifest import sort_entries
from recstore.store.origins import is_imported, origin_path

Owner = tuple[str | None, BlobName | None]
"""Whose manifest it is: a test's, or that of one blob recorded outside any test."""


@dataclass(frozen=True, slots=True)
class ImportedEntry:
    """An entry to be: a blob that is written, the test that uses it, and where it came from."""

    test_id: str | None
    blob: BlobName
    origin: dict[str, Json]
    is_union: bool


@dataclass(frozen=True, slots=True)
class Change:
    """Manifests to publish, manifests to withdraw, and the blobs that were named and then are not."""

    published: tuple[Manifest, ...]
    withdrawn: tuple[Manifest, ...]
    unnamed: tuple[BlobName, ...]

    @property
    def owners(self) -> tuple[str, ...]:
        """The tests whose manifests change; those of single recordings by the path they have."""
        return tuple(
            manifest.test_id or f"shared/{manifest.entries[0].blob}" for manifest in (*self.published, *self.withdrawn)
        )


def owner_for(test_id: str | None, blob: BlobName) -> Owner:
    """Return whose manifest names `blob` for the test, or for no test."""
    return test_id, blob if test_id is None else None


def merged(
    present: list[Manifest], imported: list[ImportedEntry], is_gone: Callable[[str], bool], *, is_partial: bool = False
) -> tuple[Change, int]:
    """Return what importing `imported` changes in `present`, and how many entries of no file any more go.

    Entries that an earlier import of the same files left are replaced; those of files that are gone go. Where the files
    are partial, which do not say again what they once said, an entry is replaced only by one of its test and request.
    """
    brought = {_claim(origin_path(new.origin), new.test_id, new.blob, is_partial=is_partial) for new in imported}
    after: dict[Owner, list[Entry]] = defaultdict(list)
    dropped = 0
    for manifest in present:
        for entry in manifest.entries:
            path = origin_path(entry.origin)
            if _claim(path, manifest.test_id, entry.blob, is_partial=is_partial) in brought:
                continue
            if path and is_gone(path):
                dropped += 1
            else:
                after[owner_for(manifest.test_id, entry.blob)].append(entry)
    for new in imported:
        after[owner_for(new.test_id, new.blob)].append(Entry(new.blob, 0, new.is_union, new.origin))
    return change_between(present, after), dropped


def _claim(path: str, test_id: str | None, blob: BlobName, *, is_partial: bool) -> tuple[str, str | None, str]:
    """Return what no two imports have a say in at once: a whole file, or one request of a test in it."""
    return (path, test_id, blob.key) if is_partial else (path, None, "")


def change_between(present: list[Manifest], after: dict[Owner, list[Entry]]) -> Change:
    """Return what turns the manifests `present` into those with the entries `after`, numbered anew."""
    before = {
        owner_for(manifest.test_id, manifest.entries[0].blob): manifest for manifest in present if manifest.entries
    }
    manifests = {owner: Manifest(owner[0], _numbered(entries)) for owner, entries in after.items() if entries}
    named_before = {entry.blob for manifest in present for entry in manifest.entries}
    named_after = {entry.blob for manifest in manifests.values() for entry in manifest.entries}
    return Change(
        published=tuple(new for owner, new in manifests.items() if not _is_same(before.get(owner), new)),
        withdrawn=tuple(old for owner, old in before.items() if owner not in manifests),
        unnamed=tuple(sorted(named_before - named_after)),
    )


def execute(store: Store, change: Change, *, remove_unnamed: bool) -> None:
    """Carry out `change`; blobs go last, and only where nothing names them any more.

    After: a crash leaves manifests of before or after, each with all its blobs.
    """
    store.publish(change.published)
    store.withdraw(change.withdrawn)
    if remove_unnamed:
        for blob in change.unnamed:
            store.directory.remove(blob.path)


def _numbered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return `entries` with those of each key numbered: first those recorded here, then the imported, by path."""
    by_key: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_key[entry.blob.key].append(entry)
    return sort_entries(tuple(entry for group in by_key.values() for entry in _numbered_group(group)))


def _numbered_group(group: list[Entry]) -> list[Entry]:
    native = sorted((entry for entry in group if not is_imported(entry.origin)), key=lambda entry: entry.n)
    numbered = [replace(entry, n=place) for place, entry in enumerate(native, start=1)]
    unions = [entry for entry in group if is_imported(entry.origin) and entry.is_union]
    if unions:
        n = len(numbered) + 1
        numbered += [replace(entry, n=n) for entry in unions]
    start = len(native) + bool(unions) + 1
    single = sorted((entry for entry in group if is_imported(entry.origin) and not entry.is_union), key=_place)
    return numbered + [replace(entry, n=place) for place, entry in enumerate(single, start=start)]


def _place(entry: Entry) -> tuple[str, int]:
    index = entry.origin.get("index", 0)
    return origin_path(entry.origin), index if isinstance(index, int) else 0


def _is_same(before: Manifest | None, after: Manifest) -> bool:
    return before is not None and [(entry, entry.origin) for entry in before.entries] == [
        (entry, entry.origin) for entry in after.entries
    ]
