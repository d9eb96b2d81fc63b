"""Blobs whose bytes do not fit their names: among those that a push brings, and among those that HEAD has not as they are here.

What HEAD has already is not read again: the cost is that of the difference. `recstore verify` reads everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from recstore.check.findings import Finding
from recstore.errors import GitError, RecstoreError
from recstore.git.repository import Repository
from recstore.git.trees import WORK_TREE
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.directory import TEMPORARY_PREFIX


def damage_in_objects(repository: Repository, blobs: Mapping[str, str], place: str) -> list[Finding]:
    """Return a finding for each of the Git objects `blobs` (path below the store's folder -> id) that is no sound blob.

    What a partial clone has left with its remote is passed over.
    """
    return _findings({path: partial(_object, repository, oid) for path, oid in blobs.items()}, place)


def staged_blobs(repository: Repository) -> dict[str, str]:
    """Return path below the store's folder -> object id of what the next commit brings into the folder of blobs.

    Raises: GitError: the index cannot be read.
    """
    head = repository.head or repository.git.text("hash-object", "-t", "tree", "--stdin")  # that of no file at all
    options = ("--cached", "--ita-invisible-in-index", "--raw", "--no-abbrev", "--no-renames", "-z")
    fields = iter(repository.top.fields("diff-index", *options, head, "--", f"{repository.prefix}blobs"))
    found = {}
    for change in fields:
        path = next(fields).removeprefix(repository.prefix)
        _, mode, _, oid, status = change.split(" ")
        if mode.strip("0") and status != "U":  # neither removed nor in conflict
            found[path] = oid
    return found


def work_tree_blobs(repository: Repository) -> list[str]:
    """Return the paths, below the store's folder, of the blobs that Git takes for new or changed since HEAD, ignored ones too.

    `git status` goes by the files' stamps first: one whose bits have changed by themselves is not among them.

    Raises: GitError: the index cannot be read.
    """
    options = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored")
    lines = repository.top.fields("status", *options, "--", f"{repository.prefix}blobs")
    paths = (line[3:].removeprefix(repository.prefix) for line in lines)
    return [path for path in paths if f"/{TEMPORARY_PREFIX}" not in path]


def damage_in_files(store: Store, blobs: Iterable[str]) -> list[Finding]:
    """Return a finding for each of the files `blobs`, paths below the store's folder, that is no sound blob."""
    return _findings({path: partial(store.directory.read, path) for path in blobs}, WORK_TREE)


def _findings(blobs: Mapping[str, Callable[[], bytes | None]], place: str) -> list[Finding]:
    complaints = ((path, _complaint(path, read)) for path, read in blobs.items())
    return [
        Finding("damage", "", f"{FOLDER}/{path}", complaint, f"{FOLDER}/{path}", 0, place)
        for path, complaint in complaints
        if complaint
    ]


def _complaint(path: str, read: Callable[[], bytes | None]) -> str:
    """Return what is wrong with a blob, "" if nothing is or if it is not here."""
    try:
        data = read()
    except RecstoreError as error:
        return f"{error.subject}: {error.reason}"
    name = BlobName.from_path(path)
    if data is not None and (name is None or path != name.path):
        return "it has no blob's name, or lies in another folder than its name says"
    is_sound = data is None or name is None or name.fits(data)
    return "" if is_sound else "its bytes do not fit its name"


def _object(repository: Repository, oid: str) -> bytes | None:
    """Return an object's bytes, None where a partial clone has left it with its remote."""
    try:
        return repository.objects.read(oid)
    except GitError:
        if repository.layout.is_partial and not repository.objects.has(oid):
            return None
        raise
