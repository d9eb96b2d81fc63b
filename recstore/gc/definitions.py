"""What a Python file defines, by parsing alone: nothing is imported, nothing is run.

The answer is one of three. `GONE` is said only where nothing in the file could still make the name: code that
inherits, imports with a star, or makes names at run time gives `UNKNOWN`.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_Scope: TypeAlias = ast.Module | ast.ClassDef

_MAKERS: Final = frozenset({"globals", "locals", "vars", "setattr", "exec", "eval", "scenarios"})
"""Functions that put names into a module or a class where a parser does not see them (`scenarios`: pytest-bdd)."""

_MAKING_ATTRIBUTES: Final = frozenset({"globals", "scenarios", "__dict__"})
"""The same where they stand behind a dot; `model.eval()` and `monkeypatch.setattr()` are others."""


class Presence(Enum):
    """Whether a test is still there: it is, it is not, or nothing can be concluded."""

    PRESENT = "present"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Definitions:
    """A parsed module."""

    module: ast.Module
    _bound: dict[_Scope, dict[str, list[ast.stmt]]] = field(default_factory=dict, compare=False)

    def find(self, names: tuple[str, ...]) -> Presence:
        """Return whether the module may define what `names` lead to: classes, then a function."""
        return self._find(self.module, names)

    def _find(self, scope: _Scope, names: tuple[str, ...]) -> Presence:
        if not names:
            return Presence.PRESENT
        found = {self._found(inner, names[1:]) for inner in self._bindings(scope).get(names[0], ())}
        if Presence.PRESENT in found:
            return Presence.PRESENT
        is_unknown = Presence.UNKNOWN in found or (not found and self._is_open(scope, names[0]))
        return Presence.UNKNOWN if is_unknown else Presence.GONE

    def _found(self, inner: ast.stmt, names: tuple[str, ...]) -> Presence:
        """Return the same for what a statement binds: a function, or what was imported or assigned, is as far as a parser sees."""
        return self._find(inner, names) if isinstance(inner, ast.ClassDef) else Presence.PRESENT

    def function(self, names: tuple[str, ...]) -> Function | None:
        """Return the function that `names` lead to, where it stands in the file."""
        return dict(self.functions()).get(names)

    def functions(self) -> Iterator[tuple[tuple[str, ...], Function]]:
        """Yield every function of the module and of its classes, with the names that lead to it."""
        yield from _functions(self.module, ())

    def _bindings(self, scope: _Scope) -> dict[str, list[ast.stmt]]:
        """Return name -> the statements of the scope that bind it: which of them runs last is not for a parser to say."""
        if scope not in self._bound:
            bound = self._bound[scope] = {}
            for node in _statements(scope):
                for name in _names_bound(node):
                    bound.setdefault(name, []).append(node)
        return self._bound[scope]

    def _is_open(self, scope: _Scope, name: str) -> bool:
        """Return whether `scope` may have a name that is not written in it."""
        if isinstance(scope, ast.ClassDef) and _inherits(scope):
            return True
        statements = list(_statements(scope))
        has_star = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in statements)
        return has_star or any(_may_multiply(node, name) for node in statements) or self._may_make(name)

    def _may_make(self, name: str) -> bool:
        return any(_makes(node, name) for node in ast.walk(self.module))


def parse_definitions(source: bytes) -> Definitions | None:
    """Return what the file `source` defines, None if this Python cannot parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's file: not ours to report
            return Definitions(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def fingerprint(function: Function) -> str | None:
    """Return what two functions of other names have in common if they do the same; None if they do nothing."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if all(isinstance(node, ast.Pass) or _is_constant(node) for node in body):
        return None
    return "\n".join((type(function).__name__, ast.dump(function.args), *map(ast.dump, function.body)))


def _makes(node: ast.AST, name: str) -> bool:
    """Return whether a part of the module may make `name` elsewhere than where it stands: `TestA.test_x = ...`, `global test_x`."""
    if isinstance(node, ast.Attribute):
        return node.attr in _MAKING_ATTRIBUTES or (node.attr == name and isinstance(node.ctx, ast.Store))
    if isinstance(node, ast.Global):
        return name in node.names
    return isinstance(node, ast.Name) and node.id in _MAKERS


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


def _names_bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement by itself binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    expressions = (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    names = (inner for expression in expressions for inner in ast.walk(expression))
    return {inner.id for inner in names if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)}


def _functions(scope: _Scope, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Function]]:
    for node in _statements(scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (*names, node.name), node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, (*names, node.name))


def _inherits(scope: ast.ClassDef) -> bool:
    is_plain = all(isinstance(parent, ast.Name) and parent.id == "object" for parent in scope.bases)
    return not is_plain or bool(scope.keywords or scope.decorator_list)


def _may_multiply(node: ast.stmt, name: str) -> bool:
    """Return whether a decorator other than pytest's may have made `name` of what it decorates: `x` gives `x_0`."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    others = [decorator for decorator in node.decorator_list if not _is_pytests(decorator)]
    return any(name.startswith(f"{node.name}_") or _names_freely(decorator) for decorator in others)


def _names_freely(decorator: ast.expr) -> bool:
    """Return whether the decorator is told how to name what it makes: `parameterized.expand(..., name_func=...)`."""
    return isinstance(decorator, ast.Call) and any(keyword.arg == "name_func" for keyword in decorator.keywords)


def _is_pytests(decorator: ast.expr) -> bool:
    while isinstance(decorator, ast.Call | ast.Attribute):
        decorator = decorator.func if isinstance(decorator, ast.Call) else decorator.value
    return isinstance(decorator, ast.Name) and decorator.id == "pytest"


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
