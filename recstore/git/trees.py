"""A project as files that can be read, in one of three states: a commit, Git's index, or the work tree.

A commit is read without a checkout. A file that a sparse checkout leaves out is not deleted: it is read from the index.
Everything here raises GitError if Git cannot answer or an object is missing or damaged, and RecstoreError if a file of
the store cannot be read.
"""

from __future__ import annotations

import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Final

from recstore.errors import GitError, RecstoreError
from recstore.git.objects import INTENT_TO_ADD_IDS
from recstore.git.repository import IndexEntry, Repository, index_entries
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.directory import TEMPORARY_PREFIX, Directory
from recstore.store.manifest import MANIFEST_FOLDERS

WORK_TREE: Final = "the work tree"
STAGED: Final = "Git's index"


class Tree(ABC):
    """One state of a project. What follows here reads Git objects; `WorkTree` reads files first."""

    def __init__(self, repository: Repository, title: str) -> None:
        self.repository = repository
        self.title = title

    @abstractmethod
    def _oid(self, path: str) -> str | None:
        """Return the id of the Git object that has a file of the store, None if none has."""

    @abstractmethod
    def manifest_objects(self, *folders: str) -> Mapping[str, str]:
        """Return path -> id of the Git object of every manifest, or of those below `folders` alone."""

    @abstractmethod
    def python_files(self) -> Iterable[str]:
        """Return the path of every Python file of the project that Git does not ignore."""

    @abstractmethod
    def source(self, path: str) -> bytes | None:
        """Return the bytes of a file of the project, None if it does not exist, is in conflict or cannot be read."""

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone. A partial clone fetches all of them."""
        objects = self.manifest_objects(*folders)
        self.repository.fetch(objects.values())
        yield from objects

    def manifests_unlike(self, commit: CommitTree) -> tuple[str, ...]:
        """Return the paths of the manifests that may differ from those of a commit, or that only one of them has."""
        differing = self.manifest_objects().items() ^ commit.manifest_objects().items()
        return _without_temporary(path for path, _ in differing)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store, None if it does not exist."""
        oid = self._oid(path)
        return None if oid is None else self.repository.read_object(oid)

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob exists."""
        return self._oid(blob.path) is not None

    def prepare(self, paths: Iterable[str]) -> None:
        """Fetch what a partial clone has left with its remote. What cannot be fetched is an error when it is read."""
        with suppress(GitError):
            self.repository.fetch(oid for path in paths if (oid := self._oid(path)) is not None)


class CommitTree(Tree):
    """A commit, or a history without any; `name` is what its user called it."""

    def __init__(self, repository: Repository, commit: str | None, name: str = "") -> None:
        short = commit[:12] if commit is not None else "no commit yet"
        super().__init__(repository, f"{name} ({short})" if name else f"commit {short}")
        self.commit = commit

    def _oid(self, path: str) -> str | None:
        return self._object_at(self.repository.prefix + path)

    def _object_at(self, path: str) -> str | None:
        entry = self.repository.objects.lookup(self.commit, path) if self.commit is not None else None
        return entry[1] if entry is not None and stat.S_ISREG(entry[0]) else None

    def manifest_objects(self, *folders: str) -> Mapping[str, str]:
        """Return path -> id of the Git object of every manifest, or of those below `folders` alone."""
        return self.repository.store_files(self.commit, *(folders or MANIFEST_FOLDERS)) if self.commit else {}

    def manifests_unlike(self, commit: CommitTree) -> tuple[str, ...]:
        """Return the paths of the manifests that differ; trees that are equal are not entered."""
        if self.commit is None or commit.commit is None:
            return super().manifests_unlike(commit)
        new = self.repository.store_files(self.commit, *MANIFEST_FOLDERS, unlike=[commit.commit])
        old = self.repository.store_files(commit.commit, *MANIFEST_FOLDERS, unlike=[self.commit])
        return _without_temporary([*new, *old])

    def python_files(self) -> Iterable[str]:
        """Return the path of every Python file of the project."""
        if self.commit is None:
            return ()
        prefix = self.repository.project_prefix
        names = self.repository.top.fields("ls-tree", "-r", "-z", "--name-only", "--full-tree", self.commit)
        return _python_files([name.removeprefix(prefix) for name in names if name.startswith(prefix)])

    def source(self, path: str) -> bytes | None:
        """Return the bytes of a file of the project, None if it does not exist."""
        oid = self._object_at(self.repository.project_prefix + path)
        return None if oid is None else self.repository.read_object(oid)


class IndexTree(Tree):
    """What the next commit would have. The index is read once; of a path in conflict our side counts."""

    def __init__(self, repository: Repository) -> None:
        super().__init__(repository, STAGED)
        entries = (entry for entry in repository.index() if entry.stage in (0, 2))
        self.entries = {entry.path: entry for entry in entries if entry.oid not in INTENT_TO_ADD_IDS}

    @cached_property
    def project_files(self) -> dict[str, list[IndexEntry]]:
        """Path below the folder that holds the store -> the entries of the index, several in a conflict."""
        entries: dict[str, list[IndexEntry]] = {}
        for entry in index_entries(self.repository.project):
            entries.setdefault(entry.path, []).append(entry)
        return entries

    def _oid(self, path: str) -> str | None:
        return self.entries[path].oid if path in self.entries else None

    def manifest_objects(self, *folders: str) -> Mapping[str, str]:
        """Return path -> id of the Git object of every manifest, or of those below `folders` alone."""
        starts = tuple(f"{folder}/" for folder in folders or MANIFEST_FOLDERS)
        return {path: entry.oid for path, entry in self.entries.items() if path.startswith(starts)}

    def python_files(self) -> Iterable[str]:
        """Return the path of every Python file of the project."""
        return _python_files(self.project_files)

    def has_source(self, path: str) -> bool:
        """Return whether the project has such a file, in whatever state."""
        return any(entry.oid not in INTENT_TO_ADD_IDS for entry in self.project_files.get(path, ()))

    def source(self, path: str) -> bytes | None:
        """Return the bytes of a file of the project, None if it does not exist, is in conflict or is not a file."""
        entries = self.project_files.get(path, [])
        is_file = len(entries) == 1 and stat.S_ISREG(entries[0].mode)
        return self.repository.read_object(entries[0].oid) if is_file else None


class WorkTree(Tree):
    """The files as they are. The store is listed, and the index read, once and only if that is needed."""

    def __init__(self, store: Store, repository: Repository) -> None:
        super().__init__(repository, WORK_TREE)
        self.store = store

    @cached_property
    def _blobs(self) -> frozenset[BlobName]:
        return frozenset(self.store.blobs())

    @cached_property
    def _index(self) -> IndexTree:
        return IndexTree(self.repository)

    def _oid(self, path: str) -> str | None:
        entry = self._index.entries.get(path)
        return entry.oid if entry is not None and entry.is_skipped else None

    def manifest_objects(self, *folders: str) -> Mapping[str, str]:
        """Return path -> id of the Git object of every manifest that a sparse checkout leaves out."""
        objects = self._index.manifest_objects(*folders)
        return {path: oid for path, oid in objects.items() if self._index.entries[path].is_skipped}

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone."""
        directory = self.store.directory
        files = (file for folder in folders or MANIFEST_FOLDERS for file in directory.walk(folder))
        yield from {**dict.fromkeys(map(directory.name_of, files)), **self.manifest_objects(*folders)}

    def manifests_unlike(self, commit: CommitTree) -> tuple[str, ...]:
        """Return the paths of the manifests that may differ from those of a commit, or that only one of them has."""
        if commit.commit is None:
            return _without_temporary(self.store.manifest_paths())
        git = self.repository.git
        options = ("--name-only", "--no-renames", "--no-ext-diff", "--relative", "-z")
        changed = git.fields("diff", *options, commit.commit, "--", *MANIFEST_FOLDERS)
        untracked = git.fields("ls-files", "--others", "-z", "--", *MANIFEST_FOLDERS)
        return _without_temporary([*changed, *untracked])

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store, None if it does not exist."""
        data = self.store.directory.read(path)
        return super().read(path) if data is None else data

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob exists."""
        return blob in self._blobs or super().has(blob)

    def python_files(self) -> Iterable[str]:
        """Return the path of every Python file of the project that Git does not ignore."""
        options = ("--cached", "--others", "--exclude-standard", "-z")
        return _python_files(self.repository.project.fields("ls-files", *options))

    def has_source(self, path: str) -> bool:
        """Return whether the project has such a file, in whatever state."""
        return (self.repository.project.folder / path).is_file() or self._is_left_out(path)

    def source(self, path: str) -> bytes | None:
        """Return the bytes of a file of the project, None if it does not exist or cannot be read."""
        try:
            data = Directory(self.repository.project.folder).read(path)
        except RecstoreError:
            return None
        return self._index.source(path) if data is None and self._is_left_out(path) else data

    def _is_left_out(self, path: str) -> bool:
        return any(entry.is_skipped for entry in self._index.project_files.get(path, ()))


def _python_files(paths: Iterable[str]) -> Iterable[str]:
    """Return the Python files of the project, without those of projects inside it that have a store of their own."""
    mark = f"/{FOLDER}/.gitattributes"
    inner = tuple(f"{path.removesuffix(mark)}/" for path in paths if path.endswith(mark))
    return dict.fromkeys(path for path in paths if path.endswith(".py") and not path.startswith(inner))


def _without_temporary(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({path for path in paths if not path.rpartition("/")[2].startswith(TEMPORARY_PREFIX)}))
