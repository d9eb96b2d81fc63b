"""Conflicts below the store's folder, settled: read from Git's index, where both sides are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from recstore.errors import Damage, ManifestConflict, NewerVersion
from recstore.git.program import encode_path
from recstore.git.recovery import find_blobs, heal
from recstore.git.repository import Repository
from recstore.git.roots import MANIFEST_FOLDERS
from recstore.model import BlobName, Manifest
from recstore.store import FOLDER, Store
from recstore.store.manifest_merge import both_of, conflict_text, merge_manifests, sides_of
from recstore.store.manifest_text import format_manifest, parse_manifest
from recstore.store.names import blob_path, digest_of, parse_blob_name
from recstore.store.naming import is_named

__all__ = [
    "Choice",
    "Conflict",
    "Settled",
    "carry_out",
    "conflicts",
    "merge_files",
    "settle",
    "sides",
    "wanted_by",
]

Choice: TypeAlias = Literal["", "ours", "theirs", "both"]

_BASE, _OURS, _THEIRS = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Conflict:
    """A manifest that both sides changed: `None` is a side that has removed it, or a base that had none."""

    path: str
    base: Manifest | None
    ours: Manifest | None
    theirs: Manifest | None

    @property
    def test_id(self) -> str:
        """Whose it is."""
        known = self.ours or self.theirs or self.base
        return (known.test_id if known is not None else None) or "(outside any test)"


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of a path: `data` is its new text, None where it goes; `how` says why."""

    path: str
    test_id: str
    how: str
    data: bytes | None = None
    is_open: bool = False


def conflicts(store: Store, repository: Repository) -> Iterator[Conflict]:
    """Yield every manifest in conflict: by Git's index, and those that were staged with their marker lines.

    Raises: GitError: the index cannot be read. NewerVersion, ManifestConflict: a side cannot be read.
    """
    stages = _stages(repository)
    for path, sides_ in sorted(stages.items()):
        if path.partition("/")[0] in MANIFEST_FOLDERS:
            read = [_manifest(repository, path, sides_.get(stage)) for stage in (_BASE, _OURS, _THEIRS)]
            yield Conflict(path, *read)
    for path in store.manifest_paths():
        data = store.directory.read(path) or b""
        if path not in stages and data.find(b"<<<<<<<") >= 0:
            yield Conflict(path, None, *sides_of(data, f"{FOLDER}/{path}"))


def settle(conflict: Conflict, choice: Choice) -> Settled:
    """Return how a conflict ends: by itself where both sides agree, otherwise as `choice` says."""
    base, ours, theirs = conflict.base, conflict.ours, conflict.theirs
    if ours is not None and theirs is not None:
        merged = merge_manifests(base, ours, theirs).manifest
        if merged is not None:
            return _written(conflict, merged, "both sides agree")
    if not choice:
        return Settled(conflict.path, conflict.test_id, _question(conflict), is_open=True)
    if choice == "both":
        if ours is not None and theirs is not None:
            return _written(conflict, both_of(base, ours, theirs), "kept both: ours first, theirs as later times")
        return _written(conflict, ours or theirs, "kept: one side has removed it")
    return _written(conflict, ours if choice == "ours" else theirs, f"took {choice}")


def carry_out(store: Store, repository: Repository, settled: Iterable[Settled]) -> tuple[str, ...]:
    """Write what was settled, put the blobs in conflict right, stage both, and return the paths that were healed.

    Raises: GitError, Locked, RecstoreError: the index or the store cannot be written.
    """
    done = [one for one in settled if not one.is_open]
    with store.directory.locked():
        blobs = _settle_blobs(store, repository)
        for one in done:
            if one.data is None:
                store.directory.remove(one.path)
            else:
                store.directory.write(one.path, one.data)
        store.directory.flush()
    _stage(repository, [*blobs, *(one.path for one in done)])
    named = {
        entry.blob for one in done if one.data for entry in parse_manifest(one.data, f"{FOLDER}/{one.path}").entries
    }
    healed = heal(store, repository, named)
    _stage(repository, [blob_path(blob) for blob in named if store.directory.path(blob_path(blob)).exists()])
    return tuple(found.path for found in healed)


def wanted_by(words: tuple[str, ...]) -> Callable[[Conflict], bool]:
    """Return what says whether a conflict is about one of the tests that `words` stand for; none stand for all."""
    return lambda conflict: not words or any(is_named(conflict.test_id, word) for word in words)


def sides(repository: Repository) -> tuple[str, str]:
    """Return what `ours` and `theirs` are: in a rebase the branch that is moved is `theirs`.

    Raises: GitError: Git cannot answer.
    """
    branch = repository.git.text("rev-parse", "--abbrev-ref", "HEAD", accept=(0, 128))
    found = repository.resolve(_THEIR_NAMES)
    theirs = next((f"{name}, {oid[:12]}" for name, oid in found.items()), "what was applied")
    return f"HEAD ({branch})", theirs


_THEIR_NAMES: Final = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


def _stages(repository: Repository) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for entry in repository.index():
        if entry.stage:
            found.setdefault(entry.path, {})[entry.stage] = entry.oid
    return found


def _manifest(repository: Repository, path: str, oid: str | None) -> Manifest | None:
    return None if oid is None else parse_manifest(repository.objects.read(oid), f"{FOLDER}/{path}")


def _written(conflict: Conflict, manifest: Manifest | None, how: str) -> Settled:
    if manifest is None:
        return Settled(conflict.path, conflict.test_id, f"{how}: removed")
    return Settled(conflict.path, conflict.test_id, how, format_manifest(manifest))


def _question(conflict: Conflict) -> str:
    if conflict.ours is None or conflict.theirs is None:
        gone = "ours" if conflict.ours is None else "theirs"
        return f"removed by {gone}, recorded anew by the other side"
    return "recorded anew on both sides, with other answers"


# -- blobs


def _settle_blobs(store: Store, repository: Repository) -> list[str]:
    """Put every blob in conflict right, and return their paths.

    A blob's name says what its bytes are: there is nothing to choose. Git finds conflicts where it takes a new blob for a
    renamed old one, and may then put one blob's bytes under another's name.
    """
    wanted: dict[BlobName, str] = {}
    gone: list[str] = []
    for path, stages in _stages(repository).items():
        name = parse_blob_name(path.rpartition("/")[2].removesuffix(".json")) if path.startswith("blobs/") else None
        if name is None:
            continue
        if _OURS in stages or _THEIRS in stages:
            wanted[name] = path
        else:
            gone.append(path)
    for name, path in wanted.items():
        data = store.directory.read(path)
        if data is None or digest_of(data) != name.digest:
            for found in find_blobs(repository, [name]):
                store.directory.write(path, found.data)
    for path in gone:
        store.directory.remove(path)
    return [*gone, *(path for name, path in wanted.items() if _is_right(store, name, path))]


def _is_right(store: Store, name: BlobName, path: str) -> bool:
    data = store.directory.read(path)
    return data is not None and digest_of(data) == name.digest


def _stage(repository: Repository, paths: Iterable[str]) -> None:
    data = b"".join(encode_path(f"{repository.prefix}{path}\0") for path in dict.fromkeys(paths))
    if data:
        repository.top.run("add", "--all", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", data=data)


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
