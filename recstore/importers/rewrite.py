"""Every recording of a store rewritten: without its secrets (redact), or under the upstream's label of today (rekey).

Works on the store alone, without a network. An imported recording is rendered as the file it came from, which is
changed and parsed again, so that its origin follows; one made with recstore is changed itself. Blobs get new names, and
every manifest follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from recstore.content.canonical import request_key
from recstore.errors import DamagedManifest
from recstore.importers import EncodedRecording, TestEntry
from recstore.importers.formats import entries_by_file, index_in_file, parse_source, render_source_file
from recstore.importers.run import apply_plan, plan_between
from recstore.model import BlobName, Digest, Manifest, RequestKey
from recstore.secrets.redact import SecretScan, redacted_recording
from recstore.secrets.scan import StoredSecret, scan_store
from recstore.store import FOLDER, Store
from recstore.store.blob import encode_recording, is_imported
from recstore.store.manifest import manifest_path
from recstore.upstreams import UpstreamMap, default_base


@dataclass(frozen=True, slots=True)
class RewriteReport:
    """The number of entries read, the old and new names of blobs, and the tests whose manifests changed.

    `merged_requests` are the keys of requests that are one now, with the old keys of each. Of the secrets that were
    `found`, those `left` are inside of what cannot be rewritten, a packed body of an imported file above all.
    """

    entries: int = 0
    renamed: tuple[tuple[BlobName, BlobName], ...] = ()
    merged_requests: dict[RequestKey, tuple[RequestKey, ...]] = field(default_factory=dict)
    changed_manifests: tuple[str, ...] = ()
    found: tuple[StoredSecret, ...] = ()
    left: tuple[StoredSecret, ...] = ()


def rekey_store(store: Store, upstreams: UpstreamMap, *, dry_run: bool = False) -> RewriteReport:
    """Rename every blob whose request has another upstream or path under `upstreams`, and what names it.

    After, Raises: as `redact_store`.
    """
    return _rewrite_store(store, upstreams, None, (), dry_run=dry_run)


def redact_store(store: Store, scan: SecretScan, upstreams: UpstreamMap, *, dry_run: bool = False) -> RewriteReport:
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
        return RewriteReport()
    report = _rewrite_store(store, upstreams, scan, _files_with(found), dry_run=dry_run)
    left = [] if dry_run else scan_store(store, scan)[0]
    if left:
        with store.locked():
            named = {entry.blob.path for manifest in store.manifests() for entry in manifest.entries}
            unnamed = {path for path in _files_with(left) if path.startswith("blobs/")} - named
            for path in sorted(unnamed):
                store.directory.remove(path)
        left = [secret for secret in left if _files_with([secret]).isdisjoint(unnamed)]
    return replace(report, found=tuple(found), left=tuple(left))


def _files_with(secrets: Iterable[StoredSecret]) -> set[str]:
    """Return the paths, below the store's folder, of the files with these secrets."""
    return {secret.file.removeprefix(f"{FOLDER}/") for secret in secrets}


def _rewrite_store(
    store: Store, upstreams: UpstreamMap, scan: SecretScan | None, files: Collection[str], *, dry_run: bool
) -> RewriteReport:
    """Rewrite every recording: those in `files` without secrets, or, with no `scan`, under the labels of `upstreams`."""
    with store.locked():
        manifests = list(store.manifests())
        rewritten = list(_rewritten(store, manifests, upstreams, scan, files))
        # Outside any test a run that was stopped leaves both the old and the new one: they become one.
        after = {
            repr((entry.blob, entry.origin)) if test_id is None else number: TestEntry(test_id, entry)
            for number, (_, (test_id, entry, _)) in enumerate(rewritten)
        }
        plan = plan_between(manifests, after.values())
        renamed = {(old, new.entry.blob): new.data for old, new in rewritten if old != new.entry.blob}
        if not dry_run:
            for (_, blob), data in renamed.items():
                store.put_encoded(blob, data)
            store.directory.flush()
            apply_plan(store, plan, remove_blobs=True)
    old_keys: dict[RequestKey, set[RequestKey]] = defaultdict(set)
    for old, new in rewritten:
        old_keys[new.entry.blob.key].add(old.key)
    return RewriteReport(
        len(rewritten),
        tuple(sorted(renamed)),
        {key: tuple(sorted(old)) for key, old in sorted(old_keys.items()) if len(old) > 1},
        plan.owners,
    )


def _rewritten(
    store: Store, manifests: list[Manifest], upstreams: UpstreamMap, scan: SecretScan | None, files: Collection[str]
) -> Iterator[tuple[BlobName, EncodedRecording]]:
    """Yield the blob that each entry names now, and the entry and its recording as they are to be."""
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
                yield entry.blob, EncodedRecording(test_id, after, new.data)
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
        yield entry.blob, EncodedRecording(test_id, replace(entry, blob=blob, origin=origin), data)
