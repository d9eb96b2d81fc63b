"""Tests that ask for recordings: read from their source by parsing, never imported, never run.

A test asks if it, its class or its module has pytest's marker `recstore` or `vcr`, if it takes the fixture `recstore`, or if one of
the project's own words stands for it. One that is skipped whatever happens, or not collected, does not ask.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from recstore.gc.definitions import Function, parse_definitions
from recstore.store.selectors import is_named

_MARKERS: Final = frozenset(("recstore", "vcr"))
_FIXTURE: Final = "recstore"
_EXEMPT: Final = frozenset(("default_cassette", "skip"))
"""Markers of tests that need not have recordings under their own name."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A test without its parameters, and the line of its file that it begins at."""

    test_id: str
    line: int


def is_test_file(path: str) -> bool:
    """Return whether pytest takes the file for one with tests, as it is configured by itself."""
    name = PurePosixPath(path).name
    return fnmatchcase(name, "test_*.py") or fnmatchcase(name, "*_test.py")


def tests_that_ask(path: str, source: bytes, patterns: Iterable[str]) -> Iterator[Asking]:
    """Yield the tests in the file `path` that ask for recordings; none where the file cannot be parsed.

    A pattern is a folder, a file or a test's id; `*` in it stands for any characters.
    """
    wanted = tuple(patterns)
    definitions = parse_definitions(source)
    if definitions is None or not is_test_file(path) or not _is_open(definitions.module):
        return
    of_module = _own_markers(definitions.module)
    classes = {node.name: node for node in ast.walk(definitions.module) if isinstance(node, ast.ClassDef)}
    for names, function in definitions.functions():
        owners = [classes[name] for name in names[:-1] if name in classes]
        if not (names[-1].startswith("test") and all(map(_is_collected, owners))):
            continue
        test_id = "::".join((path, *names))
        markers = {*of_module, *_markers(function), *(marker for owner in owners for marker in _class_markers(owner))}
        asks = markers & _MARKERS or _takes_fixture(function) or any(is_named(test_id, word) for word in wanted)
        if asks and not markers & _EXEMPT:
            yield Asking(test_id, function.lineno)


def _is_collected(owner: ast.ClassDef) -> bool:
    """Return whether pytest, as it is configured by itself, takes the class for one with tests."""
    if any(isinstance(node, ast.FunctionDef) and node.name == "__init__" for node in owner.body):
        return False
    bases = (base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in owner.bases)
    return _is_open(owner) and (owner.name.startswith("Test") or any(base.endswith("TestCase") for base in bases))


def _is_open(scope: ast.Module | ast.ClassDef) -> bool:
    """Return whether the scope does not say `__test__ = False`."""
    return not any(isinstance(value, ast.Constant) and not value.value for value in _assigned(scope, "__test__"))


def _takes_fixture(function: Function) -> bool:
    """Return whether the test has the fixture `recstore` among its arguments, or says that it uses it."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    used = (
        argument.value
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and _marker(decorator) == "usefixtures"
        for argument in decorator.args
        if isinstance(argument, ast.Constant)
    )
    return _FIXTURE in {*used, *(argument.arg for argument in arguments)}


def _markers(node: Function | ast.ClassDef) -> set[str]:
    return {name for decorator in node.decorator_list if (name := _marker(decorator))}


def _class_markers(owner: ast.ClassDef) -> set[str]:
    return _markers(owner) | _own_markers(owner)


def _own_markers(scope: ast.Module | ast.ClassDef) -> set[str]:
    """Return the markers that `pytestmark = ...` gives every test of the scope."""
    found: set[str] = set()
    for value in _assigned(scope, "pytestmark"):
        values = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
        found.update(name for one in values if (name := _marker(one)))
    return found


def _assigned(scope: ast.Module | ast.ClassDef, name: str) -> Iterator[ast.expr]:
    """Yield what the scope itself assigns to `name`."""
    for node in scope.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if value is not None:
                yield value


def _marker(node: ast.expr) -> str:
    """Return `vcr` of `pytest.mark.vcr(...)` or `mark.vcr`, "" of anything else."""
    inner = node.func if isinstance(node, ast.Call) else node
    if not isinstance(inner, ast.Attribute):
        return ""
    owner = inner.value
    is_mark = (isinstance(owner, ast.Attribute) and owner.attr == "mark") or (
        isinstance(owner, ast.Name) and owner.id == "mark"
    )
    return inner.attr if is_mark else ""
