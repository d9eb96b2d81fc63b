"""Which tests a project has, which of them use recordings, and which were renamed: by parsing alone, nothing is run.

A test is absent when its function, class or file is; where nobody can tell (the file was never committed, cannot be parsed,
or may make names at run time) it is `UNKNOWN`. A test was renamed if its function, as a commit last had it, is now
found under a name that the commit did not have. A test uses recordings by marker, by fixture or by a selector.
GitError is raised where Git cannot answer.
"""

from __future__ import annotations

import ast
import stat
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import PurePosixPath
from typing import Final, TypeAlias

from recstore.git.history import versions
from recstore.git.trees import IndexTree, WorkTree
from recstore.store.rename import is_selected

SourceTree: TypeAlias = IndexTree | WorkTree
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_Scope: TypeAlias = ast.Module | ast.ClassDef

_NAME_MAKERS: Final = frozenset({"globals", "locals", "vars", "setattr", "exec", "eval", "scenarios"})
"""Functions that put names into a module or a class where a parser does not see them (`scenarios`: pytest-bdd)."""

_NAME_MAKING_ATTRIBUTES: Final = frozenset({"globals", "scenarios", "__dict__"})
"""The same where they stand behind a dot; `model.eval()` and `monkeypatch.setattr()` do something else."""

_MARKERS: Final = frozenset(("recstore", "vcr"))
_EXEMPT_MARKERS: Final = frozenset(("default_cassette", "skip"))
"""Markers of tests that need not have recordings under their own name."""

_MAX_VERSIONS: Final = 20
"""How many versions of its file are searched for a test that is absent."""


class Presence(Enum):
    """Whether a test exists: it does, it does not, or nothing can be concluded; the value is what its file then says."""

    PRESENT = "has {}"
    ABSENT = "has no {} any more"
    UNKNOWN = "may make {} in a way that only running it would tell"


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


def judge_tests(tree: SourceTree, test_ids: Iterable[str]) -> dict[str, tuple[Presence, str]]:
    """Return for each test whether it is present, absent or unknown, and the evidence: `tests/a.py has no test_x any more`."""
    names = {test_id: TestName.of(test_id) for test_id in test_ids}
    files = {name.file for name in names.values() if name is not None}
    missing = {file for file in files if not tree.has_source(file)}
    gone: set[str] = set()
    repository, prefix = tree.repository, tree.repository.project_prefix
    head = repository.head if missing else None
    if head is not None:
        gone = {file for file in missing if repository.objects.lookup(head, prefix + file) is not None}
        if gone < missing:
            gone |= missing & {version.path for version in versions(repository, missing - gone, [head], prefix)}
        entries = IndexTree(repository).project_files  # behind a link or a submodule, a file may still exist
        detours = {path for path, stages in entries.items() if not all(stat.S_ISREG(entry.mode) for entry in stages)}
        gone = {file for file in gone if not detours & {str(folder) for folder in PurePosixPath(file).parents}}
    parsed = {file: parse_definitions(tree.source(file)) for file in files - missing}
    verdicts = {}
    for test_id, name in names.items():
        presence = Presence.UNKNOWN
        if name is None:
            evidence = f"{test_id} is not the id of a test in a Python file of this project"
        elif name.file in gone:
            presence, evidence = Presence.ABSENT, f"{name.file} is gone"
        elif name.file in missing:
            evidence = f"Git has no file {name.file} that could be gone"
        elif (definitions := parsed[name.file]) is None:
            evidence = f"{name.file} cannot be parsed"
        else:
            presence = definitions.find(name.names)
            evidence = f"{name.file} {presence.value.format('::'.join(name.names))}"
        verdicts[test_id] = presence, evidence
    return verdicts


def suggest_renames(tree: SourceTree, absent: Iterable[str], recorded: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return (old, new) for the `absent` tests that seem to exist under another name: tests without parameters, or files.

    `recorded` are the ids of all tests that have a manifest: none of them is a new name. Where all tests of a file have
    moved to one other file under their old names, the files are returned.
    """
    repository, objects, prefix = tree.repository, tree.repository.objects, tree.repository.project_prefix

    @cache
    def old_versions(path: str) -> list[tuple[str, Definitions]]:
        """Return (commit, definitions) of the last versions of a file that can be read, the newest first."""
        revisions = [repository.head or "--all", f"--max-count={_MAX_VERSIONS}"]
        readable = (old for old in versions(repository, [path], revisions, prefix) if objects.has(old.oid))
        parsed = ((old.commit, parse_definitions(objects.read(old.oid))) for old in readable)
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
        now = parse_definitions(tree.source(path)) if tree.has_source(path) else None
        return [(names, fingerprint(function)) for names, function in (now.functions() if now is not None else ())]

    taken = {str(name) for test_id in recorded if (name := TestName.of(test_id)) is not None}
    tests = {str(name): name for test_id in absent if (name := TestName.of(test_id)) is not None and name.names}
    renames: dict[str, str] = {}
    for old_name, test in sorted(tests.items()):
        functions = ((commit, dict(old.functions()).get(test.names)) for commit, old in old_versions(test.file))
        commit, function = next((version for version in functions if version[1] is not None), ("", None))
        wanted = fingerprint(function) if function is not None else None
        candidates: list[TestName] = []
        for path in dict.fromkeys([test.file, *files_changed_since(commit)]) if wanted is not None else ():
            alike = [names for names, mark in functions_now(path) if mark == wanted]
            entry = objects.lookup(commit, prefix + path) if alike else None
            before = parse_definitions(objects.read(entry[1])) if entry is not None and objects.has(entry[1]) else None
            is_new = [names for names in alike if before is None or before.find(names) is not Presence.PRESENT]
            candidates += [name for names in is_new if str(name := TestName(path, names)) not in taken]
        if candidates:
            ranks = {name: (name.names != test.names, name.file != test.file, str(name)) for name in candidates}
            renames[old_name] = str(min(ranks, key=ranks.__getitem__))
            taken.add(renames[old_name])
    folded = set()
    for old, new in renames.items():
        file, new_file = tests[old].file, new.partition("::")[0]
        neighbours = [name for name in tests.values() if name.file == file]
        have_moved = all(renames.get(str(name)) == str(TestName(new_file, name.names)) for name in neighbours)
        folded.add((file, new_file) if have_moved and not tree.has_source(file) else (old, new))
    return tuple(sorted(folded))


def is_test_file(path: str) -> bool:
    """Return whether pytest, without any configuration, collects tests from the file."""
    name = path.rpartition("/")[2]
    return (name.startswith("test_") and name.endswith(".py")) or name.endswith("_test.py")


def tests_using_recordings(path: str, source: bytes, selectors: Iterable[str]) -> dict[str, int]:
    """Return test id -> line of the tests in the file `path` that use recordings; none where the file cannot be parsed.

    A selector is a folder, a file or a test's id; `*` in it stands for any characters. The ids have no parameters.
    """
    selectors = tuple(selectors)
    definitions = parse_definitions(source) if is_test_file(path) else None
    if definitions is None or not _is_collected(definitions.module):
        return {}
    tests = {}
    for owners, function in _functions(definitions.module, ()):
        if not (function.name.startswith("test") and all(map(_is_test_class, owners))):
            continue
        marks = list(function.decorator_list)
        scopes: tuple[_Scope, ...] = (definitions.module, *owners)
        for scope in scopes:
            marks += scope.decorator_list if isinstance(scope, ast.ClassDef) else ()
            for value in _assigned(scope, "pytestmark"):
                marks += value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
        markers = set(map(_marker, marks))
        arguments = function.args
        fixtures = {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and _marker(decorator) == "usefixtures":
                fixtures.update(str(name.value) for name in decorator.args if isinstance(name, ast.Constant))
        test_id = "::".join((path, *(owner.name for owner in owners), function.name))
        is_recorded = (
            markers & _MARKERS or "recstore" in fixtures or any(is_selected(test_id, word) for word in selectors)
        )
        if is_recorded and not markers & _EXEMPT_MARKERS:
            tests[test_id] = function.lineno
    return tests


@dataclass(frozen=True, slots=True)
class Definitions:
    """A parsed module."""

    module: ast.Module
    _bindings: dict[_Scope, dict[str, list[ast.stmt]]] = field(default_factory=dict, compare=False)

    def find(self, names: tuple[str, ...], scope: _Scope | None = None) -> Presence:
        """Return whether the module, or `scope` in it, may define what `names` lead to: classes, then a function."""
        scope = scope or self.module
        if not names:
            return Presence.PRESENT
        if scope not in self._bindings:
            bindings: dict[str, list[ast.stmt]] = {}
            self._bindings[scope] = bindings
            for node in _statements(scope):
                for name in _names_bound(node):
                    bindings.setdefault(name, []).append(node)
        answers = {  # a parser sees into classes alone: any other binding counts as what is looked for
            self.find(names[1:], node) if isinstance(node, ast.ClassDef) else Presence.PRESENT
            for node in self._bindings[scope].get(names[0], ())
        }
        if Presence.PRESENT in answers:
            return Presence.PRESENT
        is_unknown = Presence.UNKNOWN in answers or (not answers and self._may_have(scope, names[0]))
        return Presence.UNKNOWN if is_unknown else Presence.ABSENT

    def functions(self) -> Iterator[tuple[tuple[str, ...], Function]]:
        """Yield every function of the module and of its classes, with the names that lead to it."""
        for owners, function in _functions(self.module, ()):
            yield (*(owner.name for owner in owners), function.name), function

    def _may_have(self, scope: _Scope, name: str) -> bool:
        """Return whether `scope` may have a name that is not written in it."""
        if isinstance(scope, ast.ClassDef):
            is_plain = all(isinstance(base, ast.Name) and base.id == "object" for base in scope.bases)
            if not is_plain or scope.keywords or scope.decorator_list:
                return True
        for statement in _statements(scope):
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
                return True
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                is_prefix = name.startswith(f"{statement.name}_")
                if any(_may_multiply(decorator, is_prefix=is_prefix) for decorator in statement.decorator_list):
                    return True
        for node in ast.walk(self.module):  # from any other place: `TestA.test_x = ...`, `global test_x`
            match node:
                case ast.Attribute(attr=attribute, ctx=context):
                    is_assigned = attribute == name and isinstance(context, ast.Store)
                    if is_assigned or attribute in _NAME_MAKING_ATTRIBUTES:
                        return True
                case ast.Global(names=names) if name in names:
                    return True
                case ast.Name(id=identifier) if identifier in _NAME_MAKERS:
                    return True
        return False


def parse_definitions(source: bytes | None) -> Definitions | None:
    """Return what the file `source` defines, None if there is none or this Python cannot parse it."""
    if source is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's file: not ours to report
            return Definitions(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def fingerprint(function: Function) -> str | None:
    """Return a text that functions share if they do the same under different names; None for one that does nothing."""
    if all(
        isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    ):
        return None
    return "\n".join((type(function).__name__, ast.dump(function.args), *map(ast.dump, function.body)))


def _statements(scope: _Scope) -> Iterator[ast.stmt]:
    """Yield the statements of a scope, those inside `if`, `try`, `with`, loops and `match` included."""
    waiting: list[ast.AST] = list(reversed(scope.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            children = (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))
            waiting += reversed(list(children))


def _functions(scope: _Scope, owners: tuple[ast.ClassDef, ...]) -> Iterator[tuple[tuple[ast.ClassDef, ...], Function]]:
    for node in _statements(scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield owners, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, (*owners, node))


def _names_bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement by itself binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    expressions = (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    names = (inner for expression in expressions for inner in ast.walk(expression))
    return {inner.id for inner in names if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)}


def _may_multiply(decorator: ast.expr, *, is_prefix: bool) -> bool:
    """Return whether a decorator other than pytest's may have made a name of what it decorates.

    Such a decorator makes `x_0` and `x_1` of `x` (`is_prefix`), or is given a function that names what it makes.
    """
    origin = decorator
    while isinstance(origin, ast.Call | ast.Attribute):
        origin = origin.func if isinstance(origin, ast.Call) else origin.value
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else ()
    is_pytests = isinstance(origin, ast.Name) and origin.id == "pytest"
    return not is_pytests and (is_prefix or any(keyword.arg == "name_func" for keyword in keywords))


def _is_collected(scope: _Scope) -> bool:
    """Return whether the scope does not set `__test__ = False`."""
    return not any(isinstance(value, ast.Constant) and not value.value for value in _assigned(scope, "__test__"))


def _is_test_class(owner: ast.ClassDef) -> bool:
    """Return whether pytest, without any configuration, collects tests from the class."""
    if any(isinstance(node, ast.FunctionDef) and node.name == "__init__" for node in owner.body):
        return False
    bases = (base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in owner.bases)
    is_test = owner.name.startswith("Test") or any(base.endswith("TestCase") for base in bases)
    return is_test and _is_collected(owner)


def _assigned(scope: _Scope, name: str) -> Iterator[ast.expr]:
    """Yield the values that the scope itself assigns to `name`."""
    for node in scope.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                yield node.value


def _marker(node: ast.expr) -> str:
    """Return `vcr` of `pytest.mark.vcr(...)` or `mark.vcr`, "" of anything else."""
    inner = node.func if isinstance(node, ast.Call) else node
    if not isinstance(inner, ast.Attribute):
        return ""
    owner = inner.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return inner.attr if name == "mark" else ""
