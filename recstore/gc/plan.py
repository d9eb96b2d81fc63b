"""What gc would do, as a value, and how it is decided: `plan_gc` from its first question to its answer.

A manifest goes if its test is gone; a blob, if no manifest names it: of the work tree, or of any root that Git has
(`roots`). Each row says why the file may go and where its bytes stay. `execute` carries a plan out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from recstore.errors import GitError
from recstore.gc.roots import needed_blobs, read_manifest, roots_of
from recstore.gc.test_presence import Presence, judge_tests, suggest_renames
from recstore.git.history import committed_copies
from recstore.git.objects import INTENT_TO_ADD_IDS, blob_id
from recstore.git.repository import Repository, operation_in_progress
from recstore.git.trees import IndexTree, WorkTree
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER, Store
from recstore.store.manifest import MANIFEST_FOLDERS, parse_manifest
from recstore.store.usage import read_usage, unused_entries

IN_TRASH: Final = "the trash"
"""Where the bytes stay of what no commit has."""


@dataclass(frozen=True, slots=True)
class GcOptions:
    """How gc goes about it.

    `is_staged`: judge by what Git is about to commit, and stage what is removed. `removes_unused`: also entries that the
    last complete passing run did not use. `is_forced`: even while a merge or the like is in progress. `tips_since_s`:
    leave out branches whose last commit is older (seconds since the epoch).
    """

    is_staged: bool = False
    removes_unused: bool = False
    is_forced: bool = False
    tips_since_s: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """A file that goes, or a manifest that loses entries, of which `left` remains.

    It goes from the work tree where `oid` says what is there, from the index where `staged_oid` does. `keeper` is where its
    bytes stay: `commit 1a2b3c4d5e6f`, or `IN_TRASH`.
    """

    path: str
    size_bytes: int
    reason: str
    keeper: str = IN_TRASH
    oid: str = ""
    staged_oid: str = ""
    left: Manifest | None = None


@dataclass(frozen=True, slots=True)
class ProtectedBlob:
    """A blob that the work tree itself would not need, and the root that needs it: `stash@{0}: WIP on main`."""

    path: str
    size_bytes: int
    needed_by: str


@dataclass(frozen=True, slots=True)
class UnusedEntries:
    """How many entries of a test the last complete passing run of it did not use, of how many."""

    test_id: str
    unused: int
    entries: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that gc would do and say; `renames` are (old, new), `notes` say of which tests nothing could be concluded.

    `candidates` are the paths of all manifests that seemed to be stale or to have unused entries; `manifests` is object id
    -> manifest, of all that were read.
    """

    options: GcOptions
    removals: tuple[Removal, ...] = ()
    protected: tuple[ProtectedBlob, ...] = ()
    unused: tuple[UnusedEntries, ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    blobs: int = 0
    candidates: frozenset[str] = field(default=frozenset(), repr=False)
    manifests: dict[str, Manifest] = field(default_factory=dict, repr=False, compare=False)


def plan_gc(
    store: Store, repository: Repository, options: GcOptions | None = None, earlier: Plan | None = None
) -> Plan:
    """Return what gc would do. Nothing is changed.

    With an `earlier` plan, only the manifests that it would remove or shrink are judged again; all others stay.

    Raises: GitError: something is in progress and `is_forced` is not set; or a root cannot be read.
    ManifestConflict, NewerVersion, DamagedManifest: a root has a manifest that cannot be relied on.
    """
    options = options or GcOptions()
    in_progress = None if options.is_forced else operation_in_progress(repository)
    if in_progress:
        remedy = "Finish it first, or use --force: what it needs is kept."
        raise GitError("gc", f"{in_progress} is under way in this work tree", remedy)
    return _Planner(store, repository, options, earlier).plan()


class _Planner:
    """The state before anything is decided; then one decision after the other."""

    def __init__(self, store: Store, repository: Repository, options: GcOptions, earlier: Plan | None) -> None:
        self.store, self.repository, self.options = store, repository, options
        self.earlier_candidates = earlier.candidates if earlier is not None else None
        self.known = earlier.manifests if earlier is not None else {}
        # Blobs are listed before manifests: of a recording that is published meanwhile, the manifest counts.
        self.blobs = frozenset(store.blobs())
        self.texts: dict[str, bytes] = {}
        self.manifests: dict[str, Manifest] = {}
        for path in store.manifest_paths():
            data = store.directory.read(path)
            if data is not None:  # it was not removed since the folder was listed
                oid = self._oid(data)
                if oid not in self.known:
                    self.known[oid] = parse_manifest(data, f"{FOLDER}/{path}")
                self.texts[path], self.manifests[path] = data, self.known[oid]
        self.index = repository.index()
        staged = (entry for entry in self.index if not entry.stage and entry.oid not in INTENT_TO_ADD_IDS)
        self.staged = {entry.path: entry.oid for entry in staged}
        self.candidates: set[str] = set()
        self.renames: tuple[tuple[str, str], ...] = ()
        self.notes: list[str] = []

    def plan(self) -> Plan:
        """Return the plan."""
        rows = self._stale_manifests()
        unused = self._unused_entries(rows)
        left = {path: row.left for path, row in rows.items() if row.oid}
        remaining = ({**self.manifests, **left}).values()
        needed = {blob for manifest in remaining if manifest is not None for blob in manifest.blobs}
        if self.options.is_staged:
            leaving = {path for path, row in rows.items() if row.staged_oid}
        else:  # the index stays; but an entry that is as HEAD has it is not a root: whoever checks it out gets its blobs
            leaving = {path for path in rows if path in self.staged and self.committed.get(path) == self.staged[path]}
        index = [entry for entry in self.index if entry.stage or entry.path not in leaving]
        roots = roots_of(self.repository, index, self.options.tips_since_s)
        protected = needed_blobs(self.repository, roots, self.known, needed)
        rows |= self._unneeded_blobs({*needed, *protected})
        objects = {path: frozenset(filter(None, (row.oid, row.staged_oid))) for path, row in rows.items()}
        copies = committed_copies(self.repository, objects)
        for path, row in rows.items():
            keepers = [copies.get((path, oid)) for oid in sorted(objects[path])]
            if keepers[0] and all(keepers):
                rows[path] = replace(row, keeper=keepers[0])
        return Plan(
            options=self.options,
            removals=tuple(rows[path] for path in sorted(rows)),
            protected=tuple(
                ProtectedBlob(blob.path, len(self.store.directory.read(blob.path) or b""), protected[blob])
                for blob in sorted(self.blobs & protected.keys())
            ),
            unused=unused,
            renames=self.renames,
            notes=tuple(self.notes),
            blobs=len(self.blobs),
            candidates=frozenset(self.candidates),
            manifests=self.known,
        )

    def _stale_manifests(self) -> dict[str, Removal]:
        """Return path -> removal of each manifest whose test is absent.

        With `is_staged` the index decides about what is in the index, and a manifest leaves the work tree only if its test
        is absent from there as well: an edit that is not part of the commit keeps its recordings.
        """
        present = {path: manifest.test_id for path, manifest in self.manifests.items() if manifest.test_id is not None}
        work_tree = WorkTree(self.store, self.repository)
        tree = IndexTree(self.repository) if self.options.is_staged else work_tree
        recorded = present
        if self.options.is_staged:
            # Those in HEAD and the work tree count too: a run that was stopped took them out of the index.
            recorded = {path: test_id for path, test_id in present.items() if path in self.committed}
            for path, oid in self.staged.items():
                if path.startswith("tests/"):
                    manifest = read_manifest(self.repository, oid, f"Git's index, {FOLDER}/{path}", self.known)
                    if manifest.test_id is not None:
                        recorded[path] = manifest.test_id
        judged = {path: test_id for path, test_id in recorded.items() if self._is_candidate(path)}
        verdicts = judge_tests(tree, set(judged.values()))
        self.notes = sorted({reason for presence, reason in verdicts.values() if presence is Presence.UNKNOWN})
        absent = {path: test_id for path, test_id in judged.items() if verdicts[test_id][0] is Presence.ABSENT}
        self.candidates.update(absent)
        self.renames = suggest_renames(tree, set(absent.values()), set(recorded.values()))
        renamed = {old for old, _ in self.renames}
        names = {
            path: {test_id, test_id.partition("[")[0], test_id.partition("::")[0]} for path, test_id in absent.items()
        }
        stale = {path: test_id for path, test_id in absent.items() if not names[path] & renamed}
        in_work_tree = verdicts
        if self.options.is_staged:
            in_work_tree = judge_tests(work_tree, {present[path] for path in stale if path in present})
        rows = {}
        for path, test_id in stale.items():
            is_absent = path in present and in_work_tree[present[path]][0] is Presence.ABSENT
            oid = self._oid(self.texts[path]) if is_absent else ""
            staged_oid = self.staged.get(path, "") if self.options.is_staged else ""
            if oid or staged_oid:
                size_bytes = len(self.texts[path]) if oid else 0
                rows[path] = Removal(path, size_bytes, verdicts[test_id][1], oid=oid, staged_oid=staged_oid)
        return rows

    def _unused_entries(self, rows: dict[str, Removal]) -> tuple[UnusedEntries, ...]:
        """Return the entries that no complete run used; with `removes_unused` their removals are added to `rows`."""
        files = {manifest.test_id.partition("::")[0] for manifest in self.manifests.values() if manifest.test_id}
        usages = {file: read_usage(self.store.local, file) for file in files}
        counts = []
        for path, manifest in sorted(self.manifests.items()):
            test_id, is_stale = manifest.test_id or "", path in rows and bool(rows[path].oid)
            usage = {} if is_stale or not self._is_candidate(path) else usages.get(test_id.partition("::")[0], {})
            unused = set(unused_entries(manifest, usage))
            if unused:
                left = tuple(entry for entry in manifest.entries if entry not in unused)
                counts.append(UnusedEntries(test_id, len(manifest.entries) - len(left), len(manifest.entries)))
                self.candidates.add(path)
                if self.options.removes_unused:
                    oid = self._oid(self.texts[path])
                    staged_oid = oid if self.options.is_staged and self.staged.get(path) == oid else ""
                    remainder = Manifest(manifest.test_id, left) if left else None
                    size_bytes, reason = len(self.texts[path]), "the last complete passing run had no use for it"
                    rows[path] = Removal(path, size_bytes, reason, oid=oid, staged_oid=staged_oid, left=remainder)
        return tuple(counts)

    def _unneeded_blobs(self, needed: set[BlobName]) -> dict[str, Removal]:
        """Return path -> removal of each blob that nothing needs; one that is damaged stays, with a note."""
        rows = {}
        names = {path: BlobName.from_path(path) for path in (self.staged if self.options.is_staged else ())}
        staged = {name: self.staged[path] for path, name in names.items() if name is not None and path == name.path}
        for blob in sorted({*self.blobs, *staged} - needed):
            data = self.store.directory.read(blob.path) if blob in self.blobs else None
            if data is not None and not blob.fits(data):
                self.notes.append(
                    f"{FOLDER}/{blob.path} is damaged and stays: `recstore verify --repair` moves it away"
                )
            elif data is not None or blob in staged:
                oid = self._oid(data) if data is not None else ""
                staged_oid = staged.get(blob, "")
                rows[blob.path] = Removal(
                    blob.path, len(data or b""), "nothing names it any more", oid=oid, staged_oid=staged_oid
                )
        return rows

    @cached_property
    def committed(self) -> dict[str, str]:
        """Path -> object id of each manifest that HEAD has."""
        head = self.repository.head
        return self.repository.store_files(head, *MANIFEST_FOLDERS) if head else {}

    def _is_candidate(self, path: str) -> bool:
        return self.earlier_candidates is None or path in self.earlier_candidates

    def _oid(self, data: bytes) -> str:
        return blob_id(data, self.repository.objects.id_length)
