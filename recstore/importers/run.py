"""Recordings of other recorders into the store: read in parallel, proved exact, published in one order.

Blobs first, made durable; then, under the store's lock, the manifests that name them. A crash in between
leaves blobs that nothing names, and `gc` takes those away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from recstore.errors import DamagedSource, NotInStore, RecstoreError
from recstore.files import read_file
from recstore.importers.parse import read_source
from recstore.importers.plan import ImportedEntry, execute, merged
from recstore.importers.scan import SourceFile, is_within, scope_of, source_files
from recstore.model import BlobName, Digest, Json
from recstore.secrets import Secret, SecretScan, secrets_in_blob, secrets_in_text
from recstore.store import Store
from recstore.store.directory import Directory
from recstore.store.parallel import in_batches
from recstore.upstreams import UpstreamMap


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import: `replace` drops what earlier imports left and this one does not bring again."""

    upstreams: UpstreamMap = field(default_factory=UpstreamMap)
    replace: bool = False
    dry_run: bool = False
    workers: int = 1
    scan: SecretScan = field(default_factory=SecretScan)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or with `dry_run` would have done; `secrets` are those in new blobs, with their files."""

    files: int = 0
    recordings: int = 0
    tests: int = 0
    source_bytes: int = 0
    new_blobs: int = 0
    new_bytes: int = 0
    changed_manifests: tuple[str, ...] = ()
    removed_entries: int = 0
    removed_blobs: int = 0
    not_recordings: tuple[str, ...] = ()
    secrets: tuple[tuple[str, Secret], ...] = ()
    problems: tuple[RecstoreError, ...] = ()


@dataclass(frozen=True, slots=True)
class FileResult:
    """What one file gave: entries for its recordings, whose blobs are written and not yet durable, or why there are none.

    `digest` is that of the file's bytes, "" where they could not be read.
    """

    name: str
    digest: str = ""
    entries: tuple[ImportedEntry, ...] = ()
    new_blobs: tuple[tuple[BlobName, int], ...] = ()
    secrets: tuple[Secret, ...] = ()
    problem: RecstoreError | None = None


Progress = Callable[[int, int], None]
"""Called with the number of files done, and of all files."""


def import_paths(
    store: Store, paths: Iterable[Path], options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Import every recording below `paths` and return what came of it.

    Importing the same again changes nothing. A file that cannot be read is a problem of the report, and
    stops no other; what was stored of it before stays.

    Raises: NotInStore: a path is not there. UsageError: two files would have one name. Locked, Damage, ManifestConflict, NewerVersion: of the store.
    """
    project = store.directory.root.parent
    wanted = tuple(paths)
    files = source_files(wanted, project)
    results = []
    for result in read_files(store, files, options):
        results.append(result)
        if progress is not None:
            progress(len(results), len(files))
    scope = scope_of(wanted, project) if options.replace else ()
    return _publish(store, files, results, options, scope)


def ensure_blobs(store: Store, files: list[SourceFile], results: Iterable[FileResult], options: ImportOptions) -> None:
    """Write blobs again that another process has removed since: nothing named them yet. The caller holds the lock.

    A file that has changed meanwhile is in the store as it was only if its blobs are still there.
    Raises: NotInStore: a blob went, and the file is another one now; import it again.
    """
    named = {entry.blob: result.name for result in results for entry in result.entries}
    lost = {blob: name for blob, name in named.items() if not store.directory.path(blob.path).exists()}
    if not lost:
        return
    concerned = [file for file in files if file.name in set(lost.values())]
    again = {entry.blob for result in read_files(store, concerned, options) for entry in result.entries}
    for blob, name in lost.items():
        if blob not in again:
            raise NotInStore(name, "was written again while it was imported", "Import it again.")
    store.directory.flush_too(blob.path for blob in lost)
    store.directory.flush()


def _publish(
    store: Store, files: list[SourceFile], results: list[FileResult], options: ImportOptions, scope: tuple[str, ...]
) -> ImportReport:
    imported = [entry for result in results for entry in result.entries]
    broken = {result.name for result in results if result.problem is not None}
    if not options.dry_run:
        store.directory.flush_too(entry.blob.path for entry in imported)  # workers wrote them, unflushed
        store.directory.flush()
    with store.directory.locked():
        if not options.dry_run:
            ensure_blobs(store, files, results, options)
        change, removed_entries = merged(
            list(store.manifests()), imported, lambda path: path not in broken and is_within(path, scope)
        )
        if not options.dry_run:
            execute(store, change, remove_unnamed=options.replace)
    new_blobs = {blob: size for result in results for blob, size in result.new_blobs}
    return ImportReport(
        files=len(files),
        recordings=len(imported),
        tests=len({entry.test_id for entry in imported if entry.test_id is not None}),
        source_bytes=sum(file.size_bytes for file in files),
        new_blobs=len(new_blobs),
        new_bytes=sum(new_blobs.values()),
        changed_manifests=change.owners,
        removed_entries=removed_entries,
        removed_blobs=len(change.unnamed) if options.replace else 0,
        not_recordings=tuple(result.name for result in results if not result.entries and result.problem is None),
        secrets=tuple((result.name, secret) for result in results for secret in result.secrets),
        problems=tuple(result.problem for result in results if result.problem is not None),
    )


# -- reading files, in one process or several


def read_files(store: Store, files: list[SourceFile], options: ImportOptions) -> Iterator[FileResult]:
    """Yield what each file gave, in order. Blobs are written, and no manifest names them yet."""
    job = _Job(store.directory.root, options.upstreams, options.dry_run, options.scan)
    return in_batches(job.read_batch, files, [file.size_bytes for file in files], options.workers)


@dataclass(frozen=True, slots=True)
class _Job:
    """What a worker process needs to know; it writes blobs, whose names nothing states yet."""

    root: Path
    upstreams: UpstreamMap
    dry_run: bool
    scan: SecretScan

    def read_batch(self, files: list[SourceFile]) -> list[FileResult]:
        store = Store(Directory(self.root))
        return [self._read_file(store, file) for file in files]

    def _read_file(self, store: Store, file: SourceFile) -> FileResult:
        digest = ""
        try:
            data = read_file(file.location)
            digest = Digest.of(data)
            prepared = read_source(data, file.name, self.upstreams)
            new = [one for one in prepared if store.put_encoded(one.blob, one.data, dry_run=self.dry_run)]
            secrets = {secret for one in new for secret in secrets_in_blob(one.data, file.name, self.scan)}
            secrets.update(secret for one in new for secret in self._secrets_in_origin(one.origin))
        except OSError as error:
            problem = DamagedSource(file.name, f"cannot be read: {error.strerror or error}")
            return FileResult(file.name, digest, problem=problem)
        except RecstoreError as error:
            return FileResult(file.name, digest, problem=error)
        entries = tuple(
            ImportedEntry(recording.test_id, recording.blob, recording.origin, recording.is_union)
            for recording in prepared
        )
        new_blobs = tuple((one.blob, len(one.data)) for one in new)
        return FileResult(file.name, digest, entries, new_blobs, tuple(sorted(secrets)))

    def _secrets_in_origin(self, origin: dict[str, Json]) -> tuple[Secret, ...]:
        return secrets_in_text(orjson.dumps(origin), "what the file said besides", self.scan)
