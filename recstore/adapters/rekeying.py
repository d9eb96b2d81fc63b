"""New names for old recordings: the upstream map or the identity rule calls their requests otherwise now.

Works on the store alone, without a network. An imported recording is written as the file it came from and
read again under the new map, so that its origin follows; one made with recstore gets its new label.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from recstore.adapters.exporting import Place, entries_by_file, file_bytes
from recstore.adapters.merging import Owner, change_between, execute, owner_for
from recstore.adapters.reading import read_source
from recstore.canonical import request_key
from recstore.errors import DamagedManifest
from recstore.model import BlobName, Entry, Json, Manifest, Recording, RequestKey
from recstore.store import Store
from recstore.store.codec import encode_recording
from recstore.store.names import digest_of
from recstore.store.origins import is_imported
from recstore.upstreams import UpstreamMap, default_base

__all__ = ["RekeyReport", "rekey_store"]


@dataclass(frozen=True, slots=True)
class RekeyReport:
    """What was renamed, in which manifests, and which requests are one now: the new key, and the old ones."""

    entries: int
    renamed: tuple[tuple[BlobName, BlobName], ...]
    changed_manifests: tuple[str, ...]
    merges: dict[RequestKey, tuple[RequestKey, ...]]


@dataclass(frozen=True, slots=True)
class _Renaming:
    """An entry of a test before and after, and the bytes of its new blob."""

    test_id: str | None
    before: Entry
    after: Entry
    data: bytes


def rekey_store(store: Store, upstreams: UpstreamMap, *, dry_run: bool = False) -> RekeyReport:
    """Rename every blob whose request is called otherwise under `upstreams`, and what names it.

    After: new blobs are durable before manifests name them, and old ones go last: a crash in between
    leaves a store that verifies, and that the same command finishes.

    Raises: NotInStore, Damage, ManifestConflict, NewerVersion, Locked: nothing was changed.
    """
    with store.directory.locked():
        manifests = list(store.manifests())
        renamings = [*_imported(store, manifests, upstreams), *_native(store, manifests, upstreams)]
        after: dict[Owner, list[Entry]] = defaultdict(list)
        for renaming in renamings:
            after[owner_for(renaming.test_id, renaming.after.blob)].append(renaming.after)
        change = change_between(manifests, after)
        moved = [renaming for renaming in renamings if renaming.before.blob != renaming.after.blob]
        if not dry_run:
            for renaming in moved:
                store.put_encoded(renaming.after.blob, renaming.data)
            store.directory.flush()
            execute(store, change, remove_unnamed=True)
    return RekeyReport(
        entries=len(renamings),
        renamed=tuple(sorted({(renaming.before.blob, renaming.after.blob) for renaming in moved})),
        changed_manifests=change.owners,
        merges=_merges(renamings),
    )


def _imported(store: Store, manifests: list[Manifest], upstreams: UpstreamMap) -> list[_Renaming]:
    return [
        renaming
        for path, places in entries_by_file(manifests).items()
        for renaming in _renamed_file(store, path, sorted(places, key=_index), upstreams)
    ]


def _index(place: Place) -> int:
    index = place[1].origin.get("index", 0)
    return index if isinstance(index, int) else 0


def _renamed_file(store: Store, path: str, places: list[Place], upstreams: UpstreamMap) -> list[_Renaming]:
    prepared = read_source(file_bytes(store, path, places), path, upstreams)
    if len(prepared) != len(places):
        raise DamagedManifest(path, f"had {len(prepared)} recordings; the manifests name {len(places)} of them")
    return [
        _Renaming(test_id, entry, Entry(new.blob, entry.n, entry.is_union, new.origin), new.data)
        for (test_id, entry), new in zip(places, prepared, strict=True)
    ]


def _native(store: Store, manifests: list[Manifest], upstreams: UpstreamMap) -> list[_Renaming]:
    return [
        _renamed_native(store, manifest.test_id, entry, upstreams)
        for manifest in manifests
        for entry in manifest.entries
        if not is_imported(entry.origin)
    ]


def _renamed_native(store: Store, test_id: str | None, entry: Entry, upstreams: UpstreamMap) -> _Renaming:
    recording = store.get(entry)
    request = recording.request
    base = entry.origin.get("base") or default_base(request.upstream)
    address = upstreams.address(f"{base}{request.path}")
    renamed = Recording(replace(request, upstream=address.upstream, path=address.path), recording.response)
    data = encode_recording(renamed)
    blob = BlobName(request_key(renamed.request), digest_of(data))
    origin: dict[str, Json] = {} if address.base == default_base(address.upstream) else {"base": address.base}
    return _Renaming(test_id, entry, replace(entry, blob=blob, origin=origin), data)


def _merges(renamings: list[_Renaming]) -> dict[RequestKey, tuple[RequestKey, ...]]:
    old_keys: dict[RequestKey, set[RequestKey]] = defaultdict(set)
    for renaming in renamings:
        old_keys[renaming.after.blob.key].add(renaming.before.blob.key)
    return {new: tuple(sorted(old)) for new, old in sorted(old_keys.items()) if len(old) > 1}
