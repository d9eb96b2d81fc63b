"""Conflicts below the store's folder, settled: read from Git's index, where both sides are whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from recstore.check.blob_conflicts import BASE, OURS, THEIRS, conflict_stages, settle_blobs
from recstore.errors import Damage, ManifestConflict, NewerVersion, NotInStore
from recstore.git.history import heal
from recstore.git.objects import blob_id
from recstore.git.program import encode_path
from recstore.git.repository import Repository
from recstore.model import Manifest
from recstore.store import FOLDER, Store
from recstore.store.manifest import format_manifest, parse_manifest
from recstore.store.merge import (
    both_of,
    conflict_text,
    has_markers,
    is_same_owner,
    merge_manifests,
    sides_of,
)
from recstore.store.paths import MANIFEST_FOLDERS, manifest_path, shared_path
from recstore.store.selectors import is_named

Choice: TypeAlias = Literal["", "ours", "theirs", "both"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A manifest that both sides changed: `None` is a side that has removed it, or a base that had none.

    `here` is what somebody has put in its place in the work tree since: recorded again, or edited by hand.
    """

    path: str
    base: Manifest | None
    ours: Manifest | None
    theirs: Manifest | None
    here: Manifest | None = None

    @property
    def test_id(self) -> str:
        """Whose it is."""
        known = self.ours or self.theirs or self.base
        return (known.test_id if known is not None else None) or "(outside any test)"


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a path in conflict: `manifests` go where their tests' are, none where it goes; `how` says why."""

    path: str
    test_id: str
    how: str
    manifests: tuple[Manifest, ...] = ()
    is_open: bool = False


def conflicts(store: Store, repository: Repository) -> Iterator[Conflict]:
    """Yield every manifest in conflict: by Git's index, and those that were staged with their marker lines.

    Raises: GitError: the index cannot be read. NewerVersion, ManifestConflict: a side cannot be read.
    """
    stages = conflict_stages(repository)
    for path, oids in sorted(stages.items()):
        if path.partition("/")[0] in MANIFEST_FOLDERS:
            ours, theirs = (_side(repository, path, oids, stage) for stage in (OURS, THEIRS))
            yield Conflict(path, _base(repository, path, oids), ours, theirs, _here(store, repository, path, oids))
    for path in store.manifest_paths():
        data = store.directory.read(path) or b""
        if path not in stages and has_markers(data):
            yield Conflict(path, None, *sides_of(data, f"{FOLDER}/{path}"))


def settle(conflict: Conflict, choice: Choice) -> Settled:
    """Return how a conflict ends: by itself where both sides agree, otherwise as `choice` says.

    Manifests of two tests that Git took for one, renamed, are no choice: either stays, under its own name.
    """
    if conflict.here is not None:
        return _written(conflict, conflict.here, "kept as it is: it was settled in the work tree")
    agreed = _agreed(conflict)
    if agreed is not None or choice:
        return agreed or _chosen(conflict, choice)
    return Settled(conflict.path, conflict.test_id, _question(conflict), is_open=True)


def _agreed(conflict: Conflict) -> Settled | None:
    """Return how a conflict ends that is none, None if it is one."""
    base, ours, theirs = conflict.base, conflict.ours, conflict.theirs
    if ours is None and theirs is None:
        return Settled(conflict.path, conflict.test_id, "gone from both sides: removed or renamed")
    if ours is not None and theirs is not None:
        merged = merge_manifests(base, ours, theirs).manifest
        if merged is not None:
            return _written(conflict, merged, "both sides agree")
        if not is_same_owner(ours, theirs):
            return Settled(conflict.path, conflict.test_id, "kept both: they are of two tests", (ours, theirs))
    only = ours or theirs
    if only is not None and None in (ours, theirs) and (base is None or not is_same_owner(base, only)):
        return _written(conflict, only, "kept: one side alone has it")
    return None


def carry_out(store: Store, repository: Repository, settled: Iterable[Settled]) -> tuple[str, ...]:
    """Write what was settled, put the blobs in conflict right, stage both, and return the paths that were healed.

    Raises: ManifestConflict: two manifests of one test would be written; nothing was. GitError, Locked, RecstoreError: the
    index or the store cannot be written.
    """
    done = [one for one in settled if not one.is_open]
    with store.directory.locked():
        texts = _placed(store, done)
        blobs = settle_blobs(store, repository)
        for path, data in texts.items():
            store.directory.write(path, data)
        for path in {one.path for one in done} - texts.keys():
            store.directory.remove(path)
        store.directory.flush()
    _stage(repository, [*blobs, *texts, *(one.path for one in done)])
    named = {entry.blob for one in done for manifest in one.manifests for entry in manifest.entries}
    healed = heal(store, repository, named)
    _stage(repository, [blob.path for blob in named if store.directory.path(blob.path).exists()])
    return tuple(found.path for found in healed)


def _chosen(conflict: Conflict, choice: Choice) -> Settled:
    base, ours, theirs = conflict.base, conflict.ours, conflict.theirs
    if choice != "both":
        return _written(conflict, ours if choice == "ours" else theirs, f"took {choice}")
    if ours is not None and theirs is not None:
        return _written(conflict, both_of(base, ours, theirs), "kept both: ours first, theirs as later times")
    return _written(conflict, ours or theirs, "kept: one side has removed it")


def _placed(store: Store, done: Iterable[Settled]) -> dict[str, bytes]:
    """Return path -> text. The path is that of the test: where a folder was renamed, Git moves what is new in it."""
    texts: dict[str, bytes] = {}
    leaving = {one.path for one in done}
    for one in done:
        for manifest in one.manifests:
            path = _path_of(manifest)
            data = format_manifest(manifest)
            present = texts.get(path) or (None if path in leaving else store.directory.read(path))
            if present not in (None, data):
                reason = "would be written, and another manifest of that test is there"
                raise ManifestConflict(
                    f"{FOLDER}/{path}", reason, f"Remove it, or resolve {FOLDER}/{one.path} by hand."
                )
            texts[path] = data
    return texts


def _path_of(manifest: Manifest) -> str:
    return shared_path(manifest.entries[0].blob) if manifest.test_id is None else manifest_path(manifest.test_id)


def named(found: Iterable[Conflict], words: tuple[str, ...]) -> list[Conflict]:
    """Return those that `words` stand for, a word being a test or the path that Git calls its manifest by; none stand for all.

    Raises: NotInStore: a word stands for none of them.
    """
    every = list(found)
    for word in words:
        if not any(_is_called(conflict, word) for conflict in every):
            raise NotInStore(word, "is none of the manifests in conflict", "`recstore resolve --dry-run` lists them.")
    return [one for one in every if not words or any(_is_called(one, word) for word in words)]


def _is_called(conflict: Conflict, word: str) -> bool:
    return is_named(conflict.test_id, word) or f"/{word}".endswith(f"/{FOLDER}/{conflict.path}")


def sides(repository: Repository) -> tuple[str, str]:
    """Return what `ours` and `theirs` are. In a rebase they are not what they seem: `theirs` is the branch that is moved.

    Raises: GitError: Git cannot answer.
    """
    folder = repository.layout.git_dir
    moved = next((folder / name for name in ("rebase-merge", "rebase-apply") if (folder / name).is_dir()), None)
    branch = repository.git.text("rev-parse", "--abbrev-ref", "HEAD", accept=(0, 128))
    ours = f"HEAD ({branch})" if moved is None else "HEAD (what is rebased onto)"
    found = repository.resolve(_THEIR_NAMES)
    name = next((name for name in _THEIR_NAMES if name in found), None)
    if name is None:
        return ours, "what was applied (a stash or a patch)"
    return ours, f"{name} ({_called(repository, found[name], moved)})"


def _called(repository: Repository, oid: str, moved: Path | None) -> str:
    """Return what a person knows a commit by: the branch that is moved, branches that end there, its first line."""
    if moved is not None and (moved / "head-name").is_file():
        names = [(moved / "head-name").read_text("utf-8", "surrogateescape").strip().removeprefix("refs/heads/")]
    else:
        refs = repository.refs("refs/heads", "refs/remotes", options=(f"--points-at={oid}",))
        names = [ref.name.removeprefix("refs/heads/").removeprefix("refs/remotes/") for ref in refs]
    title = repository.git.text("log", "-1", "--format=%s", oid)
    return ", ".join([*names[:2], f'{oid[:12]} "{title}"'])


_THEIR_NAMES: Final = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


def _side(repository: Repository, path: str, oids: dict[int, str], stage: int) -> Manifest | None:
    """Return the manifest of one side, also out of what Git has merged: both names of a file that both sides have renamed."""
    if stage not in oids:
        return None
    data = repository.objects.read(oids[stage])
    if has_markers(data):
        return sides_of(data, f"{FOLDER}/{path}")[stage - OURS]
    return parse_manifest(data, f"{FOLDER}/{path}")


def _here(store: Store, repository: Repository, path: str, oids: dict[int, str]) -> Manifest | None:
    """Return the manifest in the work tree, None if it is but what Git has left there: marker lines, or one of the sides."""
    data = store.directory.read(path)
    if data is None or has_markers(data) or blob_id(data, repository.objects.id_length) in oids.values():
        return None
    try:
        manifest = parse_manifest(data, f"{FOLDER}/{path}")
    except (Damage, ManifestConflict):  # half edited: the sides are whole
        return None
    return manifest if manifest.entries and _path_of(manifest) == path else None


def _base(repository: Repository, path: str, oids: dict[int, str]) -> Manifest | None:
    """Return the common ancestor; None where that is a merge of several in conflict, so that nothing counts as removed."""
    if BASE not in oids:
        return None
    data = repository.objects.read(oids[BASE])
    return None if has_markers(data) else parse_manifest(data, f"{FOLDER}/{path}")


def _written(conflict: Conflict, manifest: Manifest | None, how: str) -> Settled:
    if manifest is None:
        return Settled(conflict.path, conflict.test_id, f"{how}: removed")
    return Settled(conflict.path, conflict.test_id, how, (manifest,))


def _question(conflict: Conflict) -> str:
    if conflict.ours is None or conflict.theirs is None:
        gone = "ours" if conflict.ours is None else "theirs"
        return f"removed by {gone}, recorded anew by the other side"
    return "recorded anew on both sides, with other answers"


def _stage(repository: Repository, paths: Iterable[str]) -> None:
    data = b"".join(encode_path(f"{repository.prefix}{path}\0") for path in dict.fromkeys(paths))
    if data:  # unlike `git add`, this knows no sparse checkout and no ignored files
        repository.top.run("update-index", "--add", "--remove", "-z", "--stdin", data=data)


def merge_files(texts: tuple[bytes, bytes, bytes], subject: str) -> tuple[bytes, bool] | None:
    """Return what the texts of base (empty: none), ours and theirs make, and whether that is without conflict.

    None where one of them is no manifest that can be read: then lines are all there is to merge.
    """
    base, ours, theirs = texts
    try:
        before = parse_manifest(base, subject) if base else None
        here, there = parse_manifest(ours, subject), parse_manifest(theirs, subject)
    except (Damage, ManifestConflict, NewerVersion):
        return None
    merged = merge_manifests(before, here, there).manifest
    if merged is not None:
        return format_manifest(merged), True
    return conflict_text(here, there), False
