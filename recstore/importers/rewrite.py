"""Every recording of a store rewritten: without its secrets (redact), or under the upstream's label of today (rekey).

Works on the store alone, without a network. An imported recording is rendered as the file it came from, which is
changed and parsed again, so that its origin follows; one made with recstore is changed itself. Blobs get new names, and
every manifest follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from recstore.content.canonical import request_key
from recstore.errors import DamagedManifest
from recstore.importers import TestEntry
from recstore.importers.parse import parse_source
from recstore.importers.render import entries_by_file, render_source_file
from recstore.importers.run import Owner, apply_plan, owner_of, plan_between
from recstore.model import BlobName, Digest, Entry, Json, Manifest, Recording, RequestKey
from recstore.secrets.redact import SecretScan, redacted_recording
from recstore.secrets.scan import StoredSecret, scan_store
from recstore.store import FOLDER, Store
from recstore.store.blob import encode_recording, is_imported
from recstore.store.manifest import manifest_path
from recstore.upstreams import UpstreamMap, default_base


@dataclass(frozen=True, slots=True)
class RewrittenEntry:
    """An entry of a test before and after, and the bytes of its new blob."""

    test_id: str | None
    before: Entry
    after: Entry
    data: bytes

    @property
    def is_renamed(self) -> bool:
        """Whether its blob has another name now."""
        return self.before.blob != self.after.blob


@dataclass(frozen=True, slots=True)
class RewriteReport:
    """Every entry, before and after, and the tests whose manifests changed."""

    entries: tuple[RewrittenEntry, ...] = ()
    changed_manifests: tuple[str, ...] = ()

    @property
    def renamed(self) -> tuple[tuple[BlobName, BlobName], ...]:
        """The old and the new name of each blob that has another name now."""
        return tuple(sorted({(entry.before.blob, entry.after.blob) for entry in self.entries if entry.is_renamed}))

    @property
    def merged_requests(self) -> dict[RequestKey, tuple[RequestKey, ...]]:
        """The keys of requests that are one now, with the old keys of each."""
        old_keys: dict[RequestKey, set[RequestKey]] = defaultdict(set)
        for entry in self.entries:
            old_keys[entry.after.blob.key].add(entry.before.blob.key)
        return {new: tuple(sorted(old)) for new, old in sorted(old_keys.items()) if len(old) > 1}


@dataclass(frozen=True, slots=True)
class RedactReport:
    """The secrets that were found, the rewrite that takes them out, and the secrets that are left.

    Those are inside of what cannot be rewritten, a packed body of an imported file above all.
    """

    found: tuple[StoredSecret, ...] = ()
    rewrite: RewriteReport = RewriteReport()
    left: tuple[StoredSecret, ...] = ()


def rekey_store(store: Store, upstreams: UpstreamMap, *, dry_run: bool = False) -> RewriteReport:
    """Rename every blob whose request has another upstream or path under `upstreams`, and what names it.

    After, Raises: as `redact_store`.
    """
    return _rewrite_store(store, _Rekeying(upstreams), dry_run=dry_run)


def redact_store(store: Store, scan: SecretScan, upstreams: UpstreamMap, *, dry_run: bool = False) -> RedactReport:
    """Replace every secret of the store by the word that stands for one when it is recorded.

    A blob with a secret that no manifest names is removed: a run that was stopped may have left it.

    After: new blobs are durable before manifests name them, and old ones go last: a crash in between leaves a store
    that verifies, and that the same command finishes.
    Raises: NotInStore, Damage, ManifestConflict, NewerVersion, Locked: nothing was changed. RecstoreError: also where a
    file cannot be read, so that nobody knows what is in it.
    """
    secrets = scan_store(store, scan)
    if secrets.unread:
        raise secrets.unread[0]
    if not secrets.found:
        return RedactReport()
    files = frozenset(secret.file.removeprefix(f"{FOLDER}/") for secret in secrets.found)
    report = _rewrite_store(store, _Redaction(upstreams, scan, files), dry_run=dry_run)
    left = () if dry_run else scan_store(store, scan).found
    if left:
        with store.locked():
            named = {entry.blob.path for manifest in store.manifests() for entry in manifest.entries}
            paths = {secret.file.removeprefix(f"{FOLDER}/") for secret in left}
            unnamed = {path for path in paths if path.startswith("blobs/")} - named
            for path in sorted(unnamed):
                store.directory.remove(path)
        left = tuple(secret for secret in left if secret.file.removeprefix(f"{FOLDER}/") not in unnamed)
    return RedactReport(secrets.found, report, left)


class _Transform(Protocol):
    """The change to the bytes of an imported file, and to a recording made with recstore and its origin."""

    upstreams: UpstreamMap

    def file(self, data: bytes, entries: list[TestEntry]) -> bytes: ...
    def native(self, recording: Recording, entry: Entry) -> tuple[Recording, dict[str, Json]]: ...


@dataclass(slots=True)
class _Rekeying:
    upstreams: UpstreamMap

    def file(self, data: bytes, _entries: list[TestEntry]) -> bytes:
        return data  # parsing it again gives the new key

    def native(self, recording: Recording, entry: Entry) -> tuple[Recording, dict[str, Json]]:
        request = recording.request
        base = entry.origin.get("base") or default_base(request.upstream)
        address = self.upstreams.address(f"{base}{request.path}")
        request = replace(request, upstream=address.upstream, path=address.path)
        origin: dict[str, Json] = {} if address.base == default_base(address.upstream) else {"base": address.base}
        return Recording(request, recording.response), origin


@dataclass(slots=True)
class _Redaction:
    upstreams: UpstreamMap
    scan: SecretScan
    files: frozenset[str]
    """The files of the store that have secrets."""

    def file(self, data: bytes, entries: list[TestEntry]) -> bytes:
        files = {entry.blob.path for _, entry in entries}
        files |= {manifest_path(test_id) for test_id, _ in entries if test_id is not None}
        return data if files.isdisjoint(self.files) else self.scan.clean(data)

    def native(self, recording: Recording, entry: Entry) -> tuple[Recording, dict[str, Json]]:
        has_secret = entry.blob.path in self.files
        return redacted_recording(recording, self.scan) if has_secret else recording, entry.origin


def _rewrite_store(store: Store, transform: _Transform, *, dry_run: bool) -> RewriteReport:
    with store.locked():
        manifests = list(store.manifests())
        entries = (*_imported(store, manifests, transform), *_native(store, manifests, transform))
        after: dict[Owner, list[Entry]] = defaultdict(list)
        for entry in entries:
            present = after[owner_of(entry.test_id, entry.after.blob)]
            # Outside any test a run that was stopped leaves both the old and the new one: they become one.
            if entry.test_id is not None or all(other.origin != entry.after.origin for other in present):
                present.append(entry.after)
        plan = plan_between(manifests, after)
        if not dry_run:
            for entry in entries:
                if entry.is_renamed:
                    store.put_encoded(entry.after.blob, entry.data)
            store.directory.flush()
            apply_plan(store, plan, remove_blobs=True)
    return RewriteReport(entries, plan.owners)


def _imported(store: Store, manifests: list[Manifest], transform: _Transform) -> Iterator[RewrittenEntry]:
    def index(test_entry: TestEntry) -> int:
        index = test_entry.entry.origin.get("index", 0)
        return index if isinstance(index, int) else 0

    for path, entries in entries_by_file(manifests).items():
        of_tests = [entry for entry in entries if entry.test_id is not None]
        # One outside any test is a file by itself, and there may be an old and a new one.
        for group in filter(None, (of_tests, *([entry] for entry in entries if entry.test_id is None))):
            group.sort(key=index)
            data = transform.file(render_source_file(store, path, group), group)
            recordings = parse_source(data, path, transform.upstreams)
            if len(recordings) != len(group):
                raise DamagedManifest(
                    path, f"had {len(recordings)} recordings; the manifests name {len(group)} of them"
                )
            for (test_id, entry), new in zip(group, recordings, strict=True):
                after = Entry(new.entry.blob, entry.n, entry.is_union, new.entry.origin)
                yield RewrittenEntry(test_id, entry, after, new.data)


def _native(store: Store, manifests: list[Manifest], transform: _Transform) -> Iterator[RewrittenEntry]:
    for manifest in manifests:
        for entry in manifest.entries:
            if not is_imported(entry.origin):
                recording, origin = transform.native(store.get(entry), entry)
                data = encode_recording(recording)
                blob = BlobName(request_key(recording.request), Digest.of(data))
                yield RewrittenEntry(manifest.test_id, entry, replace(entry, blob=blob, origin=origin), data)
