"""Files are written in one place: every other module that changes one is listed here, with its reason."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

import recstore

ROOT = Path(recstore.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if "project" not in path.relative_to(ROOT).parts)

ALLOWED: Final = {
    "store/directory.py": "the one place",
    "files.py": "opens for reading alone, by flags that are stated above the call",
    "store/store.py": "makes the folder of the lock, in Git's own folder",
    "store/index.py": "SQLite writes the index, which is derived",
    "git/program.py": "the one place that runs Git",
    "git/hooks.py": "Git's hooks are no files of a store, and need modes: written aside, made durable, renamed",
    "git/trash.py": "Git builds a tree in a scratch index, in the system's folder for what does not last",
    "cli/main.py": "output that nobody reads any more goes to the null device",
    "cli/guide_command.py": "makes a scratch project, and runs in it what a person would type",
    "cli/mend_command.py": "runs `git merge-file` on files of Git's own",
    "cli/watch_command.py": "runs the user's own commands",
}
"""Module -> why it may change a file, or run a program that does."""

_OF_MODULES: Final = {
    "os": {
        *("open", "write", "pwrite", "writev", "replace", "rename", "renames", "link", "symlink", "unlink", "remove"),
        *("removedirs", "rmdir", "mkdir", "makedirs", "mkfifo", "mknod", "chmod", "chown", "utime", "truncate"),
        *("ftruncate", "fdopen", "sendfile", "copy_file_range", "system", "popen", "spawnv", "execv", "posix_spawn"),
    },
    "shutil": {
        "copy",
        "copy2",
        "copyfile",
        "copyfileobj",
        "copymode",
        "copystat",
        "copytree",
        "move",
        "rmtree",
        "chown",
    },
    "tempfile": {"mkdtemp", "mkstemp", "NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile"},
    "sqlite3": {"connect"},
    "subprocess": {"run", "Popen", "call", "check_call", "check_output"},
    "multiprocessing": {"Process", "get_context"},
}
_WRITING: Final = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"}
_OF_PATHS: Final = {
    *("write_text", "write_bytes", "touch", "mkdir", "unlink", "rmdir", "rename", "chmod", "lchmod"),
    *("symlink_to", "hardlink_to"),
}
"""Methods that only paths have."""


def named(path: Path) -> str:
    """Return a module as the list above names it."""
    return path.relative_to(ROOT).as_posix()


def changes(source: str) -> list[str]:
    """Return the calls in a module that change a file or run a program, as far as names tell."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [name for call in calls if (name := _changing(call))]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found += [
                f"{node.module}.{one.name}" for one in node.names if one.name in _OF_MODULES.get(node.module or "", ())
            ]
    return found


def _changing(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return "open" if function.id == "open" and _is_writing(call, 1) else ""
    if not isinstance(function, ast.Attribute):
        return ""
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if function.attr in _OF_MODULES.get(owner, ()):
        is_reading = function.attr == "open" and _flags(call) and not _flags(call) & _WRITING
        return "" if is_reading else f"{owner}.{function.attr}"
    if owner in _OF_MODULES:
        return ""
    is_moved = (
        function.attr == "replace"
        and len(call.args) == 1
        and not call.keywords
        and not isinstance(call.args[0], ast.Starred)
    )
    is_opened = function.attr == "open" and _is_writing(call, 0)
    return f".{function.attr}" if function.attr in _OF_PATHS or is_moved or is_opened else ""


def _flags(call: ast.Call) -> set[str]:
    """Return the flags that are named in a call of `os.open`."""
    return {node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute) and node.attr.startswith("O_")}


def _is_writing(call: ast.Call, place: int) -> bool:
    """Return whether a mode is stated that writes, or that cannot be told; a method's first argument may be no mode at all."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    modes = [*call.args[place : place + 1], *named]
    known = [str(mode.value) for mode in modes if isinstance(mode, ast.Constant)]
    is_untold = len(known) < len(modes) and bool(place or named)
    return is_untold or any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in known)


def test_files_are_written_in_one_place() -> None:
    """Whatever else changes a file says why it may, and a module that no longer does leaves the list."""
    assert set(ALLOWED) == {named(path) for path in MODULES if changes(path.read_text())}


@pytest.mark.parametrize(
    "source",
    [
        "os.unlink(path)",
        "os.open(path, flags)",
        "os.open(path, os.O_RDWR | binary)",
        "os.replace(a, b)",
        "open(path, 'w')",
        "open(path, mode=kind)",
        "path.open('ab')",
        "Path('a').write_text('')",
        "a.b.mkdir(parents=True)",
        "path.replace(target)",
        "from os import unlink",
        "from tempfile import TemporaryDirectory",
        "subprocess.run(['rm'])",
    ],
)
def test_a_change_of_a_file_is_seen(source: str) -> None:
    """The test above bites."""
    assert 1 == len(changes(source))


@pytest.mark.parametrize(
    "source",
    [
        "open(path)",
        "path.open('rb')",
        "text.replace('a', 'b')",
        "os.stat(path)",
        "path.read_bytes()",
        "os.open(path, os.O_RDONLY)",
    ],
)
def test_reading_is_no_change(source: str) -> None:
    """The test above asks for no needless exceptions."""
    assert [] == changes(source)
