"""Tests that ask for recordings: read from their source by parsing, never imported, never run.

A test asks if it, its class or its module has pytest's marker `recstore` or `vcr`, or if its id fits one of the
project's own patterns. One that is skipped whatever happens does not ask.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from recstore.git.definitions import Function, parse_definitions

__all__ = ["Asking", "is_test_file", "tests_that_ask"]

_MARKERS: Final = frozenset(("recstore", "vcr"))
_SKIPPED: Final = "skip"


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

    A pattern is a folder, a file or a test's id, with the wildcards of a shell.
    """
    wanted = tuple(patterns)
    definitions = parse_definitions(source)
    if definitions is None or not is_test_file(path):
        return
    of_module = _module_markers(definitions.module)
    classes = {node.name: node for node in ast.walk(definitions.module) if isinstance(node, ast.ClassDef)}
    for names, function in definitions.functions():
        owners = [classes[name] for name in names[:-1] if name in classes]
        test_id = "::".join((path, *names))
        if not _is_test(names):
            continue
        markers = {*of_module, *_markers(function), *(marker for owner in owners for marker in _markers(owner))}
        if _SKIPPED not in markers and (markers & _MARKERS or any(_fits(test_id, pattern) for pattern in wanted)):
            yield Asking(test_id, function.lineno)


def _is_test(names: tuple[str, ...]) -> bool:
    return names[-1].startswith("test") and all(name.startswith("Test") for name in names[:-1])


def _fits(test_id: str, pattern: str) -> bool:
    plain = pattern.removeprefix("./").rstrip("/")
    file = test_id.partition("::")[0]
    return fnmatchcase(test_id, plain) or fnmatchcase(file, plain) or fnmatchcase(file, f"{plain}/*")


def _markers(node: Function | ast.ClassDef) -> set[str]:
    return {name for decorator in node.decorator_list if (name := _marker(decorator))}


def _module_markers(module: ast.Module) -> set[str]:
    """Return the markers that `pytestmark = ...` gives every test of the module."""
    found: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            values = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
            found.update(name for value in values if (name := _marker(value)))
    return found


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
