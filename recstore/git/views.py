"""One place at which a project can be looked at: a commit, Git's index, or the work tree.

Paths of the store's files are below its folder, those of tests below the folder that holds the store.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from recstore.errors import GitError, RecstoreError
from recstore.git.objects import EMPTY_BLOBS
from recstore.git.repository import IndexEntry, Repository, index_entries
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.directory import Directory
from recstore.store.paths import MANIFEST_FOLDERS

WORK_TREE: Final = "the work tree"
STAGED: Final = "Git's index"
"""What a person calls them."""


class View(Protocol):
    """What all three have in common."""

    @property
    def title(self) -> str:
        """What a person calls the place."""

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store, None if it is not there.

        Raises: GitError, RecstoreError: it is there and cannot be read.
        """

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob is there; its bytes are not looked at."""

    def test_files(self) -> Iterator[str]:
        """Yield the path of every Python file of the project."""

    def source(self, path: str) -> bytes | None:
        """Return a file of the project, None if it is not there or no file."""


@dataclass(frozen=True, slots=True)
class CommitView:
    """A commit, read without a checkout."""

    repository: Repository
    commit: str

    @property
    def title(self) -> str:
        """What a person calls the place."""
        return f"commit {self.commit[:12]}"

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone."""
        files = self.repository.store_files(self.commit, *(folders or MANIFEST_FOLDERS))
        self.repository.fetch(files.values())  # all at once
        yield from files

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store."""
        return self._read(self.repository.prefix + path)

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob is there."""
        return self.repository.objects.lookup(self.commit, self.repository.prefix + blob.path) is not None

    def test_files(self) -> Iterator[str]:
        """Yield the path of every Python file of the project."""
        prefix = self.repository.place.project_prefix
        names = self.repository.top.fields("ls-tree", "-r", "-z", "--name-only", "--full-tree", self.commit)
        yield from _python(name[len(prefix) :] for name in names if name.startswith(prefix))

    def source(self, path: str) -> bytes | None:
        """Return a file of the project."""
        return self._read(self.repository.place.project_prefix + path)

    def _read(self, path: str) -> bytes | None:
        there = self.repository.objects.lookup(self.commit, path)
        if there is None or not stat.S_ISREG(there[0]):
            return None
        self.repository.fetch([there[1]])
        return self.repository.objects.read(there[1])


@dataclass(slots=True)
class IndexView:
    """What the next commit would have."""

    repository: Repository
    _entries: dict[str, IndexEntry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the index once; of a path in conflict our side counts."""
        for entry in self.repository.index():
            if entry.stage in (0, 2) and entry.oid not in EMPTY_BLOBS:
                self._entries[entry.path] = entry

    @property
    def title(self) -> str:
        """What a person calls the place."""
        return STAGED

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone."""
        starts = tuple(f"{folder}/" for folder in folders or MANIFEST_FOLDERS)
        yield from (path for path in self._entries if path.startswith(starts))

    def manifests(self) -> dict[str, str]:
        """Return path -> object id of every manifest."""
        return {path: self._entries[path].oid for path in self.manifest_paths()}

    def prepare(self, paths: Iterable[str]) -> None:
        """Fetch what a partial clone has left with its remote; what cannot be had is an error once it is read."""
        with suppress(GitError):
            self.repository.fetch(self._entries[path].oid for path in paths if path in self._entries)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store."""
        entry = self._entries.get(path)
        return None if entry is None else self._read(entry)

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob is there."""
        return blob.path in self._entries

    def test_files(self) -> Iterator[str]:
        """Yield the path of every Python file of the project."""
        yield from _python(self.repository.project.fields("ls-files", "-z"))

    def source(self, path: str) -> bytes | None:
        """Return a file of the project."""
        entries = [entry for entry in index_entries(self.repository.project, path) if entry.path == path]
        return self._read(entries[0]) if len(entries) == 1 and stat.S_ISREG(entries[0].mode) else None

    def _read(self, entry: IndexEntry) -> bytes:
        self.repository.fetch([entry.oid])
        return self.repository.objects.read(entry.oid)


@dataclass(slots=True)
class WorkTreeView:
    """The files as they are; what a sparse checkout leaves out is read from the index, for it is not deleted."""

    store: Store
    repository: Repository
    _left_out: dict[str, str] = field(default_factory=dict)
    _blobs: frozenset[BlobName] = frozenset()

    def __post_init__(self) -> None:
        """List the blobs once, and what is left out of the checkout."""
        self._blobs = frozenset(self.store.blobs())
        self._left_out = {entry.path: entry.oid for entry in self.repository.index() if entry.is_skipped}

    @property
    def title(self) -> str:
        """What a person calls the place."""
        return WORK_TREE

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest, or of those below `folders` alone."""
        starts = folders or MANIFEST_FOLDERS
        directory = self.store.directory
        present = dict.fromkeys(directory.name_of(file) for start in starts for file in directory.walk(start))
        yield from present
        below = tuple(f"{start}/" for start in starts)
        yield from (path for path in self._left_out if path.startswith(below) and path not in present)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the store."""
        data = self.store.directory.read(path)
        if data is None and path in self._left_out:
            self.repository.fetch([self._left_out[path]])
            return self.repository.objects.read(self._left_out[path])
        return data

    def has(self, blob: BlobName) -> bool:
        """Return whether the blob is there."""
        return blob in self._blobs or blob.path in self._left_out

    def test_files(self) -> Iterator[str]:
        """Yield the path of every Python file of the project that Git does not ignore."""
        options = ("--cached", "--others", "--exclude-standard", "-z")
        yield from _python(self.repository.project.fields("ls-files", *options))

    def source(self, path: str) -> bytes | None:
        """Return a file of the project."""
        try:
            return Directory(self.repository.project.folder).read(path)
        except RecstoreError:  # a folder, or no right to read it: nothing can be told
            return None


def _python(paths: Iterable[str]) -> dict[str, None]:
    """Return the Python files of the project, without those of projects inside it that have a store of their own."""
    every = list(paths)
    mark = f"/{FOLDER}/.gitattributes"
    inner = tuple(f"{path.removesuffix(mark)}/" for path in every if path.endswith(mark))
    return dict.fromkeys(path for path in every if path.endswith(".py") and not path.startswith(inner))
