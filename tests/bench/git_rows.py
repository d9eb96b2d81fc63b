"""How much commands that ask Git take as a project grows, beside Git itself and beside reading every file."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from recstore.git.hooks import hook_text
from recstore.model import JsonBody, Recording, Request, Response
from recstore.store import Store
from recstore.store.fingerprints import RACY_WINDOW_NS
from tests.bench.processes import commit_all, git, python, spent
from tests.bench.rows import Bench, Row, in_turn
from tests.bench.scale import make_index_project, make_project, test_id_of, write_loose

__all__ = ["git_rows"]

TOUCHED_TESTS: Final = 5

_READ_ALL: Final = """
import ast, json, os, time
started_s = time.perf_counter()
functions, unused = {}, 0
for folder, _, names in os.walk("recordings"):
    for name in names:
        with open(os.path.join(folder, name)) as file:
            test = json.load(file)["test_id"]
        path, _, function = test.partition("::")
        if path not in functions:
            with open(path) as file:
                functions[path] = {node.name for node in ast.parse(file.read()).body}
        unused += function not in functions[path]
print(time.perf_counter() - started_s)
"""
"""What a project of loose files runs to find the recordings that no test has any more."""

_ASK_INDEX: Final = """
import sys, time
from pathlib import Path
from recstore.store import Store
from recstore.store.index import Index
store = Store.open(Path("."))
started_s = time.perf_counter()
with Index(store) as index:
    assert index.uses_of(sys.argv[1])
print(time.perf_counter() - started_s)
"""
_ASK_TEST: Final = """
import sys, time
from pathlib import Path
from recstore.store import Store
store = Store.open(Path("."))
started_s = time.perf_counter()
for _ in range(200):
    assert store.manifest(sys.argv[1]).entries
print((time.perf_counter() - started_s) / 200)
"""
_JSON_INDEX: Final = """
import json, sys, time
started_s = time.perf_counter()
with open("index.json") as file:
    assert json.load(file)[sys.argv[1]]
print(time.perf_counter() - started_s)
"""

_TREE: Final = ("git", "ls-tree", "-r", "HEAD")
_STATUS: Final = ("git", "status", "--short")
_GROWTH_WHY: Final = (
    "From {small:,} to {large:,} recordings is {factor} times as many. What a push or a commit concerns stays the same: what grows is Git's own "
    "look at its index, which every `git status` takes as well."
)
_GC_WHY: Final = (
    "The script knows the files that are checked out and nothing else. gc also asks Git's index, every branch, stash and work tree what they need, and "
    "proves of each blob that goes that a commit has it. It reads the manifests, and of the blobs only the names: the larger the recordings, the "
    "more that saves; these are small and all in memory. Below ten thousand, what is measured is the start of Python, click and dulwich."
)
_CHECK_WHY: Final = "It compares every entry of every manifest with the blobs that are there. What runs at each push is the row of `check --pre-push`."
_INDEX_WHY: Final = (
    "The index is brought up to date by each question, which stats every manifest and lists every blob. A test's own recordings are "
    "found without it: the next row."
)


@dataclass(frozen=True, slots=True)
class _Command:
    """A command of recstore's that is measured, what it reads, and what it is beside."""

    what: str
    arguments: tuple[str, ...]
    beside: tuple[str, ...]
    goal: float
    data: str = ""

    @property
    def named(self) -> str:
        """What it is beside, as one types it."""
        program, *arguments = self.beside
        return " ".join((Path(program).name, *arguments))

    def run(self, folder: Path) -> float:
        """Return the seconds that it takes."""
        return spent(self.arguments, folder, self.data).elapsed_s


def git_rows(bench: Bench) -> Iterator[Row]:
    """Measure each command on projects of each size, then how it grew, then look-ups."""
    took: dict[str, dict[int, tuple[float, ...]]] = {}
    for recordings in bench.recordings:
        folder = bench.folder / f"project-{recordings}"
        for command in _commands(folder, recordings):
            ours, theirs = in_turn(
                bench.repeats, partial(command.run, folder), partial(_elapsed_s, folder, command.beside)
            )
            took.setdefault(command.what, {})[recordings] = ours
            goal = command.goal if recordings == bench.recordings[-1] else None
            yield Row(f"{command.what}, {recordings:,} recordings", ours, command.named, theirs, goal)
        yield from _beside_loose(bench, folder, recordings, took)
        shutil.rmtree(folder)
    yield from _growth(bench, took)
    yield from _look_ups(bench)


def _elapsed_s(folder: Path, command: tuple[str, ...]) -> float:
    return spent(command, folder).elapsed_s


def _commands(project: Path, recordings: int) -> list[_Command]:
    """Make the project; return what is measured in it."""
    make_project(project, recordings)
    base = git(project, "rev-parse", "HEAD").strip()
    for test in range(TOUCHED_TESTS):
        request = Request("POST", "openai", "/v1/chat/completions", body=JsonBody({"model": "gpt-4o", "test": test}))
        Store.open(project).put(test_id_of(test), [Recording(request, Response(status=200, body=JsonBody({"a": 1})))])
    tip = commit_all(project, "Five tests recorded anew")
    line = f"refs/heads/main {tip} refs/heads/main {base}\n"
    hook = project / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(hook_text("pre-commit"))
    hook.chmod(0o755)
    ours = (sys.executable, "-m", "recstore")
    click = (sys.executable, "-c", "import click")
    return [
        _Command("check --pre-push of 5 tests", (*ours, "check", "--pre-push"), _TREE, 3.0, line),
        _Command("gc --dry-run", (*ours, "gc", "--dry-run"), _STATUS, 10.0),
        _Command("pre-commit hook, nothing to do", (str(hook),), click, 2.0),
    ]


def _beside_loose(
    bench: Bench, folder: Path, recordings: int, took: dict[str, dict[int, tuple[float, ...]]]
) -> Iterator[Row]:
    """Compare `gc --dry-run` and `check` with reading every file of as many loose ones."""
    loose = bench.folder / f"loose-{recordings}"
    write_loose(loose, recordings)
    repeats = min(bench.repeats, 3)
    what = "gc --dry-run"
    reads = tuple(python(loose, "-c", _READ_ALL).said for _ in range(repeats))
    script = "a script that reads every JSON file"
    yield Row(f"{what}, {recordings:,} recordings", took[what][recordings], script, reads, 1.0, why=_GC_WHY)
    checks = tuple(python(folder, "-m", "recstore", "check").elapsed_s for _ in range(repeats))
    took.setdefault("check", {})[recordings] = checks
    yield Row(f"check of everything, {recordings:,} recordings", checks, "that script", reads, None, "s", _CHECK_WHY)
    shutil.rmtree(loose)


def _growth(bench: Bench, took: dict[str, dict[int, tuple[float, ...]]]) -> Iterator[Row]:
    small, large = bench.recordings[0], bench.recordings[-1]
    why = _GROWTH_WHY.format(small=small, large=large, factor=large // small)
    for what, times in took.items():
        goal = large / small if what in ("check", "gc --dry-run") else None
        yield Row(
            f"growth of {what}: {large:,} recordings",
            times[large],
            f"{small:,} recordings",
            times[small],
            goal,
            "s",
            why,
        )


def _look_ups(bench: Bench) -> Iterator[Row]:
    """Look one request up among so many entries, and one test."""
    large, small = (bench.folder / f"index-{count}" for count in (bench.index_entries, bench.index_entries // 100))
    keys = {folder: make_index_project(folder, int(folder.name.rpartition("-")[2])) for folder in (large, small)}
    time.sleep(RACY_WINDOW_NS / 1e9)  # what was written just now is not trusted to be at rest
    for folder, key in keys.items():
        python(folder, "-c", _ASK_INDEX, key)

    def asks(folder: Path, code: str, wanted: str) -> Callable[[], float]:
        return lambda: python(folder, "-c", code, wanted).said

    index, json_index = in_turn(
        bench.repeats, asks(large, _ASK_INDEX, keys[large]), asks(large, _JSON_INDEX, keys[large])
    )
    what = f"look-up of a request among {bench.index_entries:,} entries"
    yield Row(what, index, "json.load of one index file", json_index, 1.0, "s", _INDEX_WHY)
    near, far = in_turn(bench.repeats, asks(large, _ASK_TEST, test_id_of(0)), asks(small, _ASK_TEST, test_id_of(0)))
    what = f"look-up of a test's recordings among {bench.index_entries:,} entries"
    yield Row(what, near, f"among {bench.index_entries // 100:,}", far, 1.5)
