"""Secrets in blobs and manifests, and in a whole store: what kind, where, and masked.

The bytes of a file are looked through first, which is quick; only where something is found there, or where a body is
packed or in pieces, is the recording decoded and looked through text by text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from recstore.content.encodings import UndecodableError, decoded
from recstore.errors import RecstoreError
from recstore.files import map_in_processes
from recstore.model import BlobName, Digest, RawBody
from recstore.secrets.redact import ALLOWED_DIGITS, SecretScan, map_texts
from recstore.store import FOLDER, Store
from recstore.store.blob import decode_recording
from recstore.store.directory import Directory

_PACKED: Final = (b'"base64":"', b'"events":[', b'"content-encoding"', b'"Content-Encoding"')
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class Secret:
    """One secret: its kind, where it is, masked, and the digest by which an allow-list knows it."""

    kind: str
    place: str
    excerpt: str
    digest: str


@dataclass(frozen=True, slots=True, order=True)
class StoredSecret:
    """A secret in a file of the store, and the tests that the file is for; none for a recording outside any test."""

    file: str
    tests: tuple[str, ...]
    secret: Secret


def secrets_in_blob(data: bytes, subject: str, scan: SecretScan) -> tuple[Secret, ...]:
    """Return the secrets in the bytes of a blob; `subject` names it in errors.

    Raises: DamagedBlob, NewerVersion: it holds something, and cannot be read.
    """
    if not any(mark in data for mark in _PACKED) and not scan.spans(data):
        return ()
    secrets: set[Secret] = set()

    def collect(place: str, pieces: list[bytes]) -> list[bytes]:
        secrets.update(secrets_in_text(b"".join(pieces), place, scan))
        return pieces

    recording = decode_recording(data, subject)
    map_texts(recording, collect)
    for where, message in (("request", recording.request), ("response", recording.response)):
        encoding = next((value for name, value in message.headers if name.lower() == "content-encoding"), "")
        if encoding and isinstance(message.body, RawBody):
            with suppress(UndecodableError):
                collect(f"{where} body", [decoded(message.body.data, encoding)])
    return tuple(sorted(secrets)) or secrets_in_text(data, "blob", scan)


def secrets_in_text(data: bytes, place: str, scan: SecretScan) -> tuple[Secret, ...]:
    """Return the secrets in any bytes, said to be at `place`."""
    secrets = ((kind, data[start:end]) for kind, start, end in scan.spans(data))
    found = {Secret(kind, place, masked(secret), Digest.of(secret)[:ALLOWED_DIGITS]) for kind, secret in secrets}
    return tuple(sorted(found))


def masked(secret: bytes) -> str:
    """Return the first and the last letters of a secret, never as much as half of it.

    >>> masked(b"sk-proj-0123456789abcdef")
    'sk-p...ef'
    """
    text = "".join(letter if letter.isprintable() else " " for letter in secret.decode("utf-8", "replace"))
    return f"{text[:_SHOWN]}...{text[-2:]}" if len(text) >= 3 * _SHOWN else f"{text[:1]}..."


def scan_store(
    store: Store, scan: SecretScan, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> tuple[list[StoredSecret], list[RecstoreError]]:
    """Return the secrets in all blobs and manifests, and why some files could not be read.

    `progress` is called with the number of files done, and of all.
    """
    directory = store.directory
    files = [blob.path for blob in store.blobs()] + list(store.manifest_paths())
    sizes_bytes = [path.stat().st_size if (path := directory.path(file)).is_file() else 0 for file in files]
    secrets: dict[str, tuple[Secret, ...]] = {}
    unread = []
    results = map_in_processes(partial(_scan_files, directory.root, scan), files, sizes_bytes, workers)
    for done, (file, result) in enumerate(results, start=1):
        if isinstance(result, RecstoreError):
            unread.append(result)
        elif result:
            secrets[file] = result
        if progress is not None:
            progress(done, len(files))
    tests: dict[str, set[str]] = defaultdict(set)
    for manifest_path in store.manifest_paths() if secrets else ():
        with suppress(RecstoreError):
            manifest = store.read_manifest(manifest_path)
            if manifest.test_id is not None:
                for file in secrets.keys() & {manifest_path, *(entry.blob.path for entry in manifest.entries)}:
                    tests[file].add(manifest.test_id)
    found = ((file, secret) for file in sorted(secrets) for secret in secrets[file])
    return [StoredSecret(f"{FOLDER}/{file}", tuple(sorted(tests[file])), secret) for file, secret in found], unread


def _scan_files(root: Path, scan: SecretScan, files: list[str]) -> list[tuple[str, tuple[Secret, ...] | RecstoreError]]:
    """Return the secrets of each file, or why it could not be read; runs in worker processes."""
    directory = Directory(root)
    results: list[tuple[str, tuple[Secret, ...] | RecstoreError]] = []
    for file in files:
        try:
            data = directory.read(file) or b""
            is_blob = BlobName.from_path(file) is not None
            secrets = (
                secrets_in_blob(data, f"{FOLDER}/{file}", scan) if is_blob else secrets_in_text(data, "manifest", scan)
            )
            results.append((file, secrets))
        except RecstoreError as error:
            results.append((file, error))
    return results
