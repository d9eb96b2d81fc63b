"""Resolve conflicts below the store's folder: read from Git's index, where both sides are whole, and staged again.

Manifests are merged or chosen. Blobs need no choice, as a name says which bytes and which folder a blob has: where Git takes
a new blob for a renamed old one, it may put one blob's bytes under another's name, or a blob into another folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal, TypeAlias

from recstore.errors import Damage, ManifestConflict, NewerVersion, NotInStore
from recstore.git.history import find_blobs, heal
from recstore.git.objects import blob_id
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

BASE, OURS, THEIRS = 1, 2, 3
"""Stages of Git's index. Source: git-ls-files(1), `--stage`."""

_THEIR_NAMES: Final = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A manifest that both sides changed, None where there is none; `work_tree` was recorded again or edited since."""

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
    """The end of a conflict: `manifests`, each at its own path, replace the file at `path`; if it `is_open`, what it is about."""

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
        sides: dict[int, Manifest] = {}
        for stage, oid in oids.items():
            text = repository.objects.read(oid)
            if not has_markers(text):
                sides[stage] = parse_manifest(text, subject)
            elif stage != BASE:  # Git has merged it already: both sides have renamed the file, each to another name
                sides[stage] = parse_conflict(text, subject)[stage - OURS]
            # else it is a merge of several ancestors: then nothing counts as removed
        data, work_tree = store.directory.read(path), None
        is_gits = data is None or has_markers(data) or blob_id(data, repository.objects.id_length) in oids.values()
        with suppress(Damage, ManifestConflict):  # half edited: the sides are whole
            edited = parse_manifest(data, subject) if data is not None and not is_gits else None
            work_tree = edited if edited is not None and edited.entries and _path_of(edited) == path else None
        yield Conflict(path, sides.get(BASE), sides.get(OURS), sides.get(THEIRS), work_tree)
    for path in store.manifest_paths():
        data = store.directory.read(path) or b""
        if path not in stages and has_markers(data):
            yield Conflict(path, None, *parse_conflict(data, f"{FOLDER}/{path}"))


def select_conflicts(conflicts: Iterable[Conflict], words: tuple[str, ...]) -> list[Conflict]:
    """Return the conflicts that `words` name, by test or by the path that Git shows; all of them without words.

    Raises: NotInStore: a word names none of them.
    """
    every = list(conflicts)
    chosen: set[str] = set()
    for word in words:
        named = {conflict.path for conflict in every if is_selected(conflict.test_id, word)}
        named |= {conflict.path for conflict in every if f"/{word}".endswith(f"/{FOLDER}/{conflict.path}")}
        if not named:
            raise NotInStore(word, "is not a manifest in conflict", "`recstore resolve --dry-run` lists them.")
        chosen |= named
    return [conflict for conflict in every if not words or conflict.path in chosen]


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
    repository.stage([*blob_paths, *texts, *old_paths])
    named = {blob for resolution in done for manifest in resolution.manifests for blob in manifest.blobs}
    healed = heal(store, repository, named)
    repository.stage([blob.path for blob in named if store.directory.path(blob.path).exists()])
    return tuple(file.path for file in healed)


def side_names(repository: Repository) -> tuple[str, str]:
    """Return descriptions of `ours` and `theirs`. In a rebase `theirs` is the branch that is rebased.

    Raises: GitError: Git cannot answer.
    """
    git, folder = repository.git, repository.git_dir
    rebase = next((folder / name for name in ("rebase-merge", "rebase-apply") if (folder / name).is_dir()), None)
    branch = git.text("rev-parse", "--abbrev-ref", "HEAD", accept=(0, 128))
    ours = f"HEAD ({branch})" if rebase is None else "HEAD (the new base of the rebase)"
    commits = repository.resolve(_THEIR_NAMES)
    name = next((name for name in _THEIR_NAMES if name in commits), None)
    if name is None:
        return ours, "a stash or a patch that was applied"
    oid = commits[name]
    if rebase is not None and (rebase / "head-name").is_file():
        branches = [(rebase / "head-name").read_text("utf-8", "surrogateescape").strip().removeprefix("refs/heads/")]
    else:  # those that end at the commit
        refs = repository.refs("refs/heads", "refs/remotes", options=(f"--points-at={oid}",))
        branches = [ref.name.removeprefix("refs/heads/").removeprefix("refs/remotes/") for ref in refs]
    described = ", ".join([*branches[:2], f'{oid[:12]} "{git.text("log", "-1", "--format=%s", oid)}"'])
    return ours, f"{name} ({described})"


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
    return (format_manifest(merged), True) if merged is not None else (format_conflict(left, right), False)


def _conflict_stages(repository: Repository) -> dict[str, dict[int, str]]:
    """Return path below the store's folder -> stage -> object id, of all that is in conflict."""
    stages: dict[str, dict[int, str]] = {}
    for entry in repository.index():
        if entry.stage:
            stages.setdefault(entry.path, {})[entry.stage] = entry.oid
    return stages


def _path_of(manifest: Manifest) -> str:
    return shared_path(manifest.entries[0].blob) if manifest.test_id is None else manifest_path(manifest.test_id)


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
    correct: set[BlobName] = set()
    for name, objects in candidates.items():
        present = store.directory.read(name.path)
        if present is None or not name.fits(present):
            staged = (repository.objects.read(oid) for oid in objects)
            elsewhere = (file.data for file in find_blobs(repository, [name]))
            present = next((data for data in chain(staged, elsewhere) if name.fits(data)), None)
            if present is None:
                continue
            store.directory.write(name.path, present)
        correct.add(name)
    settled = {name.path for name in correct}
    leaving = [
        path for path, name in paths.items() if name not in candidates or (name in correct and path not in settled)
    ]
    for path in leaving:
        store.directory.remove(path)
    return [*leaving, *settled]
