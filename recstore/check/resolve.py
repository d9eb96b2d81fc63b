"""Resolve conflicts below the store's folder: read from Git's index, where both sides are whole, and staged again.

Manifests are merged or chosen. Blobs need no choice, as a name says which bytes and which place a blob has: Git sees
conflicts where it takes a new blob for a renamed old one, and may then put one blob's bytes under another's name, or a
blob into the folder to which its neighbours seem to have moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, Literal, TypeAlias

from recstore.errors import Damage, ManifestConflict, NewerVersion, NotInStore
from recstore.git.history import find_blobs, heal
from recstore.git.objects import blob_id
from recstore.git.program import encode_path
from recstore.git.repository import Repository
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER, Store
from recstore.store.manifest import (
    MANIFEST_FOLDERS,
    format_conflict,
    format_manifest,
    has_markers,
    is_same_owner,
    keep_both,
    manifest_path,
    merge_manifests,
    parse_conflict,
    parse_manifest,
    shared_path,
)
from recstore.store.rename import is_selected

Choice: TypeAlias = Literal["", "ours", "theirs", "both"]

BASE: Final = 1
OURS: Final = 2
THEIRS: Final = 3
"""Stages of Git's index. Source: git-ls-files(1), `--stage`."""

_THEIR_NAMES: Final = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A manifest that both sides changed; None for a side that removed it, or a base that had none.

    `work_tree` is a manifest that took its place there since: recorded again, or edited by hand.
    """

    path: str
    base: Manifest | None
    ours: Manifest | None
    theirs: Manifest | None
    work_tree: Manifest | None = None

    @property
    def test_id(self) -> str:
        """The test whose manifest it is."""
        known = self.ours or self.theirs or self.base
        return (known.test_id if known is not None else None) or "(outside any test)"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The end of a conflict: `manifests` replace the file at `path`, each at its own path; `how` says why.

    With `is_open` the conflict has no end yet, and `how` says what it is about.
    """

    path: str
    test_id: str
    how: str
    manifests: tuple[Manifest, ...] = ()
    is_open: bool = False


def find_conflicts(store: Store, repository: Repository) -> Iterator[Conflict]:
    """Yield every manifest in conflict: by Git's index, and those that were staged with their marker lines.

    Raises: GitError: the index cannot be read. NewerVersion, ManifestConflict: a side cannot be read.
    """
    stages = _conflict_stages(repository)
    for path, oids in sorted(stages.items()):
        if path.partition("/")[0] not in MANIFEST_FOLDERS:
            continue
        subject = f"{FOLDER}/{path}"
        texts = {stage: repository.objects.read(oid) for stage, oid in oids.items()}
        ours, theirs = (_parse_side(texts.get(stage), stage, subject) for stage in (OURS, THEIRS))
        base = texts.get(BASE)
        if base is not None and has_markers(base):  # a merge of several ancestors: then nothing counts as removed
            base = None
        before = None if base is None else parse_manifest(base, subject)
        yield Conflict(path, before, ours, theirs, _work_tree_manifest(store, repository, path, oids))
    for path in store.manifest_paths():
        data = store.directory.read(path) or b""
        if path not in stages and has_markers(data):
            yield Conflict(path, None, *parse_conflict(data, f"{FOLDER}/{path}"))


def select_conflicts(conflicts: Iterable[Conflict], words: tuple[str, ...]) -> list[Conflict]:
    """Return the conflicts that `words` name, by test or by the path that Git shows; all of them without words.

    Raises: NotInStore: a word names none of them.
    """

    def is_named_by(conflict: Conflict, word: str) -> bool:
        return is_selected(conflict.test_id, word) or f"/{word}".endswith(f"/{FOLDER}/{conflict.path}")

    every = list(conflicts)
    for word in words:
        if not any(is_named_by(conflict, word) for conflict in every):
            raise NotInStore(word, "is not a manifest in conflict", "`recstore resolve --dry-run` lists them.")
    return [conflict for conflict in every if not words or any(is_named_by(conflict, word) for word in words)]


def resolve(conflict: Conflict, choice: Choice) -> Resolution:
    """Return the end of a conflict: where both sides agree it follows from them, else from the choice.

    Manifests of two tests that Git took for one renamed file need no choice: both stay, each under its own name.
    """

    def by(how: str, *manifests: Manifest | None) -> Resolution:
        written = tuple(manifest for manifest in manifests if manifest is not None)
        return Resolution(conflict.path, conflict.test_id, how if written else f"{how}: removed", written)

    base, ours, theirs = conflict.base, conflict.ours, conflict.theirs
    if conflict.work_tree is not None:
        return by("kept as it is: it was settled in the work tree", conflict.work_tree)
    if ours is None and theirs is None:
        return Resolution(conflict.path, conflict.test_id, "gone from both sides: removed or renamed")
    if ours is None or theirs is None:
        only = ours or theirs
        if only is not None and (base is None or not is_same_owner(base, only)):
            return by("kept: one side alone has it", only)
        if choice == "both":
            return by("kept: one side has removed it", only)
        question = f"removed by {'ours' if ours is None else 'theirs'}, re-recorded by the other side"
    else:
        merged = merge_manifests(base, ours, theirs)
        if merged is not None:
            return by("both sides agree", merged)
        if not is_same_owner(ours, theirs):
            return by("kept both: they are of two tests", ours, theirs)
        if choice == "both":
            return by("kept both: ours first, theirs as later calls", keep_both(base, ours, theirs))
        question = "re-recorded on both sides, with different answers"
    if not choice:
        return Resolution(conflict.path, conflict.test_id, question, is_open=True)
    return by(f"took {choice}", ours if choice == "ours" else theirs)


def apply(store: Store, repository: Repository, resolutions: Iterable[Resolution]) -> tuple[str, ...]:
    """Write the resolutions, correct blobs in conflict, stage both, and return the paths of healed blobs.

    Raises: ManifestConflict: two manifests of one test would be written; nothing was. GitError, Locked, RecstoreError: the
    index or the store cannot be written.
    """
    done = [resolution for resolution in resolutions if not resolution.is_open]
    old_paths = {resolution.path for resolution in done}
    with store.locked():
        texts: dict[str, bytes] = {}
        for resolution in done:
            for manifest in resolution.manifests:  # at its own path: Git moves new files along with a renamed folder
                path, data = _path_of(manifest), format_manifest(manifest)
                present = texts.get(path) or (None if path in old_paths else store.directory.read(path))
                if present not in (None, data):
                    reason = "would be written, and another manifest of that test is there"
                    remedy = f"Remove it, or resolve {FOLDER}/{resolution.path} by hand."
                    raise ManifestConflict(f"{FOLDER}/{path}", reason, remedy)
                texts[path] = data
        blob_paths = _correct_blobs(store, repository)
        for path, data in texts.items():
            store.directory.write(path, data)
        for path in old_paths - texts.keys():
            store.directory.remove(path)
        store.directory.flush()
    _stage(repository, [*blob_paths, *texts, *old_paths])
    named = {blob for resolution in done for manifest in resolution.manifests for blob in manifest.blobs}
    healed = heal(store, repository, named)
    _stage(repository, [blob.path for blob in named if store.directory.path(blob.path).exists()])
    return tuple(file.path for file in healed)


def side_names(repository: Repository) -> tuple[str, str]:
    """Return descriptions of `ours` and `theirs`. In a rebase `theirs` is the branch that is rebased.

    Raises: GitError: Git cannot answer.
    """
    folder = repository.git_dir
    rebase = next((folder / name for name in ("rebase-merge", "rebase-apply") if (folder / name).is_dir()), None)
    branch = repository.git.text("rev-parse", "--abbrev-ref", "HEAD", accept=(0, 128))
    ours = f"HEAD ({branch})" if rebase is None else "HEAD (the new base of the rebase)"
    commits = repository.resolve(_THEIR_NAMES)
    name = next((name for name in _THEIR_NAMES if name in commits), None)
    if name is None:
        return ours, "a stash or a patch that was applied"
    return ours, f"{name} ({_described_commit(repository, commits[name], rebase)})"


def merge_files(texts: tuple[bytes, bytes, bytes], subject: str) -> tuple[bytes, bool] | None:
    """Return the merged text of base (empty: none), ours and theirs, and whether it is without conflict.

    None if one of them is not a manifest that can be read: then Git has to merge lines.
    """
    base, ours, theirs = texts
    try:
        before = parse_manifest(base, subject) if base else None
        left, right = parse_manifest(ours, subject), parse_manifest(theirs, subject)
    except (Damage, ManifestConflict, NewerVersion):
        return None
    merged = merge_manifests(before, left, right)
    if merged is not None:
        return format_manifest(merged), True
    return format_conflict(left, right), False


def _conflict_stages(repository: Repository) -> dict[str, dict[int, str]]:
    """Return path below the store's folder -> stage -> object id, of all that is in conflict."""
    stages: dict[str, dict[int, str]] = {}
    for entry in repository.index():
        if entry.stage:
            stages.setdefault(entry.path, {})[entry.stage] = entry.oid
    return stages


def _parse_side(data: bytes | None, stage: int, subject: str) -> Manifest | None:
    if data is None:
        return None
    if has_markers(data):  # Git has merged it already: both sides have renamed the file, each to another name
        return parse_conflict(data, subject)[stage - OURS]
    return parse_manifest(data, subject)


def _work_tree_manifest(store: Store, repository: Repository, path: str, oids: dict[int, str]) -> Manifest | None:
    """Return the manifest in the work tree, None if Git has left it there: with marker lines, or one of the sides."""
    data = store.directory.read(path)
    if data is None or has_markers(data) or blob_id(data, repository.objects.id_length) in oids.values():
        return None
    try:
        manifest = parse_manifest(data, f"{FOLDER}/{path}")
    except (Damage, ManifestConflict):  # half edited: the sides are whole
        return None
    return manifest if manifest.entries and _path_of(manifest) == path else None


def _path_of(manifest: Manifest) -> str:
    return shared_path(manifest.entries[0].blob) if manifest.test_id is None else manifest_path(manifest.test_id)


def _described_commit(repository: Repository, oid: str, rebase: Path | None) -> str:
    """Return the branch that is rebased, or the branches that end at the commit; its id and its first line."""
    if rebase is not None and (rebase / "head-name").is_file():
        names = [(rebase / "head-name").read_text("utf-8", "surrogateescape").strip().removeprefix("refs/heads/")]
    else:
        refs = repository.refs("refs/heads", "refs/remotes", options=(f"--points-at={oid}",))
        names = [ref.name.removeprefix("refs/heads/").removeprefix("refs/remotes/") for ref in refs]
    title = repository.git.text("log", "-1", "--format=%s", oid)
    return ", ".join([*names[:2], f'{oid[:12]} "{title}"'])


def _stage(repository: Repository, paths: Iterable[str]) -> None:
    data = b"".join(encode_path(f"{repository.prefix}{path}\0") for path in dict.fromkeys(paths))
    if data:  # unlike `git add`, this ignores sparse checkouts and .gitignore
        repository.top.run("update-index", "--add", "--remove", "-z", "--stdin", data=data)


def _correct_blobs(store: Store, repository: Repository) -> list[str]:
    """Correct every blob in conflict, and return the paths to stage: those of blobs, and those that have none any more."""
    candidates: dict[BlobName, list[str]] = {}
    paths: dict[str, BlobName] = {}
    for path, oids in _conflict_stages(repository).items():
        name = BlobName.from_path(path)
        if name is not None:
            paths[path] = name
            if OURS in oids or THEIRS in oids:
                candidates.setdefault(name, []).extend(oids.values())

    def is_right(name: BlobName) -> bool:
        data = store.directory.read(name.path)
        return data is not None and name.fits(data)

    for name, objects in candidates.items():
        if not is_right(name):
            staged = (repository.objects.read(oid) for oid in objects)
            elsewhere = (file.data for file in find_blobs(repository, [name]))
            right = next((data for data in chain(staged, elsewhere) if name.fits(data)), None)
            if right is not None:
                store.directory.write(name.path, right)
    right_paths = {name: name.path for name in candidates if is_right(name)}
    left = [path for path, name in paths.items() if name not in candidates or right_paths.get(name, path) != path]
    for path in left:
        store.directory.remove(path)
    return [*left, *right_paths.values()]
