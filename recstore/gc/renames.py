"""Tests that seem to have been renamed: gone under one name, while the same function appeared under another.

Such a manifest is not removed but offered: `recstore mv OLD NEW` keeps its recordings, which cost live calls.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from recstore.gc.definitions import Definitions, Presence, fingerprint, parse_definitions
from recstore.gc.test_presence import TestFiles, TestName
from recstore.git.history import path_versions

_VERSIONS: Final = 20
"""How far back, in versions of its file, a test that is gone is looked for."""


@dataclass(frozen=True, slots=True, order=True)
class Offer:
    """`recstore mv OLD NEW`: both are tests without parameters, or both are files."""

    old: str
    new: str


@dataclass(slots=True)
class _Search:
    files: TestFiles
    taken: set[str]
    _old: dict[str, list[tuple[str, Definitions]]] = field(default_factory=dict)
    _changed: dict[str, list[str]] = field(default_factory=dict)

    def target_of(self, name: TestName) -> str | None:
        """Return the test that does what `name` did, if that one is new and has no recordings."""
        for commit, old in self._versions(name.file):
            function = old.function(name.names)
            if function is None:
                continue
            wanted = fingerprint(function)
            candidates = self._new_functions(commit, name) if wanted is not None else ()
            alike = [test for test, mark in candidates if mark == wanted and str(test) not in self.taken]
            alike.sort(key=lambda test: (test.names != name.names, test.file != name.file, str(test)))
            return str(alike[0]) if alike else None
        return None

    def _versions(self, path: str) -> list[tuple[str, Definitions]]:
        """Return (commit, definitions) of the last versions of a file, the newest first."""
        if path not in self._old:
            self._old[path] = list(self._read_versions(path))
        return self._old[path]

    def _read_versions(self, path: str) -> Iterator[tuple[str, Definitions]]:
        repository = self.files.repository
        head = repository.head
        if head is None:
            return
        copies = path_versions(repository, [repository.place.project_prefix + path], [head, f"--max-count={_VERSIONS}"])
        for copy in copies:
            source = repository.objects.read(copy.oid) if repository.objects.has(copy.oid) else b"("
            definitions = parse_definitions(source)
            if definitions is not None:
                yield copy.commit, definitions

    def _new_functions(self, commit: str, gone: TestName) -> Iterator[tuple[TestName, str | None]]:
        """Yield the functions that the changed files have now and had not in `commit`, with their fingerprints."""
        for path in dict.fromkeys([gone.file, *self._files_changed_since(commit)]):
            now = self.files.definitions(path) if self.files.has(path) else None
            if now is None:
                continue
            before = self._definitions_at(commit, path)
            for names, function in now.functions():
                if before is None or before.find(names) is not Presence.PRESENT:
                    yield TestName(path, names), fingerprint(function)

    def _files_changed_since(self, commit: str) -> list[str]:
        """Return the Python files, as seen from the project's folder, that are other or new since `commit`."""
        if commit not in self._changed:
            git = self.files.repository.project
            staged = ("--cached",) if self.files.is_staged else ()
            options = ("--name-only", "--relative", "--no-renames", "--diff-filter=AM", "-z", *staged)
            changed = git.fields("diff", *options, commit)
            if not self.files.is_staged:
                changed += git.fields("ls-files", "--others", "--exclude-standard", "-z")
            paths = [path for path in changed if path.endswith(".py")]
            self.files = TestFiles(self.files.repository, self.files.paths | set(paths), self.files.is_staged)
            self._changed[commit] = paths
        return self._changed[commit]

    def _definitions_at(self, commit: str, path: str) -> Definitions | None:
        objects = self.files.repository.objects
        there = objects.lookup(commit, self.files.repository.place.project_prefix + path)
        return parse_definitions(objects.read(there[1])) if there is not None and objects.has(there[1]) else None


def renames_of(files: TestFiles, gone: Iterable[str], recorded: Collection[str]) -> tuple[Offer, ...]:
    """Return an offer for each of the tests `gone` that seems to be there under another name.

    `recorded` are the ids of all tests that have a manifest: none of them is offered as a new name. Where all
    tests of a file have moved to one other file under their old names, the file is offered.

    Raises: GitError: history cannot be read.
    """
    names = {str(name): name for test_id in gone if (name := TestName.of(test_id)) is not None and name.names}
    search = _Search(files, {str(name) for test_id in recorded if (name := TestName.of(test_id)) is not None})
    offers = {}
    for old, name in sorted(names.items()):
        new = search.target_of(name)
        if new is not None:
            search.taken.add(new)
            offers[old] = new
    return _folded(offers, names, files)


def _folded(offers: dict[str, str], names: dict[str, TestName], files: TestFiles) -> tuple[Offer, ...]:
    found = set()
    for old, new in offers.items():
        file, new_file = names[old].file, new.partition("::")[0]
        mates = [mate for mate in names.values() if mate.file == file]
        moved = all(offers.get(str(mate)) == str(TestName(new_file, mate.names)) for mate in mates)
        found.add(Offer(file, new_file) if moved and not files.has(file) else Offer(old, new))
    return tuple(sorted(found))
