"""What gc would do, as a value, and how it is decided: `plan_gc` from its first question to its answer.

A manifest goes if its test is gone, and loses the entries that the last complete run did not use if that is asked for. A blob
goes if no manifest names it: of the work tree, or of any root that Git has (`roots`). Each row says why the file may
go and where its bytes stay. Nothing here changes anything; `execute` carries a plan out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from recstore.errors import GitError
from recstore.gc.roots import needed_blobs, read_manifest, roots_of
from recstore.gc.test_presence import judge_tests, suggest_renames
from recstore.gc.test_scan import Presence
from recstore.git.history import committed_copies
from recstore.git.objects import INTENT_TO_ADD_IDS, blob_id
from recstore.git.repository import IndexEntry, Repository, operation_in_progress
from recstore.git.trees import IndexTree, WorkTree
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER, Store
from recstore.store.manifest import MANIFEST_FOLDERS, format_manifest, parse_manifest
from recstore.store.usage import read_usage, unused_entries

IN_TRASH: Final = "the trash"
"""Where the bytes stay of what no commit has."""

_UNNEEDED: Final = "nothing names it any more"
_UNUSED: Final = "the last complete passing run had no use for it"


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

    @property
    def objects(self) -> frozenset[str]:
        """The object ids of what goes."""
        return frozenset(filter(None, (self.oid, self.staged_oid)))

    @property
    def freed_bytes(self) -> int:
        """How much smaller the checkout is without it."""
        return self.size_bytes - (len(format_manifest(self.left)) if self.left is not None else 0)


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
    """Everything that gc would do and say.

    `renames` are (old, new) of tests that seem to be renamed; `notes` say of which tests nothing could be concluded.
    `candidates` are the paths of all manifests that seemed to be stale or to have unused entries; `manifests` is object id
    -> manifest, of all that were read. A plan that is made again needs no more than them.
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
    """What there is before anything is decided; then one decision after the other."""

    def __init__(self, store: Store, repository: Repository, options: GcOptions, earlier: Plan | None) -> None:
        self.store, self.repository, self.options = store, repository, options
        self.candidates = earlier.candidates if earlier is not None else None
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
        self.absent: set[str] = set()
        self.stale: dict[str, str] = {}
        self.stale_staged: dict[str, str] = {}
        self.trimmed: dict[str, Manifest] = {}
        self.unused: dict[str, UnusedEntries] = {}
        self.renames: tuple[tuple[str, str], ...] = ()
        self.notes: list[str] = []

    def plan(self) -> Plan:
        """Return the plan."""
        self._judge_tests()
        self._judge_entries()
        rows = self._manifest_rows()
        needed: set[BlobName] = set()
        for path, manifest in self.manifests.items():
            left = rows[path].left if path in rows and rows[path].oid else manifest
            needed |= left.blobs if left is not None else set()
        roots = roots_of(self.repository, self._remaining_index(rows), self.options.tips_since_s)
        protected = needed_blobs(self.repository, roots, self.known, needed)
        rows |= self._blob_rows({*needed, *protected})
        copies = committed_copies(self.repository, {row.path: row.objects for row in rows.values()})
        return Plan(
            options=self.options,
            removals=tuple(_with_keeper(rows[path], copies) for path in sorted(rows)),
            protected=tuple(
                ProtectedBlob(blob.path, len(self.store.directory.read(blob.path) or b""), protected[blob])
                for blob in sorted(self.blobs & protected.keys())
            ),
            unused=tuple(unused for _, unused in sorted(self.unused.items())),
            renames=self.renames,
            notes=tuple(self.notes),
            blobs=len(self.blobs),
            candidates=frozenset({*self.absent, *self.trimmed}),
            manifests=self.known,
        )

    def _judge_tests(self) -> None:
        """Find the manifests whose tests are absent.

        With `is_staged` the index decides about what is in the index, and a manifest leaves the work tree only if its test
        is absent from there as well: an edit that is not part of the commit keeps its recordings.
        """
        present = {path: manifest.test_id for path, manifest in self.manifests.items() if manifest.test_id is not None}
        work_tree = WorkTree(self.store, self.repository)
        tree = IndexTree(self.repository) if self.options.is_staged else work_tree
        recorded = self._staged_tests(present) if self.options.is_staged else present
        judged = {path: test_id for path, test_id in recorded.items() if self._is_candidate(path)}
        verdicts = judge_tests(tree, set(judged.values()))
        self.notes = sorted({reason for presence, reason in verdicts.values() if presence is Presence.UNKNOWN})
        absent = {path: test_id for path, test_id in judged.items() if verdicts[test_id][0] is Presence.ABSENT}
        self.absent = set(absent)
        self.renames = suggest_renames(tree, set(absent.values()), set(recorded.values()))
        renamed = {old for old, _ in self.renames}
        stale = {
            path: verdicts[test_id][1]
            for path, test_id in absent.items()
            if not {test_id, test_id.partition("[")[0], test_id.partition("::")[0]} & renamed
        }
        if not self.options.is_staged:
            self.stale = stale
            return
        self.stale_staged = stale
        verdicts = judge_tests(work_tree, {present[path] for path in stale if path in present})
        for path in stale:
            if path in present and verdicts[present[path]][0] is Presence.ABSENT:
                self.stale[path] = verdicts[present[path]][1]

    def _staged_tests(self, present: Mapping[str, str]) -> dict[str, str]:
        """Return path -> test of the manifests in the index, and of those that a run which was stopped took out of it.

        The latter are in the work tree and in HEAD.
        """
        tests = {}
        for path, oid in self.staged.items():
            if path.startswith("tests/"):
                manifest = read_manifest(self.repository, oid, f"Git's index, {FOLDER}/{path}", self.known)
                if manifest.test_id is not None:
                    tests[path] = manifest.test_id
        missing = {path: test_id for path, test_id in present.items() if path not in tests}
        committed = self._committed("tests") if missing else {}
        return {**tests, **{path: test_id for path, test_id in missing.items() if path in committed}}

    def _judge_entries(self) -> None:
        """Find the entries that no complete run used, and what their manifests are without them."""
        files = {manifest.test_id.partition("::")[0] for manifest in self.manifests.values() if manifest.test_id}
        usages = {file: usage for file in files if (usage := read_usage(self.store.local, file)) is not None}
        for path, manifest in self.manifests.items() if usages else ():
            usage = usages.get((manifest.test_id or "").partition("::")[0])
            if usage is not None and path not in self.stale and self._is_candidate(path):
                unused = set(unused_entries(manifest, self.texts[path], usage))
                if unused:
                    left = tuple(entry for entry in manifest.entries if entry not in unused)
                    self.trimmed[path] = Manifest(manifest.test_id, left)
                    count = len(manifest.entries)
                    self.unused[path] = UnusedEntries(manifest.test_id or "", count - len(left), count)

    def _manifest_rows(self) -> dict[str, Removal]:
        rows = {}
        for path in {*self.stale, *self.stale_staged}:
            reason = self.stale_staged.get(path) or self.stale[path]
            oid = self._oid(self.texts[path]) if path in self.stale else ""
            staged_oid = self.staged.get(path, "") if path in self.stale_staged else ""
            if oid or staged_oid:
                size_bytes = len(self.texts[path]) if oid else 0
                rows[path] = Removal(path, size_bytes, reason, oid=oid, staged_oid=staged_oid)
        for path, left in self.trimmed.items() if self.options.removes_unused else ():
            oid = self._oid(self.texts[path])
            staged_oid = oid if self.options.is_staged and self.staged.get(path) == oid else ""
            remainder = left if left.entries else None
            rows[path] = Removal(path, len(self.texts[path]), _UNUSED, oid=oid, staged_oid=staged_oid, left=remainder)
        return rows

    def _remaining_index(self, rows: Mapping[str, Removal]) -> tuple[IndexEntry, ...]:
        """Return the index without the manifests that protect nothing any more.

        With `is_staged` those are what gc takes out of it. Without, the index is left alone; but an entry that is as HEAD has
        it is not a root: nothing was staged there, and whoever checks it out again gets its blobs with it.
        """
        if self.options.is_staged:
            leaving = {path for path, row in rows.items() if row.staged_oid}
        else:
            committed = self._committed(*MANIFEST_FOLDERS) if rows else {}
            leaving = {path for path in rows if path in self.staged and committed.get(path) == self.staged[path]}
        return tuple(entry for entry in self.index if entry.stage or entry.path not in leaving)

    def _blob_rows(self, needed: set[BlobName]) -> dict[str, Removal]:
        """Return path -> removal of each blob that nothing needs; one that is damaged stays, with a note."""
        rows = {}
        staged = {}
        for path, oid in self.staged.items() if self.options.is_staged else ():
            name = BlobName.from_path(path)
            if name is not None and path == name.path:
                staged[name] = oid
        for blob in sorted({*self.blobs, *staged} - needed):
            data = self.store.directory.read(blob.path) if blob in self.blobs else None
            if data is not None and not blob.fits(data):
                remedy = "`recstore verify --repair` moves it away"
                self.notes.append(f"{FOLDER}/{blob.path} is damaged and stays: {remedy}")
                continue
            oid = self._oid(data) if data is not None else ""
            if oid or blob in staged:
                size_bytes = len(data or b"")
                rows[blob.path] = Removal(blob.path, size_bytes, _UNNEEDED, oid=oid, staged_oid=staged.get(blob, ""))
        return rows

    def _is_candidate(self, path: str) -> bool:
        return self.candidates is None or path in self.candidates

    def _oid(self, data: bytes) -> str:
        return blob_id(data, self.repository.objects.id_length)

    def _committed(self, *folders: str) -> dict[str, str]:
        head = self.repository.head
        return self.repository.store_files(head, *folders) if head else {}


def _with_keeper(row: Removal, copies: Mapping[tuple[str, str], str]) -> Removal:
    """Return the row with a commit as its keeper, if commits have all that it removes."""
    locations = [copies.get((row.path, oid)) for oid in sorted(row.objects)]
    return replace(row, keeper=locations[0]) if locations[0] and all(locations) else row
