"""Everything in Git that may still need a blob: each class of root by name, and the manifests that its roots reach.

A blob that any of these manifests names is kept. Tips of branches count with what they added or changed since
their merge base with HEAD: what both sides had and HEAD dropped, a merge drops too; what they newly name, a merge
would leave dangling. ORIG_HEAD, which stays for good after every reset, counts like a tip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from recstore.errors import GitError
from recstore.git.objects import INTENT_TO_ADD_IDS
from recstore.git.repository import (
    IndexEntry,
    Repository,
    checkouts,
    index_of,
    pending_commits,
    rebase_commits,
    stashes,
)
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER
from recstore.store.manifest import parse_manifest
from recstore.store.paths import MANIFEST_FOLDERS

Root: TypeAlias = tuple[str, Mapping[str, str]]
"""The name of a root in messages, and path -> object id of each manifest that it reaches."""

_STAGES: Final = {0: "", 1: ", common ancestor", 2: ", ours", 3: ", theirs"}


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots that Git has; the manifests of the work tree itself are files, and `plan` reads them.

    `index` are the entries of Git's index, as they will be. `tips_since_s` leaves out tips whose commit is older (seconds
    since the epoch).
    """

    repository: Repository
    index: tuple[IndexEntry, ...]
    tips_since_s: int = 0

    def needed_blobs(self, known: dict[str, Manifest], ignored: set[BlobName]) -> dict[BlobName, str]:
        """Return blob -> the name of the first root that needs it, those in `ignored` left out.

        `known` is object id -> manifest, of all that were read before; those that are read now are added.

        Raises: GitError: a root cannot be read; then nothing may be removed.
        ManifestConflict, NewerVersion, DamagedManifest: a root has a manifest that cannot be relied on.
        """
        roots = [root for find in ROOT_CLASSES.values() for root in find(self)]
        self.repository.fetch(oid for _, manifests in roots for oid in manifests.values() if oid not in known)
        needed: dict[BlobName, str] = {}
        for name, manifests in roots:
            for path, oid in manifests.items():
                manifest = read_manifest(self.repository, oid, f"{name}, {FOLDER}/{path}", known)
                for entry in manifest.entries:
                    if entry.blob not in ignored:
                        needed.setdefault(entry.blob, name)
        return needed

    def of_index(self) -> Iterator[Root]:
        """Yield one root for each stage of the index."""
        return _index_roots("Git's index", self.index)

    def of_other_indexes(self) -> Iterator[Root]:
        """Yield the same for every other work tree."""
        for checkout in checkouts(self.repository)[1:]:
            yield from _index_roots(f"the index of {checkout.title}", index_of(self.repository, checkout))

    def of_pending(self) -> Iterator[Root]:
        """Yield the commits that merges, cherry-picks, reverts and bisections are about."""
        for checkout in checkouts(self.repository):
            yield from self._commits(pending_commits(self.repository, checkout))

    def of_rebases(self) -> Iterator[Root]:
        """Yield the commits that rebases and sequences of picks are about."""
        for checkout in checkouts(self.repository):
            yield from self._commits(rebase_commits(self.repository, checkout))

    def of_other_heads(self) -> Iterator[Root]:
        """Yield the HEADs of the other work trees."""
        heads = self.repository.resolve(f"{checkout.ref_prefix}HEAD" for checkout in checkouts(self.repository)[1:])
        return self._commits({oid: name for name, oid in heads.items()})

    def of_stashes(self) -> Iterator[Root]:
        """Yield every stash: the work tree, the index and the untracked files in it."""
        return self._commits(stashes(self.repository))

    def of_original_heads(self) -> Iterator[Root]:
        """Yield the ORIG_HEAD of every work tree."""
        heads = self.repository.resolve(f"{checkout.ref_prefix}ORIG_HEAD" for checkout in checkouts(self.repository))
        return self._tips((name, oid) for name, oid in heads.items())

    def of_tips(self) -> Iterator[Root]:
        """Yield the tips of branches and of remote branches that are not merged into HEAD."""
        options = ("--no-merged=HEAD",) if self.repository.head else ()
        refs = self.repository.refs("refs/heads", "refs/remotes", options=options)
        return self._tips((ref.name, ref.oid) for ref in refs if ref.time_s >= self.tips_since_s)

    def _commits(self, commits: Mapping[str, str]) -> Iterator[Root]:
        for oid, name in commits.items():
            yield name, self.repository.store_files(oid, *MANIFEST_FOLDERS)

    def _tips(self, tips: Iterable[tuple[str, str]]) -> Iterator[Root]:
        head = self.repository.head
        seen = {head}
        for name, oid in tips:
            if oid not in seen:
                seen.add(oid)
                bases = self.repository.merge_bases(head, oid) if head else ()
                changed = self.repository.changed_store_files(bases, oid, *MANIFEST_FOLDERS)
                yield name.removeprefix("refs/").removeprefix("heads/"), changed


ROOT_CLASSES: Final[Mapping[str, Callable[[Roots], Iterator[Root]]]] = {
    "Git's index": Roots.of_index,
    "other work trees' indexes": Roots.of_other_indexes,
    "merges, picks, reverts, bisections": Roots.of_pending,
    "rebases": Roots.of_rebases,
    "other work trees' HEAD": Roots.of_other_heads,
    "stashes": Roots.of_stashes,
    "ORIG_HEAD": Roots.of_original_heads,
    "tips of branches and of remote branches": Roots.of_tips,
}


def read_manifest(repository: Repository, oid: str, subject: str, known: dict[str, Manifest]) -> Manifest:
    """Return a manifest from Git: from `known` (object id -> manifest) if it was read before.

    Raises: GitError: the object is missing or cannot be read. ManifestConflict, NewerVersion, DamagedManifest.
    """
    if oid in INTENT_TO_ADD_IDS:
        return Manifest(None, ())
    if oid not in known:
        try:
            data = repository.objects.read(oid)
        except GitError as error:
            raise GitError(subject, f"cannot be read: {error.subject} {error.reason}", error.remedy) from error
        known[oid] = parse_manifest(data, subject)
    return known[oid]


def _index_roots(name: str, entries: Iterable[IndexEntry]) -> Iterator[Root]:
    stages: dict[int, dict[str, str]] = {}
    for entry in entries:
        if entry.path.partition("/")[0] in MANIFEST_FOLDERS:
            stages.setdefault(entry.stage, {})[entry.path] = entry.oid
    for stage, manifests in sorted(stages.items()):
        yield name + _STAGES[stage], manifests
