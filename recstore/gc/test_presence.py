"""Which tests are absent, and which of those were renamed: read from Git's index, or from the work tree.

A test is absent when its function, class or file is. Where nobody can tell (Git has never known the file, it cannot be
parsed, it is not Python, or it makes its tests at run time) the test is `UNKNOWN`, and its recordings stay.

A test was renamed if its function, as a commit last had it, is now found under a name that the commit did not have. Its
manifest is not removed: `recstore mv OLD NEW` keeps the recordings, which cost live calls.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final, TypeAlias

from recstore.gc.test_scan import Definitions, Presence, fingerprint, parse_definitions
from recstore.git.history import path_versions
from recstore.git.repository import Repository
from recstore.git.trees import IndexTree, WorkTree

_MAX_VERSIONS: Final = 20
"""How many versions of its file are searched for a test that is absent."""

SourceTree: TypeAlias = IndexTree | WorkTree


@dataclass(frozen=True, slots=True)
class TestName:
    """A test's id in parts: the file, then the classes and the function in it, without parameters."""

    __test__ = False  # pytest: not a test class

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


Verdict: TypeAlias = tuple[Presence, str]
"""Whether a test exists, and the evidence: `tests/a.py has no test_x any more`."""


def judge_tests(tree: SourceTree, test_ids: Iterable[str]) -> Mapping[str, Verdict]:
    """Return for each test whether it is present, absent, or whether nobody can tell.

    Raises: GitError: the index or an object cannot be read.
    """
    verdicts: dict[str, Verdict] = {}
    by_file: dict[str, dict[str, TestName]] = {}
    for test_id in test_ids:
        name = TestName.of(test_id)
        if name is None:
            verdicts[test_id] = Presence.UNKNOWN, "its id is not that of a test in a Python file of this project"
        else:
            by_file.setdefault(name.file, {})[test_id] = name
    missing = {file for file in by_file if not tree.has_source(file)}
    known = _known_to_git(tree.repository, missing) if missing else set()
    for file, names in by_file.items():
        if file in known:
            verdicts |= dict.fromkeys(names, (Presence.ABSENT, f"{file} is gone"))
        elif file in missing:
            verdicts |= dict.fromkeys(names, (Presence.UNKNOWN, f"Git has no file {file} that could be gone"))
        elif (definitions := _definitions(tree, file)) is None:
            verdicts |= dict.fromkeys(names, (Presence.UNKNOWN, f"{file} cannot be parsed"))
        else:
            for test_id, name in names.items():
                presence = definitions.find(name.names)
                verdicts[test_id] = presence, f"{file} {_EVIDENCE[presence].format('::'.join(name.names))}"
    return verdicts


_EVIDENCE: Final = {
    Presence.PRESENT: "has {}",
    Presence.ABSENT: "has no {} any more",
    Presence.UNKNOWN: "may make {} in a way that only running it would tell",
}


def _definitions(tree: SourceTree, path: str) -> Definitions | None:
    source = tree.source(path)
    return None if source is None else parse_definitions(source)


def _known_to_git(repository: Repository, missing: set[str]) -> set[str]:
    """Return the files of the project that HEAD has or had, and that nobody could find elsewhere now.

    A file below a link or a submodule may still exist behind that.
    """
    head = repository.head
    if head is None:
        return set()
    prefix = repository.project_prefix
    known = {path for path in missing if repository.objects.lookup(head, prefix + path) is not None}
    if known < missing:
        versions = path_versions(repository, [prefix + path for path in missing - known], [head])
        known |= missing & {version.path.removeprefix(prefix) for version in versions}
    entries = IndexTree(repository).project_files
    detours = {path for path, stages in entries.items() if not all(stat.S_ISREG(entry.mode) for entry in stages)}
    return {path for path in known if not detours & {str(folder) for folder in PurePosixPath(path).parents}}


def suggest_renames(tree: SourceTree, absent: Iterable[str], recorded: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return (old, new) for the `absent` tests that seem to exist under another name: tests without parameters, or files.

    `recorded` are the ids of all tests that have a manifest: none of them is a new name. Where all tests of a file have
    moved to one other file under their old names, the files are returned.

    Raises: GitError: history cannot be read.
    """
    names = {str(name): name for test_id in absent if (name := TestName.of(test_id)) is not None and name.names}
    search = _RenameSearch(tree, {str(name) for test_id in recorded if (name := TestName.of(test_id)) is not None})
    renames = {old: new for old, name in sorted(names.items()) if (new := search.new_name_of(name)) is not None}
    folded = set()
    for old, new in renames.items():
        file, new_file = names[old].file, new.partition("::")[0]
        neighbours = [name for name in names.values() if name.file == file]
        have_moved = all(renames.get(str(name)) == str(TestName(new_file, name.names)) for name in neighbours)
        folded.add((file, new_file) if have_moved and not tree.has_source(file) else (old, new))
    return tuple(sorted(folded))


@dataclass(frozen=True, slots=True)
class _RenameSearch:
    """What was read of history; `taken` are tests that no other was renamed to."""

    tree: SourceTree
    taken: set[str]
    _versions: dict[str, list[tuple[str, Definitions]]] = field(default_factory=dict)
    _changed: dict[str, list[str]] = field(default_factory=dict)
    _functions: dict[str, list[tuple[tuple[str, ...], str | None]]] = field(default_factory=dict)

    def new_name_of(self, name: TestName) -> str | None:
        """Return the test that does what `name` did, if that one is new and has no recordings."""
        for commit, old in self._versions_of(name.file):
            function = dict(old.functions()).get(name.names)
            if function is not None:
                wanted = fingerprint(function)
                tests = self._new_tests(commit, name.file, wanted) if wanted is not None else []
                tests = [test for test in tests if str(test) not in self.taken]
                if not tests:
                    return None
                new = str(min(tests, key=lambda test: (test.names != name.names, test.file != name.file, str(test))))
                self.taken.add(new)
                return new
        return None

    def _versions_of(self, path: str) -> list[tuple[str, Definitions]]:
        """Return (commit, definitions) of the last versions of a file that can be read, the newest first."""
        repository = self.tree.repository
        if path not in self._versions:
            self._versions[path] = []
            revisions = [repository.head or "--all", f"--max-count={_MAX_VERSIONS}"]
            for version in path_versions(repository, [repository.project_prefix + path], revisions):
                if repository.objects.has(version.oid):
                    definitions = parse_definitions(repository.objects.read(version.oid))
                    if definitions is not None:
                        self._versions[path].append((version.commit, definitions))
        return self._versions[path]

    def _new_tests(self, commit: str, file: str, wanted: str) -> list[TestName]:
        """Return the functions with this fingerprint that changed files have now, and had not in `commit`."""
        objects, prefix = self.tree.repository.objects, self.tree.repository.project_prefix
        tests: list[TestName] = []
        for path in dict.fromkeys([file, *self._files_changed_since(commit)]):
            if path not in self._functions:
                now = _definitions(self.tree, path) if self.tree.has_source(path) else None
                functions = now.functions() if now is not None else ()
                self._functions[path] = [(names, fingerprint(function)) for names, function in functions]
            alike = [names for names, mark in self._functions[path] if mark == wanted]
            found = objects.lookup(commit, prefix + path) if alike else None
            before = parse_definitions(objects.read(found[1])) if found is not None and objects.has(found[1]) else None
            tests += [
                TestName(path, names) for names in alike if before is None or before.find(names) is not Presence.PRESENT
            ]
        return tests

    def _files_changed_since(self, commit: str) -> list[str]:
        """Return the Python files of the project that differ from those of `commit`, or are new."""
        if commit not in self._changed:
            git, is_staged = self.tree.repository.project, isinstance(self.tree, IndexTree)
            options = ("--name-only", "--relative", "--no-renames", "--diff-filter=AM", "-z")
            changed = git.fields("diff", *options, *(("--cached",) if is_staged else ()), commit)
            if not is_staged:
                changed += git.fields("ls-files", "--others", "--exclude-standard", "-z")
            self._changed[commit] = [path for path in changed if path.endswith(".py")]
        return self._changed[commit]
