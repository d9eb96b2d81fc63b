"""What a project looks like, and what must hold of it whatever has happened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from recstore.git import Repository
from recstore.git.history import find_blobs
from recstore.importers.formats import ExportOptions, export_recordings
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.verify import verify_store
from tests.git_repository import GitRepository

__all__ = ["State", "names_of", "refuse_loss", "refuse_unsound", "settled", "state_of"]

State: TypeAlias = Mapping[str, bytes]

TEMPORARY: Final = ".tmp-"
_NOTES: Final = ("index.sqlite", "lock", "verified.json", "watch.json")
"""In the local folder: made again when needed, and never twice the same."""

_LOCAL: Final = (f"{FOLDER}/local", ".git/recstore")


def state_of(project: Path) -> State:
    """Return what counts of a project: path -> bytes of its files and hooks, what Git's index and configuration say, and `verify`."""
    found = {path: (project / path).read_bytes() for path in _files(project, "")}
    if f"{FOLDER}/.gitattributes" in found:
        problems = verify_store(Store.open(project)).problems
        found["the problems"] = "\n".join(sorted(map(str, problems))).encode()
    if (project / ".git").is_dir():
        made = GitRepository(project)
        found["the index"] = made.git("ls-files", "--stage").encode()
        found["the configuration"] = made.git("config", "--local", "--list").encode()
    return found


def _files(project: Path, folder: str) -> Iterator[str]:
    for child in os.scandir(project / folder):
        path = f"{folder}/{child.name}".lstrip("/")
        if child.is_dir(follow_symlinks=False):
            if not path.startswith(".git/") or path.startswith((".git/hooks", ".git/recstore")):
                yield from _files(project, path)
        elif _counts(path):
            yield path


def _counts(path: str) -> bool:
    """Return whether a file is part of a project's state: none that is temporary, Git's own, or never twice the same."""
    is_gits = path.startswith(".git/") and not path.startswith((".git/hooks/", ".git/recstore/"))
    is_note = path.startswith(tuple(f"{local}/{note}" for local in _LOCAL for note in _NOTES))
    return not (is_gits or is_note or TEMPORARY in path)


def names_of(state: State) -> dict[BlobName, str]:
    """Return the blobs that there are, and their paths."""
    names = {BlobName.parse(Path(path).stem): path for path in state if path.startswith(f"{FOLDER}/blobs/")}
    return {name: path for name, path in names.items() if name is not None}


def refuse_unsound(project: Path, states: tuple[State, State], where: str) -> None:
    """Fail unless a store is here that verifies, of which every file is as it was before or as it is at the end."""
    before, finished = states
    if not (project / FOLDER / ".gitattributes").exists():
        assert f"{FOLDER}/.gitattributes" not in before, where
        return
    now = state_of(project)
    new = set(now["the problems"].splitlines()) - set(before.get("the problems", b"").splitlines())
    assert set() == new, where
    for path, data in now.items():
        if not path.startswith("the ") and not path.startswith(f"{FOLDER}/blobs/"):
            assert data in (before.get(path), finished.get(path)), f"{where}: {path}"


def refuse_loss(project: Path, states: tuple[State, State], scratch: Path, where: str) -> None:
    """Fail unless all that was there is still there, where it is not there at the end either: in Git, or to be exported."""
    before, finished = states
    now = state_of(project)
    gone = before.keys() - now.keys()
    assert set() == gone & finished.keys() - {".git/hooks/pre-commit"}, where  # which may have been renamed already
    blobs = [name for name, path in names_of(before).items() if path in gone]
    if blobs and (project / ".git").is_dir():
        with Repository(project / FOLDER, os.environ) as repository:
            found = {file.path for file in find_blobs(repository, blobs)}
        assert {blob.path for blob in blobs} == found, where
    consumed = {path: before[path] for path in gone if not path.startswith((FOLDER, ".git/"))}
    if consumed:
        export_recordings(Store.open(project), scratch, ExportOptions())
        assert consumed == {path: (scratch / path).read_bytes() for path in consumed}, where


def settled(project: Path, finished: State) -> State:
    """Return the state without blobs that no manifest names and that are not there at the end: `gc` takes those away."""
    unnamed = {f"{FOLDER}/{blob.path}" for blob in verify_store(Store.open(project)).unreferenced}
    return {path: data for path, data in state_of(project).items() if path in finished or path not in unnamed}
