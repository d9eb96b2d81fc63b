"""All of a store written anew: other names, other bytes, and every manifest that follows.

Works on the store alone, without a network. An imported recording is written as the file it came from, which is
changed and read again, so that its origin follows; one made with recstore is changed itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from recstore.content.canonical import request_key
from recstore.errors import DamagedManifest
from recstore.importers.parse import read_source
from recstore.importers.plan import Owner, change_between, execute, owner_for
from recstore.importers.render import Place, entries_by_file, file_bytes
from recstore.model import BlobName, Digest, Entry, Json, Manifest, Recording
from recstore.store import Store
from recstore.store.codec import encode_recording
from recstore.store.origins import is_imported
from recstore.upstreams import UpstreamMap

Change: TypeAlias = Callable[[Recording, Entry], tuple[Recording, dict[str, Json]]]
"""A recording made with recstore, and its entry -> what it becomes, and its new origin."""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """An entry of a test before and after, and the bytes of its new blob."""

    test_id: str | None
    before: Entry
    after: Entry
    data: bytes


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Every entry, before and after, and the tests whose manifests changed."""

    entries: tuple[Rewriting, ...]
    changed_manifests: tuple[str, ...]

    @property
    def renamed(self) -> tuple[tuple[BlobName, BlobName], ...]:
        """Each blob that has another name now: the old and the new one."""
        return tuple(sorted({(one.before.blob, one.after.blob) for one in self.entries if _is_moved(one)}))


def _as_they_are(data: bytes, _places: list[Place]) -> bytes:
    return data


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What to do: to the bytes of an imported file, and to a recording made with recstore."""

    upstreams: UpstreamMap
    native: Change
    file: Callable[[bytes, list[Place]], bytes] = field(default=_as_they_are)


def rewrite_store(store: Store, rewrite: Rewrite, *, dry_run: bool = False) -> Rewritten:
    """Rewrite every recording, and what names it.

    After: new blobs are durable before manifests name them, and old ones go last: a crash in between
    leaves a store that verifies, and that the same command finishes.

    Raises: NotInStore, Damage, ManifestConflict, NewerVersion, Locked: nothing was changed.
    """
    with store.directory.locked():
        manifests = list(store.manifests())
        entries = [*_imported(store, manifests, rewrite), *_native(store, manifests, rewrite)]
        change = change_between(manifests, _after(entries))
        if not dry_run:
            for one in filter(_is_moved, entries):
                store.put_encoded(one.after.blob, one.data)
            store.directory.flush()
            execute(store, change, remove_unnamed=True)
    return Rewritten(tuple(entries), change.owners)


def _after(entries: list[Rewriting]) -> dict[Owner, list[Entry]]:
    """Return whose entries there will be. Outside any test each is there once: a run that was stopped leaves old and new."""
    after: dict[Owner, list[Entry]] = defaultdict(list)
    for one in entries:
        known = after[owner_for(one.test_id, one.after.blob)]
        if one.test_id is not None or all(entry.origin != one.after.origin for entry in known):
            known.append(one.after)
    return after


def _is_moved(one: Rewriting) -> bool:
    return one.before.blob != one.after.blob


def _imported(store: Store, manifests: list[Manifest], rewrite: Rewrite) -> list[Rewriting]:
    return [
        one
        for path, places in entries_by_file(manifests).items()
        for group in _files_of(places)
        for one in _rewritten_file(store, path, sorted(group, key=_index), rewrite)
    ]


def _files_of(places: list[Place]) -> list[list[Place]]:
    """Return the entries of each file: one outside any test is a file by itself, and there may be an old and a new one."""
    of_tests = [place for place in places if place[0] is not None]
    return [*([of_tests] if of_tests else []), *([place] for place in places if place[0] is None)]


def _index(place: Place) -> int:
    index = place[1].origin.get("index", 0)
    return index if isinstance(index, int) else 0


def _rewritten_file(store: Store, path: str, places: list[Place], rewrite: Rewrite) -> list[Rewriting]:
    data = rewrite.file(file_bytes(store, path, places), places)
    prepared = read_source(data, path, rewrite.upstreams)
    if len(prepared) != len(places):
        raise DamagedManifest(path, f"had {len(prepared)} recordings; the manifests name {len(places)} of them")
    return [
        Rewriting(test_id, entry, Entry(new.blob, entry.n, entry.is_union, new.origin), new.data)
        for (test_id, entry), new in zip(places, prepared, strict=True)
    ]


def _native(store: Store, manifests: list[Manifest], rewrite: Rewrite) -> list[Rewriting]:
    found = []
    for manifest in manifests:
        for entry in manifest.entries:
            if not is_imported(entry.origin):
                recording, origin = rewrite.native(store.get(entry), entry)
                data = encode_recording(recording)
                blob = BlobName(request_key(recording.request), Digest.of(data))
                found.append(Rewriting(manifest.test_id, entry, replace(entry, blob=blob, origin=origin), data))
    return found
