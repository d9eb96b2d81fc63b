"""Everything in Git that may still need a blob: each class of root by name, and the manifests that its roots reach.

A blob that any of these manifests names is kept. Tips of branches count with what they added or changed since
their merge base with HEAD: what both sides had and HEAD dropped, a merge drops too; what they newly name, a merge
would leave dangling. ORIG_HEAD, which stays for good after every reset, counts like a tip.

Raises, everywhere: GitError: a root cannot be read. ManifestConflict, NewerVersion, DamagedManifest: it has a manifest
that cannot be relied on. Whoever removes things must then remove nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, TypeAlias

from recstore.errors import GitError
from recstore.git.objects import INTENT_TO_ADD_IDS
from recstore.git.repository import IndexEntry, Repository, index_entries, pending_commits, stashes, work_trees
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER
from recstore.store.manifest import MANIFEST_FOLDERS, parse_manifest

RootClass: TypeAlias = Literal[
    "Git's index",
    "other work trees' indexes",
    "merges, rebases, picks, reverts, bisections",
    "other work trees' HEAD",
    "stashes",
    "ORIG_HEAD",
    "tips of branches and of remote branches",
]
"""Each class of root that Git has; beside them count the work tree's own manifests."""

Root: TypeAlias = tuple[RootClass, str, Mapping[str, str]]
"""The class of a root, its name in messages, and path -> object id of each manifest that it reaches."""

_STAGES: Final = {0: "", 1: ", common ancestor", 2: ", ours", 3: ", theirs"}


def needed_blobs(
    repository: Repository, roots: Iterable[Root], known: dict[str, Manifest], ignored: set[BlobName]
) -> dict[BlobName, str]:
    """Return blob -> the name of the first of `roots` that needs it, those in `ignored` left out.

    `known` is object id -> manifest, of all that were read before; those that are read now are added.
    """
    roots = list(roots)
    repository.fetch(oid for _, _, manifests in roots for oid in manifests.values() if oid not in known)
    needed: dict[BlobName, str] = {}
    for _, name, manifests in roots:
        for path, oid in manifests.items():
            for entry in read_manifest(repository, oid, f"{name}, {FOLDER}/{path}", known).entries:
                if entry.blob not in ignored:
                    needed.setdefault(entry.blob, name)
    return needed


def roots_of(repository: Repository, index: Iterable[IndexEntry], tips_since_s: int = 0) -> Iterator[Root]:
    """Yield every root that Git has, by class.

    `index` are the entries of Git's index, as they will be. `tips_since_s` leaves out tips whose commit is older (seconds
    since the epoch).
    """
    trees = work_trees(repository)
    indexes: list[tuple[RootClass, str, Iterable[IndexEntry]]] = [("Git's index", "Git's index", index)]
    for ref_prefix, git_dir in trees.items():
        file = git_dir / "index"
        if ref_prefix and file.exists():
            git = repository.git.in_folder(git_dir).with_variables(GIT_DIR=str(git_dir), GIT_INDEX_FILE=str(file))
            title = f"the index of {ref_prefix.rstrip('/')}"
            indexes.append(("other work trees' indexes", title, index_entries(git, repository.prefix)))
    for kind, name, entries in indexes:
        stages: dict[int, dict[str, str]] = {}
        for entry in entries:
            path = entry.path if kind == "Git's index" else entry.path.removeprefix(repository.prefix)
            if path.partition("/")[0] in MANIFEST_FOLDERS:
                stages.setdefault(entry.stage, {})[path] = entry.oid
        for stage, manifests in sorted(stages.items()):
            yield kind, name + _STAGES[stage], manifests
    heads = repository.resolve(f"{ref_prefix}HEAD" for ref_prefix in trees if ref_prefix)
    pending = [pending_commits(repository, git_dir, ref_prefix) for ref_prefix, git_dir in trees.items()]
    whole: list[tuple[RootClass, dict[str, str]]] = [
        *(("merges, rebases, picks, reverts, bisections", commits) for commits in pending),
        ("other work trees' HEAD", {oid: name for name, oid in heads.items()}),
        ("stashes", stashes(repository)),
    ]
    for kind, commits in whole:
        for oid, name in commits.items():
            yield kind, name, repository.store_files(oid, *MANIFEST_FOLDERS)

    head = repository.head
    originals = repository.resolve(f"{ref_prefix}ORIG_HEAD" for ref_prefix in trees)
    refs = repository.refs("refs/heads", "refs/remotes", options=("--no-merged=HEAD",) if head else ())
    tips: dict[str, tuple[RootClass, str]] = {oid: ("ORIG_HEAD", name) for name, oid in originals.items()}
    recent = [ref for ref in reversed(refs) if ref.time_s >= tips_since_s]
    tips |= {ref.oid: ("tips of branches and of remote branches", ref.name) for ref in recent}
    for oid, (kind, name) in tips.items():
        if oid != head:
            bases = repository.merge_bases(head, oid) if head else ()
            changed = repository.store_files(oid, *MANIFEST_FOLDERS, unlike=bases)
            yield kind, name.removeprefix("refs/").removeprefix("heads/"), changed


def read_manifest(repository: Repository, oid: str, subject: str, known: dict[str, Manifest]) -> Manifest:
    """Return a manifest from Git: from `known` (object id -> manifest) if it was read before."""
    if oid in INTENT_TO_ADD_IDS:
        return Manifest(None, ())
    if oid not in known:
        try:
            data = repository.objects.read(oid)
        except GitError as error:
            raise GitError(subject, f"cannot be read: {error.subject} {error.reason}", error.remedy) from error
        known[oid] = parse_manifest(data, subject)
    return known[oid]
