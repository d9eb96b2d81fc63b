"""The shape of the package: no circles, short hooks and README, one meaning for each name, plain words."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import recstore

PACKAGE: Final = Path(recstore.__file__).parent
REPOSITORY: Final = PACKAGE.parent
MODULES: Final = sorted(path for path in PACKAGE.rglob("*.py") if "project" not in path.relative_to(PACKAGE).parts)

REPEATED_NAMES: Final[Mapping[str, str]] = {
    "command": "each command of the command line is the `command` of its module",
    "patch": "each client's module in `capture` has one, which intercepts that client",
    "main": "what a module does when it is run as a program",
}
"""Names with several public definitions -> why they mean the same."""

UNWANTED_WORDS: Final[Mapping[str, str]] = {
    r"\banew\b": "again",
    r"\b(?:is|are) no (?:[a-z]+ )?(?:mode|folder|name|range|text|table|array|number|key|digest|path|file|URL|expression)\b": "is not a",
    r"\bso long\b.*\bas\b": "while",
    r"\bunserved\b": "unused",
    r"\bloose (?:file|recording)": "unimported",
    r"\(time \d": "(call N)",
}
"""Words that are not used any more -> what is said instead."""


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


NAMES: Final = frozenset(map(name_of, MODULES))


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_bytes())


def imports(path: Path) -> Iterator[str]:
    """Yield the modules of the package that a module imports, at its top, in functions and for the type checker."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.ImportFrom) and node.module in NAMES:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in NAMES else node.module


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules in which each reaches each other one (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            position = stack.index(module)
            group = stack[position:]
            del stack[position:]
            if len(group) > 1:
                groups.append(sorted(group))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return groups


def test_modules_do_not_import_each_other_in_circles() -> None:
    """Neither at the top, nor in a function, nor for the type checker alone."""
    found = circles({name_of(path): set(imports(path)) - {name_of(path)} for path in MODULES})

    assert [] == found


def test_a_circle_would_be_seen() -> None:
    """The test above bites."""
    assert [["a", "b"]] == circles({"a": {"b"}, "b": {"a", "c"}, "c": set()})


def test_a_public_name_means_one_thing() -> None:
    """No two modules define a public class or function of one name, but those that are listed with a reason."""
    definitions: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in tree_of(path).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith(
                "_"
            ):
                definitions[node.name].append(path.relative_to(PACKAGE).as_posix())
    repeated = {name: places for name, places in definitions.items() if len(places) > 1}

    assert {} == {name: places for name, places in repeated.items() if name not in REPEATED_NAMES}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings, messages and other texts of a module with their lines."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_words_that_were_given_up_do_not_come_back() -> None:
    """Docstrings, messages and pages use the words of the glossary."""
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {match[0]!r}, say {better!r}"
        for path in MODULES
        for line, text in strings(path)
        for word, better in UNWANTED_WORDS.items()
        if (match := re.search(word, text))
    ]
    found += [
        f"{path.relative_to(REPOSITORY)}: {match[0]!r}, say {better!r}"
        for path in [REPOSITORY / "README.md", *sorted(PACKAGE.rglob("docs/*.md"))]
        for word, better in UNWANTED_WORDS.items()
        if (match := re.search(word, path.read_text(encoding="utf-8")))
    ]

    assert [] == found


def test_the_readme_stays_short() -> None:
    """What a newcomer reads fits 160 lines; everything else is in the guides."""
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 160


def test_the_hooks_stay_short() -> None:
    """A committed hook is a shim of at most 25 lines: the work is done in Python, behind one command."""
    lengths = {
        path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in (REPOSITORY / "hooks").iterdir()
    }

    assert {} == {name: length for name, length in lengths.items() if length > 25}
