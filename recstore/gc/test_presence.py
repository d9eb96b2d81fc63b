"""Which tests are absent, and which of those were renamed: read from Git's index, or from the work tree.

A test is absent when its function, class or file is. Where nobody can tell (Git has never known the file, it cannot be
parsed, it is not Python, or it makes its tests at run time) the test is `UNKNOWN`, and its recordings stay.

A test was renamed if its function, as a commit last had it, is now found under a name that the commit did not have. Its
manifest is not removed: `recstore mv OLD NEW` keeps the recordings, which cost live calls.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
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


_EVIDENCE: Final = {
    Presence.PRESENT: "has {}",
    Presence.ABSENT: "has no {} any more",
    Presence.UNKNOWN: "may make {} in a way that only running it would tell",
}


def judge_tests(tree: SourceTree, test_ids: Iterable[str]) -> dict[str, tuple[Presence, str]]:
    """Return for each test whether it is present, absent or unknown, and the evidence: `tests/a.py has no test_x any more`.

    Raises: GitError: the index or an object cannot be read.
    """
    names = {test_id: TestName.of(test_id) for test_id in test_ids}
    files = {name.file for name in names.values() if name is not None}
    missing = {file for file in files if not tree.has_source(file)}
    gone = _known_to_git(tree.repository, missing) if missing else set()
    parsed = {file: _definitions(tree, file) for file in files - missing}
    verdicts = {}
    for test_id, name in names.items():
        presence = Presence.UNKNOWN
        if name is None:
            evidence = "its id is not that of a test in a Python file of this project"
        elif name.file in gone:
            presence, evidence = Presence.ABSENT, f"{name.file} is gone"
        elif name.file in missing:
            evidence = f"Git has no file {name.file} that could be gone"
        elif (definitions := parsed[name.file]) is None:
            evidence = f"{name.file} cannot be parsed"
        else:
            presence = definitions.find(name.names)
            evidence = f"{name.file} {_EVIDENCE[presence].format('::'.join(name.names))}"
        verdicts[test_id] = presence, evidence
    return verdicts


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
    repository, objects, prefix = tree.repository, tree.repository.objects, tree.repository.project_prefix

    @cache
    def old_versions(path: str) -> list[tuple[str, Definitions]]:
        """Return (commit, definitions) of the last versions of a file that can be read, the newest first."""
        revisions = [repository.head or "--all", f"--max-count={_MAX_VERSIONS}"]
        versions = path_versions(repository, [prefix + path], revisions)
        parsed = (
            (version.commit, parse_definitions(objects.read(version.oid)))
            for version in versions
            if objects.has(version.oid)
        )
        return [(commit, definitions) for commit, definitions in parsed if definitions is not None]

    @cache
    def files_changed_since(commit: str) -> list[str]:
        """Return the Python files of the project that differ from those of `commit`, or are new."""
        is_staged = isinstance(tree, IndexTree)
        options = ("--name-only", "--relative", "--no-renames", "--diff-filter=AM", "-z")
        changed = repository.project.fields("diff", *options, *(("--cached",) if is_staged else ()), commit)
        if not is_staged:
            changed += repository.project.fields("ls-files", "--others", "--exclude-standard", "-z")
        return [path for path in changed if path.endswith(".py")]

    @cache
    def functions_now(path: str) -> list[tuple[tuple[str, ...], str | None]]:
        """Return the names and the fingerprint of each function that a file has now."""
        now = _definitions(tree, path) if tree.has_source(path) else None
        return [(names, fingerprint(function)) for names, function in (now.functions() if now is not None else ())]

    taken = {str(name) for test_id in recorded if (name := TestName.of(test_id)) is not None}

    def new_name_of(test: TestName) -> str | None:
        """Return the test that does what `test` did, if that one is new and has no recordings."""
        versions = ((commit, dict(old.functions()).get(test.names)) for commit, old in old_versions(test.file))
        commit, function = next((version for version in versions if version[1] is not None), ("", None))
        wanted = fingerprint(function) if function is not None else None
        if wanted is None:
            return None
        candidates: list[TestName] = []
        for path in dict.fromkeys([test.file, *files_changed_since(commit)]):
            alike = [names for names, mark in functions_now(path) if mark == wanted]
            entry = objects.lookup(commit, prefix + path) if alike else None
            before = parse_definitions(objects.read(entry[1])) if entry is not None and objects.has(entry[1]) else None
            is_new = [names for names in alike if before is None or before.find(names) is not Presence.PRESENT]
            candidates += [name for names in is_new if str(name := TestName(path, names)) not in taken]
        if not candidates:
            return None
        new = str(min(candidates, key=lambda name: (name.names != test.names, name.file != test.file, str(name))))
        taken.add(new)
        return new

    names = {str(name): name for test_id in absent if (name := TestName.of(test_id)) is not None and name.names}
    renames = {old: new for old, name in sorted(names.items()) if (new := new_name_of(name)) is not None}
    folded = set()
    for old, new in renames.items():
        file, new_file = names[old].file, new.partition("::")[0]
        neighbours = [name for name in names.values() if name.file == file]
        have_moved = all(renames.get(str(name)) == str(TestName(new_file, name.names)) for name in neighbours)
        folded.add((file, new_file) if have_moved and not tree.has_source(file) else (old, new))
    return tuple(sorted(folded))
