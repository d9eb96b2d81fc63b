"""From what is there to a plan: what no root needs goes, and only what is kept elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from recstore.errors import GitError
from recstore.gc.judging import Judgement, Shrunk, judge
from recstore.gc.plan import IN_TRASH, GcOptions, Kept, Plan, Removal
from recstore.gc.roots import Rooted, roots_of
from recstore.gc.survey import Survey, survey
from recstore.git.history import committed_copies
from recstore.git.manifests import ManifestReader
from recstore.git.objects import blob_id
from recstore.git.repository import IndexEntry, Repository
from recstore.git.state import operation
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.paths import MANIFEST_FOLDERS


def plan_gc(store: Store, repository: Repository, options: GcOptions | None = None) -> Plan:
    """Return what gc would do. Nothing is changed.

    Raises: GitError: something is under way and `is_forced` is not set; or a root cannot be read.
    ManifestConflict, NewerVersion, DamagedManifest: a root has a manifest that cannot be relied on.
    """
    options = options or GcOptions()
    _refuse_operation(repository, options)
    reader = ManifestReader(repository.objects)
    seen = survey(store, repository, reader)
    judgement = judge(store, repository, seen, reader, options)
    return _Planning(store, repository, options, seen, judgement, reader).plan()


def _refuse_operation(repository: Repository, options: GcOptions) -> None:
    under_way = None if options.is_forced else operation(repository)
    if under_way:
        raise GitError(
            "gc",
            f"{under_way} is under way in this work tree",
            "Finish it first, or use --force: what it needs is kept.",
        )


@dataclass(frozen=True, slots=True)
class _Planning:
    store: Store
    repository: Repository
    options: GcOptions
    seen: Survey
    judgement: Judgement
    reader: ManifestReader

    def plan(self) -> Plan:
        """Return the plan."""
        own = self._needed_here()
        protectors = self._protectors(own)
        unneeded, damage = self._unneeded_blobs(own, protectors)
        removals = {**self._gone_manifests(), **self._shrinking_manifests(), **unneeded}
        copies = committed_copies(self.repository, {row.path: row.objects for row in removals.values()})
        kept = [
            Kept(blob.path, len(self.store.directory.read(blob.path) or b""), protectors[blob])
            for blob in self.seen.blobs & protectors.keys()
        ]
        return Plan(
            options=self.options,
            removals=tuple(_with_keeper(removals[path], copies) for path in sorted(removals)),
            kept=tuple(sorted(kept, key=lambda row: row.path)),
            unserved=tuple(shrunk.unserved for _, shrunk in sorted(self.judgement.shrunk.items())),
            offers=self.judgement.offers,
            notes=(*self.judgement.notes, *damage),
            blobs=len(self.seen.blobs),
        )

    # -- manifests

    def _gone_manifests(self) -> dict[str, Removal]:
        """Return path -> removal of each manifest whose test is gone."""
        gone, gone_staged = self.judgement.gone, self.judgement.gone_staged
        here = {path: file for path, file in self.seen.manifests.items() if path in gone}
        staged = {path: oid for path, oid in self.seen.staged().items() if path in gone_staged}
        return {
            path: Removal(
                path=path,
                size_bytes=len(here[path].data) if path in here else 0,
                reason=gone_staged.get(path) or gone[path],
                oid=here[path].oid if path in here else "",
                staged_oid=staged.get(path, ""),
            )
            for path in {*here, *staged}
        }

    def _shrinking_manifests(self) -> dict[str, Removal]:
        """Return path -> removal of each manifest that loses entries; one that loses all of them goes."""
        rows = {}
        for path, shrunk in self._shrinking().items():
            here = self.seen.manifests[path]
            left = shrunk.manifest if shrunk.manifest.entries else None
            staged_oid = self._staged_if_same(path, here.oid)
            rows[path] = Removal(path, len(here.data), _UNSERVED, IN_TRASH, here.oid, staged_oid, left)
        return rows

    def _shrinking(self) -> Mapping[str, Shrunk]:
        return self.judgement.shrunk if self.options.removes_unserved else {}

    def _staged_if_same(self, path: str, oid: str) -> str:
        """Return the id of what the index has at `path`, if gc stages what it does and the work tree has the same."""
        return oid if self.options.is_staged and self.seen.staged().get(path) == oid else ""

    # -- blobs

    def _needed_here(self) -> set[BlobName]:
        """Return the blobs that manifests of the work tree name, as they will be."""
        shrinking = self._shrinking()
        needed: set[BlobName] = set()
        for path, file in self.seen.manifests.items():
            if path in shrinking:
                needed.update(entry.blob for entry in shrinking[path].manifest.entries)
            elif path not in self.judgement.gone:
                needed |= file.facts.blobs
        return needed

    def _protectors(self, own: set[BlobName]) -> dict[BlobName, str]:
        """Return blob -> the first root of Git's that needs it."""
        roots = list(roots_of(Rooted(self.repository, self.options.tips_since_s, self._index_to_be())))
        wanted = {oid for root in roots for oid in root.manifests.values() if not self.reader.is_known(oid)}
        self.repository.fetch(wanted)
        found: dict[BlobName, str] = {}
        for root in roots:
            for path, oid in root.manifests.items():
                for blob in self.reader.of_object(oid, f"{root.name}, {FOLDER}/{path}").blobs - own:
                    found.setdefault(blob, root.name)
        return found

    def _index_to_be(self) -> tuple[IndexEntry, ...]:
        """Return the index without the manifests that the plan takes out of it."""
        leaving = self._leaving_staged() if self.options.is_staged else self._leaving_unstaged()
        return tuple(entry for entry in self.seen.index if entry.stage or entry.path not in leaving)

    def _leaving_staged(self) -> set[str]:
        shrinking = {path for path in self._shrinking() if self._staged_if_same(path, self.seen.manifests[path].oid)}
        return shrinking | set(self.judgement.gone_staged)

    def _leaving_unstaged(self) -> set[str]:
        """Return the manifests that go from the work tree and are in the index as HEAD has them.

        Such an entry is no root, though the index is left alone: nothing was staged there, and whoever checks it
        out again gets its blobs with it.
        """
        dropped = {*self.judgement.gone, *self._shrinking()}
        head = self.repository.head if dropped else None
        committed = self.repository.store_files(head, *MANIFEST_FOLDERS) if head else {}
        return {path for path, oid in self.seen.staged().items() if path in dropped and committed.get(path) == oid}

    def _unneeded_blobs(
        self, own: set[BlobName], protectors: Mapping[BlobName, str]
    ) -> tuple[dict[str, Removal], list[str]]:
        """Return path -> removal of each blob that nothing needs, and a word about those that stay for `verify`."""
        rows, damaged = {}, []
        staged = self._staged_blobs() if self.options.is_staged else {}
        for blob in sorted({*self.seen.blobs, *staged} - own - protectors.keys()):
            path = blob.path
            data = self.store.directory.read(path) if blob in self.seen.blobs else None
            if data is not None and not blob.fits(data):
                damaged.append(f"{FOLDER}/{path} is damaged and stays: `recstore verify --repair` moves it away")
                continue
            oid = blob_id(data, self.repository.objects.id_length) if data is not None else ""
            row = Removal(path, len(data or b""), _UNNEEDED, IN_TRASH, oid, staged.get(blob, ""))
            if row.objects:
                rows[path] = row
        return rows, damaged

    def _staged_blobs(self) -> dict[BlobName, str]:
        found = {}
        for path, oid in self.seen.staged().items():
            name = BlobName.from_path(path)
            if name is not None and path == name.path:
                found[name] = oid
        return found


_UNNEEDED: Final = "nothing names it any more"
_UNSERVED: Final = "the last complete passing run had no use for it"


def _with_keeper(row: Removal, copies: Mapping[tuple[str, str], str]) -> Removal:
    """Return the row with a commit as its keeper, if commits have all that it removes."""
    places = [copies.get((row.path, oid)) for oid in sorted(row.objects)]
    return replace(row, keeper=places[0]) if places[0] and all(places) else row
