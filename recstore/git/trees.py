"""A project as files that can be read, in one of three states: a commit, Git's index, or the work tree.

    tree = CommitTree(repository, commit)        also with commit None: a history without any commit
    tree = IndexTree(repository)                 what the next commit would have
    tree = WorkTree(store, repository)           the files as they are

    tree.title                                   "commit 1a2b3c4d5e6f", "Git's index", "the work tree"
    tree.manifest_paths(), tree.read(path)       files of the store, with paths below its folder
    tree.has(blob)                               without reading the blob
    tree.prepare(paths)                          fetch them all at once, where a partial clone has left them out
    tree.python_files(), tree.source(path)       files of the project, with paths below the folder that holds the store
    tree.manifests_unlike(commit_tree)           paths of the manifests that differ

A commit is read without a checkout. A file that a sparse checkout leaves out is not deleted: it is read from the index.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, TypeAlias

from recstore.errors import GitError, RecstoreError
from recstore.git.objects import INTENT_TO_ADD_IDS
from recstore.git.repository import IndexEntry, Repository, index_entries
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.directory import TEMPORARY_PREFIX, Directory
from recstore.store.paths import MANIFEST_FOLDERS

WORK_TREE: Final = "the work tree"
STAGED: Final = "Git's index"


class StoreFiles(Protocol):
    """Files of a store, wherever they are: all that a comparison of recordings needs."""

    @property
    def title(self) -> str:
        """The name that messages use."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file, None if it does not exist.

        Raises: GitError, RecstoreError: it exists and cannot be read.
        """

    def prepare(self, paths: Iterable[str]) -> None:
        """Fetch what a partial clone has left with its remote. What cannot be fetched is an error when it is read."""


@dataclass(frozen=True, slots=True)
class CommitTree:
    """A commit, and the name that its user gave it, if any."""

    repository: Repository
    commit: str | None
    name: str = ""

    @property
    def title(self) -> str:
        """The name that messages use."""
        if self.name:
            return f"{self.name} ({self.commit[:12]})" if self.commit else f"{self.name} (no commit yet)"
        return f"commit {(self.commit or 'none')[:12]}"

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone; a partial clone fetches all of them."""
        files = self._store_files(*(folders or MANIFEST_FOLDERS))
        self.repository.fetch(files.values())
        yield from files

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store, None if it does not exist."""
        return self._read(self.repository.prefix + path)

    def prepare(self, paths: Iterable[str]) -> None:
        """Fetch what a partial clone has left with its remote."""
        oids = (self._object_at(self.repository.prefix + path) for path in paths)
        with suppress(GitError):
            self.repository.fetch(oid for oid in oids if oid is not None)

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob exists."""
        return self._object_at(self.repository.prefix + blob.path) is not None

    def python_files(self) -> Iterator[str]:
        """Yield the path of every Python file of the project."""
        if self.commit is not None:
            prefix = self.repository.layout.project_prefix
            names = self.repository.top.fields("ls-tree", "-r", "-z", "--name-only", "--full-tree", self.commit)
            yield from _python_files(name[len(prefix) :] for name in names if name.startswith(prefix))

    def source(self, path: str) -> bytes | None:
        """Return the bytes of a file of the project, None if it does not exist."""
        return self._read(self.repository.layout.project_prefix + path)

    def manifests_unlike(self, commit: CommitTree) -> tuple[str, ...]:
        """Return the paths of the manifests that differ from those of a commit, or that only one of them has.

        Trees that are equal are not entered.

        Raises: GitError: a commit cannot be read.
        """
        if self.commit is None or commit.commit is None:
            differing = {*self._store_files(*MANIFEST_FOLDERS), *commit._store_files(*MANIFEST_FOLDERS)}
        else:
            changed = self.repository.changed_store_files
            differing = {
                *changed([commit.commit], self.commit, *MANIFEST_FOLDERS),
                *changed([self.commit], commit.commit, *MANIFEST_FOLDERS),
            }
        return _without_temporary(differing)

    def manifest_objects(self) -> dict[str, str]:
        """Return path -> object id of every manifest."""
        return self._store_files(*MANIFEST_FOLDERS)

    def _store_files(self, *folders: str) -> dict[str, str]:
        return self.repository.store_files(self.commit, *folders) if self.commit is not None else {}

    def _object_at(self, path: str) -> str | None:
        found = self.repository.objects.lookup(self.commit, path) if self.commit is not None else None
        return found[1] if found is not None and stat.S_ISREG(found[0]) else None

    def _read(self, path: str) -> bytes | None:
        oid = self._object_at(path)
        return None if oid is None else self.repository.read_object(oid)


class IndexTree:
    """What the next commit would have. The index is read once; of a path in conflict our side counts."""

    title: Final = STAGED

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        entries = (
            entry for entry in repository.index() if entry.stage in (0, 2) and entry.oid not in INTENT_TO_ADD_IDS
        )
        self._oids = {entry.path: entry.oid for entry in entries}

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone."""
        starts = tuple(f"{folder}/" for folder in folders or MANIFEST_FOLDERS)
        yield from (path for path in self._oids if path.startswith(starts))

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store, None if it does not exist."""
        return self.repository.read_object(self._oids[path]) if path in self._oids else None

    def prepare(self, paths: Iterable[str]) -> None:
        """Fetch what a partial clone has left with its remote."""
        with suppress(GitError):
            self.repository.fetch(self._oids[path] for path in paths if path in self._oids)

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob exists."""
        return blob.path in self._oids

    def python_files(self) -> Iterator[str]:
        """Yield the path of every Python file of the project."""
        yield from _python_files(self.project_files)

    def has_source(self, path: str) -> bool:
        """Return whether the project has such a file, in whatever state."""
        return any(entry.oid not in INTENT_TO_ADD_IDS for entry in self.project_files.get(path, ()))

    def source(self, path: str) -> bytes | None:
        """Return the bytes of a file of the project, None if it does not exist, is in conflict or is not a file."""
        entries = self.project_files.get(path, [])
        is_file = len(entries) == 1 and stat.S_ISREG(entries[0].mode)
        return self.repository.read_object(entries[0].oid) if is_file else None

    def manifests_unlike(self, commit: CommitTree) -> tuple[str, ...]:
        """Return the paths of the manifests that differ from those of a commit, or that only one of them has.

        Raises: GitError: the commit cannot be read.
        """
        staged = {path: self._oids[path] for path in self.manifest_paths()}
        return _without_temporary(path for path, _ in commit.manifest_objects().items() ^ staged.items())

    @cached_property
    def project_files(self) -> dict[str, list[IndexEntry]]:
        """Path below the folder that holds the store -> the entries of the index, several in a conflict."""
        entries: dict[str, list[IndexEntry]] = {}
        for entry in index_entries(self.repository.project):
            entries.setdefault(entry.path, []).append(entry)
        return entries


class WorkTree:
    """The files as they are. The store is listed, and the index read, once and only if that is needed."""

    title: Final = WORK_TREE

    def __init__(self, store: Store, repository: Repository) -> None:
        self.store = store
        self.repository = repository

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone."""
        starts = folders or MANIFEST_FOLDERS
        directory = self.store.directory
        present = dict.fromkeys(directory.name_of(file) for start in starts for file in directory.walk(start))
        yield from present
        below = tuple(f"{start}/" for start in starts)
        yield from (path for path in self._left_out if path.startswith(below) and path not in present)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store, None if it does not exist."""
        data = self.store.directory.read(path)
        if data is None and path in self._left_out:
            return self.repository.read_object(self._left_out[path])
        return data

    def prepare(self, paths: Iterable[str]) -> None:
        """Fetch what is not checked out and what a partial clone has left with its remote."""
        if self.repository.layout.is_partial:
            with suppress(GitError):
                self.repository.fetch(self._left_out[path] for path in paths if path in self._left_out)

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob exists."""
        return blob in self._blobs or blob.path in self._left_out

    def python_files(self) -> Iterator[str]:
        """Yield the path of every Python file of the project that Git does not ignore."""
        options = ("--cached", "--others", "--exclude-standard", "-z")
        yield from _python_files(self.repository.project.fields("ls-files", *options))

    def has_source(self, path: str) -> bool:
        """Return whether the project has such a file, in whatever state."""
        is_file = (self.repository.project.folder / path).is_file()
        return is_file or any(entry.is_skipped for entry in self._index.project_files.get(path, ()))

    def source(self, path: str) -> bytes | None:
        """Return the bytes of a file of the project, None if it does not exist or cannot be read."""
        try:
            data = Directory(self.repository.project.folder).read(path)
        except RecstoreError:
            return None
        entries = self._index.project_files.get(path, []) if data is None else []
        return self._index.source(path) if any(entry.is_skipped for entry in entries) else data

    def manifests_unlike(self, commit: CommitTree) -> tuple[str, ...]:
        """Return the paths of the manifests that may differ from those of a commit, or that only one of them has.

        Raises: GitError: the commit or the index cannot be read.
        """
        if commit.commit is None:
            return _without_temporary(self.store.manifest_paths())
        git = self.repository.git
        options = ("--name-only", "--no-renames", "--no-ext-diff", "--relative", "-z")
        changed = git.fields("diff", *options, commit.commit, "--", *MANIFEST_FOLDERS)
        untracked = git.fields("ls-files", "--others", "-z", "--", *MANIFEST_FOLDERS)
        return _without_temporary([*changed, *untracked])

    @cached_property
    def _blobs(self) -> frozenset[BlobName]:
        return frozenset(self.store.blobs())

    @cached_property
    def _index(self) -> IndexTree:
        return IndexTree(self.repository)

    @cached_property
    def _left_out(self) -> dict[str, str]:
        """Path -> object id of what a sparse checkout leaves out."""
        entries = self.repository.index()
        return {entry.path: entry.oid for entry in entries if entry.is_skipped and entry.oid not in INTENT_TO_ADD_IDS}


Tree: TypeAlias = CommitTree | IndexTree | WorkTree


def _python_files(paths: Iterable[str]) -> dict[str, None]:
    """Return the Python files of the project, without those of projects inside it that have a store of their own."""
    every = list(paths)
    mark = f"/{FOLDER}/.gitattributes"
    inner = tuple(f"{path.removesuffix(mark)}/" for path in every if path.endswith(mark))
    return dict.fromkeys(path for path in every if path.endswith(".py") and not path.startswith(inner))


def _without_temporary(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({path for path in paths if not path.rpartition("/")[2].startswith(TEMPORARY_PREFIX)}))
