"""A whole store looked through for secrets, on every core."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recstore.errors import RecstoreError
from recstore.model import BlobName
from recstore.secrets.scanning import Secret, SecretScan, secrets_in_blob, secrets_in_text
from recstore.store import FOLDER, Store
from recstore.store.directory import Directory
from recstore.store.parallel import in_batches

Progress = Callable[[int, int], None]
"""Called with the number of files done, and of all files."""


@dataclass(frozen=True, slots=True, order=True)
class StoredSecret:
    """A secret in a file of the store, and the tests that the file is for; none for a recording outside any test."""

    file: str
    tests: tuple[str, ...]
    secret: Secret


@dataclass(frozen=True, slots=True)
class StoreScan:
    """The secrets of a store, and why some of its files could not be looked through."""

    found: tuple[StoredSecret, ...]
    unread: tuple[RecstoreError, ...]


def scan_store(store: Store, scan: SecretScan, workers: int = 1, progress: Progress | None = None) -> StoreScan:
    """Look through all blobs and manifests."""
    directory = store.directory
    files = [blob.path for blob in store.blobs()] + list(store.manifest_paths())
    sizes_bytes = [path.stat().st_size if (path := directory.path(file)).is_file() else 0 for file in files]
    found: dict[str, tuple[Secret, ...]] = {}
    unread = []
    job = _Job(directory.root, scan)
    for done, (file, secrets) in enumerate(in_batches(job.scan_batch, files, sizes_bytes, workers), start=1):
        if isinstance(secrets, RecstoreError):
            unread.append(secrets)
        elif secrets:
            found[file] = secrets
        if progress is not None:
            progress(done, len(files))
    tests = _tests_of(store, set(found)) if found else {}
    stored = (
        StoredSecret(f"{FOLDER}/{file}", tests.get(file, ()), secret)
        for file, secrets in sorted(found.items())
        for secret in secrets
    )
    return StoreScan(tuple(stored), tuple(unread))


def _tests_of(store: Store, files: set[str]) -> dict[str, tuple[str, ...]]:
    tests: dict[str, set[str]] = defaultdict(set)
    for path in store.manifest_paths():
        try:
            manifest = store.read_manifest(path)
        except RecstoreError:
            continue
        for file in (path, *(entry.blob.path for entry in manifest.entries)):
            if file in files and manifest.test_id is not None:
                tests[file].add(manifest.test_id)
    return {file: tuple(sorted(names)) for file, names in tests.items()}


@dataclass(frozen=True, slots=True)
class _Job:
    """What a worker process needs to look through files."""

    root: Path
    scan: SecretScan

    def scan_batch(self, files: list[str]) -> list[tuple[str, tuple[Secret, ...] | RecstoreError]]:
        directory = Directory(self.root)
        return [(file, self._secrets_in(directory, file)) for file in files]

    def _secrets_in(self, directory: Directory, file: str) -> tuple[Secret, ...] | RecstoreError:
        try:
            data = directory.read(file) or b""
            if BlobName.from_path(file) is None:
                return secrets_in_text(data, "manifest", self.scan)
            return secrets_in_blob(data, f"{FOLDER}/{file}", self.scan)
        except RecstoreError as error:
            return error
