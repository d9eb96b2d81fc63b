"""A few files of a source into the store: what `import` would make of them, in place of what was there of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from recstore.errors import NotInStore, RecstoreError
from recstore.importers import TestEntry
from recstore.importers.known_manifests import KnownManifests, Recorded
from recstore.importers.run import FileResult, ImportOptions, apply_plan, ensure_blobs, plan_import, read_files
from recstore.importers.scan import SourceFile
from recstore.model import BlobName, Digest, RequestKey
from recstore.secrets.scan import Secret
from recstore.store import Store

Outcome: TypeAlias = Literal["new", "changed", "unchanged", "removed", "bad", "none", "recorded", "consumed"]
"""What became of a file; `none`: there is no recording in it; `recorded`: another process has stored something; `consumed`:
its recordings are safe, and it has gone."""


_MANY: Final = 1_000
"""So many files are worth starting processes for."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of one file: the tests and blobs of its recordings, and whether an old question has a new answer."""

    name: str
    outcome: Outcome
    tests: tuple[str | None, ...] = ()
    blobs: tuple[BlobName, ...] = ()
    has_new_answer: bool = False
    secrets: tuple[Secret, ...] = ()
    problem: RecstoreError | None = None
    digest: str = ""


class Follower:
    """Brings files into one store as they change. Not thread-safe; other processes may write the store meanwhile.

    `keeps`: the files are gone once they are followed, so that a new one of the same name takes nothing away but what
    it answers anew, and no blob is removed: that is for `gc`, which keeps a copy. `version`: another one may read files
    in another way.
    """

    def __init__(self, store: Store, options: ImportOptions, *, keeps: bool = False, version: str = "") -> None:
        self.store = store
        self._options = options
        self.keeps = keeps
        self._version = version
        self._mark = store.directory.path(".gitattributes")
        self._had_mark = self._mark.is_file()
        self._known = KnownManifests(store)
        self._by_others: list[Recorded] = []

    @property
    def reading(self) -> str:
        """What is another where the same files would be read in another way."""
        return Digest.of(repr((self._version, self._options.upstreams)).encode())

    def follow(self, files: list[SourceFile], gone: Collection[str] = ()) -> list[Followed]:
        """Import the files, forget those that are `gone`, and return what became of each.

        After: durable; a blob that nothing names any more because of it is removed; so that the store is what an
        import of these files into a fresh one would give. A crash in between leaves a store that verifies.
        Raises: NotInStore: the store is gone. Locked, Damage, ManifestConflict, NewerVersion: of the store; nothing was
        published. RecstoreError: it cannot be written.
        """
        self.ensure_store()
        workers = self._options.workers if len(files) >= _MANY else 1
        results = list(read_files(self.store, files, replace(self._options, workers=workers)))
        sound = [result for result in results if result.problem is None]
        imported = [entry for result in sound for entry in result.entries]
        directory = self.store.directory
        directory.also_flush(entry.blob.path for _, entry in imported)
        directory.flush()
        names = {result.name for result in sound} | set(gone)
        with self.store.locked():
            ensure_blobs(self.store, files, sound, self._options)
            self._known.look()
            self._by_others += self._known.recorded()
            asked = {(test_id, entry.blob.key) for test_id, entry in imported}
            before = {name: self._places(name, asked) for name in names}
            self._publish(names, imported)
            self._known.recorded()
        return [
            *(_followed(result, before.get(result.name, [])) for result in results),
            *(Followed(name, "removed", _tests(before[name])) for name in gone if before[name]),
        ]

    def ensure_store(self) -> None:
        """Raise NotInStore unless the store is where it was: a branch may have none, and none is to be begun there."""
        if self._had_mark and not self._mark.is_file():
            raise NotInStore(str(self.store.directory.root), "is gone", "Switch back to a branch that has it.")

    def recorded(self) -> list[Followed]:
        """Return what other processes have stored since this was last asked: for each test, the blobs that are new to it."""
        self._known.look()
        found, self._by_others = [*self._by_others, *self._known.recorded()], []
        return [
            Followed(one.test_id or "(outside any test)", "recorded", (one.test_id,), one.blobs, one.has_new_answer)
            for one in found
        ]

    def state(self) -> str:
        """Return what is another once the store's manifests are, without reading them; "" if that cannot be told now."""
        return self._known.state()

    def names(self) -> Collection[str]:
        """Return the names of all files that the store has recordings of."""
        self._known.look(thorough=True)
        return self._known.paths()

    def _places(self, name: str, asked: Collection[tuple[str | None, RequestKey]]) -> list[TestEntry]:
        """Return what is recorded of the file; where that is kept, only what is answered anew."""
        places = self._known.places(name)
        return [place for place in places if not self.keeps or (place[0], place[1].blob.key) in asked]

    def _publish(self, names: set[str], imported: list[TestEntry]) -> None:
        present = self._known.concerned(names, imported)
        change = plan_import(present, imported, set() if self.keeps else names, by_request=self.keeps)
        if not (change.published or change.withdrawn):
            return
        apply_plan(self.store, change, remove_blobs=False)
        self._known.look()
        for blob in () if self.keeps else set(change.unreferenced) - self._known.named(change.unreferenced):
            self.store.directory.remove(blob.path)


def _followed(result: FileResult, before: list[TestEntry]) -> Followed:
    if result.problem is not None:
        return Followed(result.name, "bad", problem=result.problem, digest=result.digest)
    if not result.entries:
        return Followed(result.name, "removed" if before else "none", _tests(before), digest=result.digest)
    blobs = tuple(entry.blob for _, entry in result.entries)
    tests = tuple(dict.fromkeys(test_id for test_id, _ in result.entries))
    old = [entry.blob for _, entry in before]
    outcome: Outcome = "new" if not old else "unchanged" if sorted(old) == sorted(blobs) else "changed"
    return Followed(result.name, outcome, tests, blobs, _differs(old, blobs), result.secrets, digest=result.digest)


def _differs(old: Collection[BlobName], new: Collection[BlobName]) -> bool:
    """Return whether a request that was there before has another answer now."""
    answers: dict[RequestKey, set[str]] = defaultdict(set)
    for blob in old:
        answers[blob.key].add(blob.digest)
    return any(blob.key in answers and blob.digest not in answers[blob.key] for blob in new)


def _tests(places: Collection[TestEntry]) -> tuple[str | None, ...]:
    return tuple(dict.fromkeys(test_id for test_id, _ in places))
