"""Recordings of other recorders into the store: read in parallel, planned, then published in one order.

Blobs first, made durable; then, under the store's lock, the manifests that name them. A crash in between
leaves blobs that nothing names, and `gc` takes those away. The plan does not depend on the order of the files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import orjson

from recstore.errors import DamagedSource, NotInStore, RecstoreError
from recstore.files import map_in_processes, read_file
from recstore.importers import EncodedRecording, Progress, TestEntry
from recstore.importers.formats import index_in_file, parse_source
from recstore.importers.scan import SourceFile, root_length_of, source_files
from recstore.model import BlobName, Digest, Entry, Manifest
from recstore.secrets.redact import SecretScan
from recstore.secrets.scan import Secret, secrets_in_blob, secrets_in_text
from recstore.store import Store
from recstore.store.blob import is_imported, origin_path
from recstore.store.directory import Directory
from recstore.store.manifest import sort_entries
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
    """The entries of one file, whose blobs are written and not durable yet, or why there are none."""

    name: str
    digest: str = ""  # of the file's bytes, "" where they could not be read
    entries: tuple[TestEntry, ...] = ()
    new_blobs: tuple[tuple[BlobName, int], ...] = ()
    secrets: tuple[Secret, ...] = ()
    problem: RecstoreError | None = None


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """Manifests to publish and to withdraw, the blobs that then nothing in them names, and how many entries go."""

    published: tuple[Manifest, ...]
    withdrawn: tuple[Manifest, ...]
    unreferenced: tuple[BlobName, ...]
    removed_entries: int = 0

    @property
    def owners(self) -> tuple[str, ...]:
        """The tests whose manifests change; those of single recordings by the path they have."""
        changed = (*self.published, *self.withdrawn)
        return tuple(manifest.test_id or f"shared/{manifest.entries[0].blob}" for manifest in changed)


def import_paths(
    store: Store, paths: Iterable[Path], options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Import every recording below `paths` and return what came of it.

    Importing the same again changes nothing. A file that cannot be read is a problem of the report, and
    stops no other; what was stored of it before stays.

    Raises: NotInStore: a path does not exist. UsageError: two files would have one name. Locked, Damage,
    ManifestConflict, NewerVersion: of the store.
    """
    project, paths = store.directory.root.parent, tuple(paths)
    files = source_files(paths, project)
    results: list[FileResult] = []
    for result in read_files(store, files, options):
        results.append(result)
        if progress is not None:
            progress(len(results), len(files))
    incoming = [entry for result in results for entry in result.entries]
    if not options.dry_run:
        store.directory.also_flush(entry.blob.path for _, entry in incoming)  # workers wrote them, unflushed
        store.directory.flush()
    with store.locked():
        if not options.dry_run:
            ensure_blobs(store, files, results, options)
        present = list(store.manifests())
        removed: set[str] = set()
        if options.replace:  # what manifests name at or below the paths, whether it is there or not
            scopes = [Path(str(path.resolve())[root_length_of(path, project) :]) for path in paths]
            names = {origin_path(entry.origin) for manifest in present for entry in manifest.entries} - {""}
            removed = {name for name in names if any(Path(name).is_relative_to(scope) for scope in scopes)}
            removed -= {result.name for result in results if result.problem is not None}
        plan = plan_import(present, incoming, removed)
        if not options.dry_run:
            apply_plan(store, plan, remove_blobs=options.replace)
    new_blobs = {blob: size_bytes for result in results for blob, size_bytes in result.new_blobs}
    return ImportReport(
        files=len(files),
        recordings=len(incoming),
        tests=len({test_id for test_id, _ in incoming if test_id is not None}),
        source_bytes=sum(file.size_bytes for file in files),
        new_blobs=len(new_blobs),
        new_bytes=sum(new_blobs.values()),
        changed_manifests=plan.owners,
        removed_entries=plan.removed_entries,
        removed_blobs=len(plan.unreferenced) if options.replace else 0,
        not_recordings=tuple(result.name for result in results if not result.entries and result.problem is None),
        secrets=tuple((result.name, secret) for result in results for secret in result.secrets),
        problems=tuple(result.problem for result in results if result.problem is not None),
    )


# -- reading files, in one process or several


def read_files(store: Store, files: list[SourceFile], options: ImportOptions) -> Iterator[FileResult]:
    """Yield the result of each file, in order. Blobs are written, and no manifest names them yet."""
    work = partial(_read_batch, store.directory.root, options)
    return map_in_processes(work, files, [file.size_bytes for file in files], options.workers)


def _read_batch(root: Path, options: ImportOptions, files: list[SourceFile]) -> list[FileResult]:
    store = Store(Directory(root))
    results = []
    for file in files:
        digest = ""
        secrets: set[Secret] = set()
        try:
            data = read_file(file.location)
            digest = Digest.of(data)
            recordings = parse_source(data, file.name, options.upstreams)
            new = [
                each for each in recordings if store.put_encoded(each.entry.blob, each.data, dry_run=options.dry_run)
            ]
            for _, entry, blob_data in new:
                secrets.update(secrets_in_blob(blob_data, file.name, options.scan))
                secrets.update(secrets_in_text(orjson.dumps(entry.origin), "what the file said besides", options.scan))
        except (OSError, RecstoreError) as error:
            reason = "" if isinstance(error, RecstoreError) else f"cannot be read: {error.strerror or error}"
            problem = error if isinstance(error, RecstoreError) else DamagedSource(file.name, reason)
            results.append(FileResult(file.name, digest, problem=problem))
            continue
        entries = tuple(TestEntry(test_id, entry) for test_id, entry, _ in recordings)
        new_blobs = tuple((entry.blob, len(blob_data)) for _, entry, blob_data in new)
        results.append(FileResult(file.name, digest, entries, new_blobs, tuple(sorted(secrets))))
    return results


def ensure_blobs(store: Store, files: list[SourceFile], results: Iterable[FileResult], options: ImportOptions) -> None:
    """Write blobs again that another process has removed since: nothing named them yet. The caller holds the lock.

    A file that has changed meanwhile is in the store as it was only if its blobs are still there.
    Raises: NotInStore: a blob went, and the file is another one now; import it again.
    """
    named = {entry.blob: result.name for result in results for _, entry in result.entries}
    lost = {blob: name for blob, name in named.items() if not store.directory.path(blob.path).exists()}
    if not lost:
        return
    concerned = [file for file in files if file.name in set(lost.values())]
    again = {entry.blob for result in read_files(store, concerned, options) for _, entry in result.entries}
    for blob, name in lost.items():
        if blob not in again:
            raise NotInStore(name, "was written again while it was imported", "Import it again.")
    store.directory.also_flush(blob.path for blob in lost)
    store.directory.flush()


# -- entries into the manifests that are there


def publish_file(store: Store, recordings: list[EncodedRecording], present: list[Manifest], name: str) -> None:
    """Make `recordings` those of the file `name`, in place of what `present` has of it. The caller holds the lock.

    After: durable; a crash leaves what was there.
    Raises: RecstoreError: disk trouble.
    """
    for recording in recordings:
        store.put_encoded(recording.entry.blob, recording.data)
    store.directory.flush()
    incoming = [TestEntry(test_id, entry) for test_id, entry, _ in recordings]
    apply_plan(store, plan_import(present, incoming, {name}), remove_blobs=False)


def plan_import(
    present: list[Manifest], incoming: Iterable[TestEntry], removed: Collection[str], *, by_request: bool = False
) -> ImportPlan:
    """Return what importing `incoming` changes in the manifests `present`.

    Entries that an earlier import of the same files left are replaced; those of the files `removed` go. With
    `by_request`, for files that do not repeat what they once held, an entry is replaced only by one of its test and
    request.
    """

    def replacement_key(test_id: str | None, entry: Entry) -> tuple[str, str | None, str]:
        path = origin_path(entry.origin)
        return (path, test_id, entry.blob.key) if by_request else (path, None, "")

    incoming = list(incoming)
    replaced = {replacement_key(*new) for new in incoming}
    entries = (TestEntry(manifest.test_id, entry) for manifest in present for entry in manifest.entries)
    others = [each for each in entries if replacement_key(*each) not in replaced]
    remaining = [each for each in others if origin_path(each.entry.origin) not in removed]
    return replace(plan_between(present, [*remaining, *incoming]), removed_entries=len(others) - len(remaining))


def plan_between(present: list[Manifest], entries: Iterable[TestEntry]) -> ImportPlan:
    """Return what turns the manifests `present` into those with `entries`, renumbered.

    A test has one manifest; outside any test each blob has one.
    """

    def owner(test_id: str | None, entry: Entry) -> tuple[str | None, BlobName | None]:
        return test_id, entry.blob if test_id is None else None

    before = {owner(manifest.test_id, manifest.entries[0]): manifest for manifest in present if manifest.entries}
    after = defaultdict(list)
    for test_id, entry in entries:
        after[owner(test_id, entry)].append(entry)
    manifests = {key: Manifest(key[0], _renumbered(owned)) for key, owned in after.items()}
    named_before = {blob for manifest in present for blob in manifest.blobs}
    named_after = {blob for manifest in manifests.values() for blob in manifest.blobs}
    origins = {key: [entry.origin for entry in manifest.entries] for key, manifest in before.items()}
    return ImportPlan(
        published=tuple(
            new
            for key, new in manifests.items()
            if before.get(key) != new or origins[key] != [entry.origin for entry in new.entries]
        ),
        withdrawn=tuple(old for key, old in before.items() if key not in manifests),
        unreferenced=tuple(sorted(named_before - named_after)),
    )


def apply_plan(store: Store, plan: ImportPlan, *, remove_blobs: bool) -> None:
    """Carry out `plan`; with `remove_blobs` those go, last, that nothing names any more.

    After: a crash leaves manifests of before or after, each with all its blobs.
    """
    store.publish(plan.published)
    store.withdraw(plan.withdrawn)
    if remove_blobs:
        for blob in plan.unreferenced:
            store.directory.remove(blob.path)


def _renumbered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return `entries` with those of each key numbered: first those recorded here, then unions, then single ones by path."""

    def rank(entry: Entry) -> tuple[int, str, int]:
        if not is_imported(entry.origin):
            return 0, "", entry.n
        return (1, "", 0) if entry.is_union else (2, origin_path(entry.origin), index_in_file(entry))

    by_key: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_key[entry.blob.key].append(entry)
    numbered: list[Entry] = []
    for group in by_key.values():
        n, previous = 0, 0
        for entry in sorted(group, key=rank):
            kind = rank(entry)[0]
            n += not kind == previous == 1  # the members of a union are one call
            previous = kind
            numbered.append(replace(entry, n=n))
    return sort_entries(tuple(numbered))
