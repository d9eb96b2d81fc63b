"""What one system allows and another does not. The type checker reads the code as each of them would (see `.ci/run`)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "recstore"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEXT = {"read_text", "write_text"}


def calls(path: Path) -> list[ast.Call]:
    """Return every call in the module."""
    return [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]


def states_encoding(call: ast.Call, first: int) -> bool:
    """Return whether a call says how text becomes bytes, by name or as the argument at `first`."""
    return any(keyword.arg == "encoding" for keyword in call.keywords) or len(call.args) > first


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_text_has_an_encoding(path: Path) -> None:
    """A file is read as bytes, or as text of an encoding that is named: Windows would take another one."""
    vague = []
    for call in calls(path):
        if isinstance(call.func, ast.Attribute) and call.func.attr in TEXT and isinstance(call.func.value, ast.expr):
            vague += [] if states_encoding(call, int(call.func.attr == "write_text")) else [call.lineno]
        if isinstance(call.func, ast.Name) and call.func.id == "open":
            is_binary = len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and "b" in str(call.args[1].value)
            vague += [] if is_binary or states_encoding(call, 3) else [call.lineno]

    assert [] == vague
