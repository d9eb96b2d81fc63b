"""Some files of a source into the store, as `import` would bring them, in place of what was there of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from recstore.errors import NotInStore, RecstoreError
from recstore.importers import TestEntry
from recstore.importers.manifest_tracker import ManifestTracker
from recstore.importers.run import FileResult, ImportOptions, apply_plan, ensure_blobs, plan_import, read_files
from recstore.importers.scan import SourceFile
from recstore.model import BlobName, Digest
from recstore.secrets.scan import Secret
from recstore.store import Store

Outcome: TypeAlias = Literal["new", "changed", "unchanged", "removed", "bad", "none", "recorded", "consumed"]
"""`none`: the file holds nothing recorded; `recorded`: another process has stored something; `consumed`: the
recordings are safe, and the file is deleted."""

_PARALLEL_FROM: Final = 1_000  # files that are worth starting processes for


@dataclass(frozen=True, slots=True)
class WatchResult:
    """What became of one file: the tests and blobs of its recordings, and whether a known request has a new answer."""

    name: str
    outcome: Outcome
    tests: tuple[str | None, ...] = ()
    blobs: tuple[BlobName, ...] = ()
    has_new_answer: bool = False
    secrets: tuple[Secret, ...] = ()
    problem: RecstoreError | None = None
    digest: str = ""  # of the bytes, "" where they could not be read


class ChangeImporter:
    """Imports files into one store as they change. Not thread-safe; other processes may write the store meanwhile.

    With `mirror`, recordings whose files are removed are removed as well. With `consume`, files are deleted once they
    are imported: a new one of the same name replaces only what it answers again, and no blob is removed, which is left
    to `gc`, that saves a copy. `version` is recstore's: another one may read files differently. `config_digest` changes
    when the same files would be read differently; `tracker` knows the store's manifests.
    """

    def __init__(
        self, store: Store, options: ImportOptions, *, mirror: bool = False, consume: bool = False, version: str = ""
    ) -> None:
        self.store = store
        self.mirror = mirror
        self.consume = consume
        self.config_digest = Digest.of(repr((version, options.upstreams)).encode())
        self.tracker = ManifestTracker(store)
        self._options = options
        self._scaffold = store.directory.path(".gitattributes")
        self._had_scaffold = self._scaffold.is_file()

    def import_files(self, files: list[SourceFile], removed: Collection[str] = ()) -> list[WatchResult]:
        """Import the files, forget those of the names `removed`, and return what became of each.

        After: durable; a blob that nothing names any more because of it is removed; so that the store is what an
        import of these files into an empty one would give. A crash in between leaves a store that verifies.
        Raises: NotInStore: the store is gone. Locked, Damage, ManifestConflict, NewerVersion: of the store; nothing was
        published. RecstoreError: it cannot be written.
        """
        self.ensure_store()
        workers = self._options.workers if len(files) >= _PARALLEL_FROM else 1
        results = list(read_files(self.store, files, replace(self._options, workers=workers)))
        sound = [result for result in results if result.problem is None]
        incoming = [entry for result in sound for entry in result.entries]
        self.store.directory.also_flush(entry.blob.path for _, entry in incoming)
        self.store.directory.flush()
        names = {result.name for result in sound} | set(removed)
        asked = {(test_id, entry.blob.key) for test_id, entry in incoming}
        with self.store.locked():
            ensure_blobs(self.store, files, sound, self._options)
            self.tracker.refresh()
            before = self.tracker.entries_of(names)
            for entries in before.values() if self.consume else ():  # only what is answered again is replaced
                entries[:] = [each for each in entries if (each.test_id, each.entry.blob.key) in asked]
            affected, gone = self.tracker.affected(names, incoming), set() if self.consume else names
            plan = plan_import(affected, incoming, gone, by_request=self.consume)
            if plan.published or plan.withdrawn:
                apply_plan(self.store, plan, remove_blobs=False)
                self.tracker.refresh(is_own=True)
                for blob in () if self.consume else self.tracker.unreferenced(plan.unreferenced):
                    self.store.directory.remove(blob.path)
        return [
            *(_watch_result(result, before.get(result.name, [])) for result in results),
            *(WatchResult(name, "removed", _tests(before[name])) for name in removed if before[name]),
        ]

    def ensure_store(self) -> None:
        """Raise NotInStore unless the store is where it was: a branch may have none, and none is made there."""
        if self._had_scaffold and not self._scaffold.is_file():
            raise NotInStore(str(self.store.directory.root), "is gone", "Switch back to a branch that has it.")

    def is_stored(self, result: WatchResult) -> bool:
        """Return whether each recording of the file is there and named by a manifest, which a change of branch can undo.

        Raises: Damage: one is not as it was.
        """
        manifests = [self.store.manifest(test_id) for test_id in result.tests if test_id is not None]
        named = {blob for manifest in manifests if manifest is not None for blob in manifest.blobs}
        try:
            for blob in result.blobs:
                self.store.read_blob(blob)
        except NotInStore:
            return False
        return all(blob in named or self.store.shared_manifest(blob) is not None for blob in result.blobs)


def _watch_result(result: FileResult, before: list[TestEntry]) -> WatchResult:
    if result.problem is not None:
        return WatchResult(result.name, "bad", problem=result.problem, digest=result.digest)
    if not result.entries:
        outcome: Outcome = "removed" if before else "none"
        return WatchResult(result.name, outcome, _tests(before), digest=result.digest)
    blobs = tuple(entry.blob for _, entry in result.entries)
    old = [entry.blob for _, entry in before]
    outcome = "new" if not old else "unchanged" if sorted(old) == sorted(blobs) else "changed"
    has_new_answer = not {blob.key for blob in old}.isdisjoint(blob.key for blob in {*blobs} - {*old})
    tests = _tests(result.entries)
    return WatchResult(result.name, outcome, tests, blobs, has_new_answer, result.secrets, digest=result.digest)


def _tests(entries: Iterable[TestEntry]) -> tuple[str | None, ...]:
    return tuple(dict.fromkeys(test_id for test_id, _ in entries))
