"""Secrets out of a store that has them: recordings rewritten, under new names, and their manifests with them."""

from __future__ import annotations

from dataclasses import dataclass

from recstore.importers.render import Place
from recstore.importers.rewrite import Rewrite, rewrite_store
from recstore.model import BlobName, Entry, Json, Recording
from recstore.secrets.removing import redacted_recording, without_secrets
from recstore.secrets.scanning import SecretScan
from recstore.secrets.store_scan import StoredSecret, scan_store
from recstore.store import FOLDER, Store
from recstore.store.paths import manifest_path
from recstore.upstreams import UpstreamMap


@dataclass(frozen=True, slots=True)
class RedactReport:
    """The secrets that were found, the blobs that have new names, the manifests that changed, and what is left.

    `left` are secrets inside of what cannot be rewritten, a packed body of an imported file above all.
    """

    found: tuple[StoredSecret, ...]
    renamed: tuple[tuple[BlobName, BlobName], ...] = ()
    changed_manifests: tuple[str, ...] = ()
    left: tuple[StoredSecret, ...] = ()


def redact_store(store: Store, scan: SecretScan, upstreams: UpstreamMap, *, dry_run: bool = False) -> RedactReport:
    """Take every secret out of the store: where one stood is the word that stands for one when it is recorded.

    A blob with a secret that no manifest names goes: a run that was stopped may have left it.

    After: as `rewrite_store`.

    Raises: RecstoreError: a file cannot be read, so that nobody knows what is in it. As `rewrite_store`.
    """
    seen = scan_store(store, scan)
    if seen.unread:
        raise seen.unread[0]
    found = seen.found
    if not found:
        return RedactReport(())
    files = {secret.file.removeprefix(f"{FOLDER}/") for secret in found}
    cleaning = _Cleaning(scan, frozenset(files))
    done = rewrite_store(store, Rewrite(upstreams, cleaning.native, cleaning.file), dry_run=dry_run)
    left = () if dry_run else _without_unnamed(store, scan_store(store, scan).found)
    return RedactReport(found, done.renamed, done.changed_manifests, left)


def _without_unnamed(store: Store, found: tuple[StoredSecret, ...]) -> tuple[StoredSecret, ...]:
    """Remove the blobs with a secret that no manifest names, and return what is left."""
    if not found:
        return ()
    with store.directory.locked():
        named = {entry.blob.path for manifest in store.manifests() for entry in manifest.entries}
        files = {secret.file: secret.file.removeprefix(f"{FOLDER}/") for secret in found}
        gone = {file for file, path in files.items() if path.startswith("blobs/") and path not in named}
        for file in sorted(gone):
            store.directory.remove(files[file])
    return tuple(secret for secret in found if secret.file not in gone)


@dataclass(frozen=True, slots=True)
class _Cleaning:
    scan: SecretScan
    files: frozenset[str]

    def native(self, recording: Recording, entry: Entry) -> tuple[Recording, dict[str, Json]]:
        if entry.blob.path not in self.files:
            return recording, entry.origin
        return redacted_recording(recording, self.scan), entry.origin

    def file(self, data: bytes, places: list[Place]) -> bytes:
        concerned = {
            name
            for test_id, entry in places
            for name in (entry.blob.path, manifest_path(test_id) if test_id is not None else "")
        }
        return without_secrets(data, self.scan) if concerned & self.files else data
