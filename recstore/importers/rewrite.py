"""Every recording of a store rewritten: without its secrets (redact), or under the upstream's label of today (rekey).

Works on the store alone, without a network. An imported recording is rendered as the file it came from, which is
changed and parsed again, so that its origin follows; one made with recstore is changed itself. Blobs get new names, and
every manifest follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from recstore.content.canonical import request_key
from recstore.errors import DamagedManifest
from recstore.importers import TestEntry
from recstore.importers.formats import entries_by_file, index_in_file, parse_source, render_source_file
from recstore.importers.run import apply_plan, plan_between
from recstore.model import BlobName, Digest, Entry, Manifest, RequestKey
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
    return _rewrite_store(store, upstreams, None, (), dry_run=dry_run)


def redact_store(store: Store, scan: SecretScan, upstreams: UpstreamMap, *, dry_run: bool = False) -> RedactReport:
    """Replace every secret of the store by the word that stands for one when it is recorded.

    A blob with a secret that no manifest names is removed: a run that was stopped may have left it.

    After: new blobs are durable before manifests name them, and old ones go last: a crash in between leaves a store
    that verifies, and that the same command finishes.
    Raises: NotInStore, Damage, ManifestConflict, NewerVersion, Locked: nothing was changed. RecstoreError: also where a
    file cannot be read, so that nobody knows what is in it.
    """
    found, unread = scan_store(store, scan)
    if unread:
        raise unread[0]
    if not found:
        return RedactReport()
    report = _rewrite_store(store, upstreams, scan, _files_with(found), dry_run=dry_run)
    left = [] if dry_run else scan_store(store, scan)[0]
    if left:
        with store.locked():
            named = {entry.blob.path for manifest in store.manifests() for entry in manifest.entries}
            unnamed = {path for path in _files_with(left) if path.startswith("blobs/")} - named
            for path in sorted(unnamed):
                store.directory.remove(path)
        left = [secret for secret in left if _files_with([secret]).isdisjoint(unnamed)]
    return RedactReport(tuple(found), report, tuple(left))


def _files_with(secrets: Iterable[StoredSecret]) -> set[str]:
    """Return the paths, below the store's folder, of the files with these secrets."""
    return {secret.file.removeprefix(f"{FOLDER}/") for secret in secrets}


def _rewrite_store(
    store: Store, upstreams: UpstreamMap, scan: SecretScan | None, files: Collection[str], *, dry_run: bool
) -> RewriteReport:
    """Rewrite every recording: those in `files` without secrets, or, with no `scan`, under the labels of `upstreams`."""
    with store.locked():
        manifests = list(store.manifests())
        entries = tuple(_rewritten(store, manifests, upstreams, scan, files))
        # Outside any test a run that was stopped leaves both the old and the new one: they become one.
        after = {
            repr((entry.after.blob, entry.after.origin)) if entry.test_id is None else number: TestEntry(
                entry.test_id, entry.after
            )
            for number, entry in enumerate(entries)
        }
        plan = plan_between(manifests, after.values())
        if not dry_run:
            for entry in entries:
                if entry.is_renamed:
                    store.put_encoded(entry.after.blob, entry.data)
            store.directory.flush()
            apply_plan(store, plan, remove_blobs=True)
    return RewriteReport(entries, plan.owners)


def _rewritten(
    store: Store, manifests: list[Manifest], upstreams: UpstreamMap, scan: SecretScan | None, files: Collection[str]
) -> Iterator[RewrittenEntry]:
    for path, entries in entries_by_file(manifests).items():
        of_tests = [entry for entry in entries if entry.test_id is not None]
        # One outside any test is a file by itself, and there may be an old and a new one.
        for group in filter(None, (of_tests, *([entry] for entry in entries if entry.test_id is None))):
            group.sort(key=lambda test_entry: index_in_file(test_entry.entry))
            data = render_source_file(store, path, group)
            names = {entry.blob.path for _, entry in group}
            names |= {manifest_path(test_id) for test_id, _ in group if test_id is not None}
            if scan is not None and not names.isdisjoint(files):
                data = scan.clean(data)
            recordings = parse_source(data, path, upstreams)
            if len(recordings) != len(group):
                reason = f"had {len(recordings)} recordings; the manifests name {len(group)} of them"
                raise DamagedManifest(path, reason)
            for (test_id, entry), new in zip(group, recordings, strict=True):
                after = replace(entry, blob=new.entry.blob, origin=new.entry.origin)
                yield RewrittenEntry(test_id, entry, after, new.data)
    for test_id, entry in (TestEntry(manifest.test_id, entry) for manifest in manifests for entry in manifest.entries):
        if is_imported(entry.origin):
            continue
        recording, origin = store.get(entry), entry.origin
        if scan is None:
            request = recording.request
            address = upstreams.address(f"{origin.get('base') or default_base(request.upstream)}{request.path}")
            recording = replace(recording, request=replace(request, upstream=address.upstream, path=address.path))
            origin = {} if address.base == default_base(address.upstream) else {"base": address.base}
        elif entry.blob.path in files:
            recording = redacted_recording(recording, scan)
        data = encode_recording(recording)
        blob = BlobName(request_key(recording.request), Digest.of(data))
        yield RewrittenEntry(test_id, entry, replace(entry, blob=blob, origin=origin), data)
