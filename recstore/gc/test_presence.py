"""Which tests are gone: read from the files that Git is about to commit, or from those in the work tree.

A test is gone when its function, class or file is. Where that cannot be told - the file was never known to Git,
cannot be parsed, is no Python, or makes its tests at run time - the test counts as there, with a word of why.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath

from recstore.errors import RecstoreError
from recstore.gc.definitions import Definitions, Presence, parse_definitions
from recstore.git.history import path_versions
from recstore.git.objects import EMPTY_BLOBS
from recstore.git.repository import IndexEntry, Repository
from recstore.store.directory import Directory


@dataclass(frozen=True, slots=True)
class TestName:
    """A test's id in parts: the file, and the classes and the function in it, its parameters left out."""

    __test__ = False  # pytest: no test class

    file: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, test_id: str) -> TestName | None:
        """Return the parts of a pytest id, None for an id of any other kind."""
        file, _, rest = test_id.partition("::")
        names = tuple(rest.partition("[")[0].split("::")) if rest else ()
        is_inside = not file.startswith("/") and ".." not in file.split("/") and "\0" not in file and "\n" not in file
        if not (is_inside and file.endswith(".py") and all(name.isidentifier() for name in names)):
            return None
        return cls(file, names)

    def __str__(self) -> str:
        """Return the id of the function, without parameters."""
        return "::".join((self.file, *self.names))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a test is there, and what that was concluded from: `tests/a.py has no test_x any more`."""

    presence: Presence
    reason: str = ""


@dataclass(slots=True)
class TestFiles:
    """Test files as Git is about to commit them (`is_staged`), or as they are in the work tree.

    A file that a sparse checkout leaves out is absent, not deleted: it is read from the index.
    """

    __test__ = False

    repository: Repository
    paths: frozenset[str]
    is_staged: bool
    _entries: dict[str, list[IndexEntry]] | None = None
    _present: dict[str, bool] = field(default_factory=dict)
    _parsed: dict[str, Definitions | None] = field(default_factory=dict)

    def has(self, path: str) -> bool:
        """Return whether there is such a file.

        Raises: GitError: the index cannot be read.
        """
        return self._on_disk(path) if self._is_read_from_disk(path) else bool(self._listed.get(path))

    def definitions(self, path: str) -> Definitions | None:
        """Return what the file defines, None if that cannot be told.

        Raises: GitError: its object is not here.
        """
        if path not in self._parsed:
            data = self._read(path)
            self._parsed[path] = None if data is None else parse_definitions(data)
        return self._parsed[path]

    @property
    def _listed(self) -> dict[str, list[IndexEntry]]:
        if self._entries is None:
            self._entries = {}
            for entry in self.repository.project_index(sorted(self.paths)):
                if entry.oid not in EMPTY_BLOBS:  # added with --intent-to-add: as good as not added
                    self._entries.setdefault(entry.path, []).append(entry)
        return self._entries

    def _is_read_from_disk(self, path: str) -> bool:
        if self.is_staged:
            return False
        return self._on_disk(path) or not any(entry.is_skipped for entry in self._listed.get(path, ()))

    def _on_disk(self, path: str) -> bool:
        if path not in self._present:
            self._present[path] = (self.repository.project.folder / path).is_file()
        return self._present[path]

    def _read(self, path: str) -> bytes | None:
        if self._is_read_from_disk(path):
            try:
                return Directory(self.repository.project.folder).read(path)
            except RecstoreError:  # no right to read it: nothing can be told
                return None
        entries = self._listed.get(path, [])
        if len(entries) != 1 or not stat.S_ISREG(entries[0].mode):
            return None  # in conflict, or a link
        self.repository.fetch([entries[0].oid])
        return self.repository.objects.read(entries[0].oid)


def verdicts(files: TestFiles, test_ids: Iterable[str]) -> Mapping[str, Verdict]:
    """Return for each test whether it is there, gone, or whether that cannot be told.

    Raises: GitError: the index or an object cannot be read.
    """
    named = {test_id: TestName.of(test_id) for test_id in test_ids}
    absent = {name.file for name in named.values() if name is not None and not files.has(name.file)}
    known = _known_to_git(files.repository, absent) if absent else frozenset()
    known -= _led_away(files.repository, known)
    return {test_id: _verdict(files, name, known) for test_id, name in named.items()}


def _verdict(files: TestFiles, name: TestName | None, known: frozenset[str]) -> Verdict:
    if name is None:
        return Verdict(Presence.UNKNOWN, "its id is not that of a test in a Python file of this project")
    if not files.has(name.file):
        if name.file in known:
            return Verdict(Presence.GONE, f"{name.file} is gone")
        return Verdict(Presence.UNKNOWN, f"Git has no file {name.file} that could be gone")
    definitions = files.definitions(name.file)
    if definitions is None:
        return Verdict(Presence.UNKNOWN, f"{name.file} cannot be parsed")
    presence = definitions.find(name.names)
    if presence is Presence.PRESENT:
        return Verdict(presence)
    said = "has no {} any more" if presence is Presence.GONE else "may make {} in a way that only running it would tell"
    return Verdict(presence, f"{name.file} {said.format('::'.join(name.names))}")


def _known_to_git(repository: Repository, paths: set[str]) -> frozenset[str]:
    """Return those of `paths` that HEAD has or had: a file that never was has not gone."""
    head = repository.head
    if head is None:
        return frozenset()
    prefix = repository.place.project_prefix
    known = {path for path in paths if repository.objects.lookup(head, prefix + path) is not None}
    if len(known) < len(paths):
        wanted = {prefix + path: path for path in paths - known}
        known |= {wanted[copy.path] for copy in path_versions(repository, wanted, [head]) if copy.path in wanted}
    return frozenset(known)


def _led_away(repository: Repository, paths: frozenset[str]) -> frozenset[str]:
    """Return those of `paths` on whose way the index has a link or a submodule: the file may well be behind that."""
    folders = {path: {str(folder) for folder in PurePosixPath(path).parents} for path in paths}
    entries = repository.project_index(sorted({*chain.from_iterable(folders.values())} - {"."})) if paths else ()
    found = {entry.path for entry in entries if not stat.S_ISREG(entry.mode)}
    return frozenset(path for path in paths if folders[path] & found)
