"""What one system allows and another does not."""

from __future__ import annotations

import ast
import subprocess
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


def vague(path: Path) -> list[str]:
    """Return where a module reads or writes text without naming its encoding."""
    lines = []
    for call in calls(path):
        if isinstance(call.func, ast.Attribute) and call.func.attr in TEXT and isinstance(call.func.value, ast.expr):
            lines += [] if states_encoding(call, int(call.func.attr == "write_text")) else [call.lineno]
        if isinstance(call.func, ast.Name) and call.func.id == "open":
            is_binary = len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and "b" in str(call.args[1].value)
            lines += [] if is_binary or states_encoding(call, 3) else [call.lineno]
    return [f"{path.relative_to(PACKAGE)}:{line}" for line in lines]


def test_text_has_an_encoding() -> None:
    """A file is read as bytes, or as text of an encoding that is named: Windows would take another one."""
    assert [] == [place for path in MODULES for place in vague(path)]


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_the_types_fit_on_other_systems(platform: str) -> None:
    """The type checker reads the package as it would on Windows and macOS; `.ci/run` has it read as on Linux."""
    done = subprocess.run(
        ["mypy", "--platform", platform, "recstore"], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stdout
