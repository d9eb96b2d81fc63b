"""`python -m tests.bench`: measure, print a table of ratios.

Each row runs the two sides in turn, several times over, and compares medians: these are ratios between two
programs on one machine within one minute, and say nothing of seconds on another.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.git_rows import git_rows
from tests.bench.replay_rows import plugin_import_ms, replay_rows
from tests.bench.watch_rows import print_watch

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "llama-stack-2025-10-22"
REPEATS = int(os.environ.get("BENCH_REPEATS", "7"))
WATCH_S = int(os.environ.get("BENCH_WATCH_S", "30"))
SCALE = int(os.environ.get("BENCH_SCALE", "100000"))

LOAD_SOURCE = """
import json, os, sys, time
started_s = time.perf_counter()
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        with open(os.path.join(folder, name)) as file:
            json.load(file)
print(time.perf_counter() - started_s)
"""
LOAD_STORE = """
import sys, time
from pathlib import Path
from recstore.store import Store
started_s = time.perf_counter()
store = Store.open(Path(sys.argv[1]))
for manifest in store.manifests():
    for entry in manifest.entries:
        store.get(entry)
print(time.perf_counter() - started_s)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: medians in seconds, and the ratio that is wanted at most."""

    name: str
    ours_s: float
    beside: str
    theirs_s: float
    goal: float

    def __str__(self) -> str:
        """Return the row of the table."""
        ratio = self.ours_s / self.theirs_s
        mark = "" if ratio <= self.goal else "  <-- over"
        return f"{self.name:<34}{1000 * self.ours_s:>10.2f} ms  {self.beside:<34}{1000 * self.theirs_s:>10.2f} ms  {ratio:>6.2f}  (at most {self.goal:g}){mark}"


def main() -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory(prefix="recstore-bench-") as scratch:
        folder = Path(scratch)
        source = source_of(folder)
        print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, {REPEATS} repeats")
        print(f"source: {source}\n")
        for row in rows(folder, source):
            print(row, flush=True)
        sizes(folder, source)
        print("\nreplay, the server stopped")
        for name, ours_s, beside, theirs_s, goal in replay_rows(folder / "replay", min(REPEATS, 3)):
            print(Row(name, ours_s, beside, theirs_s, goal), flush=True)
        print(f"importing the pytest plugin: {plugin_import_ms():.1f} ms (at most 5)")
        print_watch(folder / "watch", WATCH_S)
        print(f"\n{SCALE:,} recordings, committed")
        for name, ours_s, beside, theirs_s, goal in git_rows(folder, SCALE, REPEATS):
            print(Row(name, ours_s, beside, theirs_s, goal), flush=True)


def source_of(folder: Path) -> Path:
    """Return a folder of recordings: the real corpus, or generated ones where it is not there."""
    target = folder / "source"
    if CORPUS.is_dir():
        shutil.copytree(CORPUS / "tests", target / "tests")
        return target
    from tests.generator import write_recordings

    write_recordings(target, 1500)
    return target


def rows(folder: Path, source: Path) -> list[Row]:
    """Return the comparisons that the project holds itself to."""
    imported, added = alternate(
        lambda: fresh_import(folder / "stores", source), lambda: fresh_add(folder / "git", source)
    )
    store = next((folder / "stores").iterdir())
    verified, _ = alternate(lambda: recstore(store, "verify"), lambda: None)
    ours, theirs = alternate(lambda: python(LOAD_STORE, str(store)), lambda: python(LOAD_SOURCE, str(source / "tests")))
    version, click = alternate(
        lambda: python("import sys; sys.argv=['recstore', '--version']; from recstore.cli import main; main()"),
        lambda: python("import click"),
    )
    return [
        Row("import", imported, "git add -A of the same files", added, 1.0),
        Row("verify", verified, "that import", imported, 0.5),
        Row("decode test by test", ours, "open + json.load of the source", theirs, 1.0),
        Row("recstore --version", version, "python -c 'import click'", click, 1.5),
    ]


def alternate(ours: Callable[[], float | None], theirs: Callable[[], float | None]) -> tuple[float, float]:
    """Return the medians of both sides, run in turn so that noise meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for side, run in zip(times, (ours, theirs), strict=True):
            started_s = time.perf_counter()
            inner_s = run()
            side.append(inner_s if inner_s is not None else time.perf_counter() - started_s)
    return statistics.median(times[0]), statistics.median(times[1])


def fresh_import(stores: Path, source: Path) -> float:
    """Return the seconds that importing `source` into a new store takes, process start included.

    Every store stays until the end: ext4 looks long for inodes to use where many were freed a minute ago.
    """
    store = fresh_folder(stores)
    recstore(store, "init")
    os.sync()
    started_s = time.perf_counter()
    recstore(store, "import", str(source))
    return time.perf_counter() - started_s


def fresh_add(repositories: Path, source: Path) -> float:
    """Return the seconds that `git add -A` of a copy of `source` takes in a new repository."""
    repository = fresh_folder(repositories)
    shutil.copytree(source, repository, dirs_exist_ok=True)
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    os.sync()
    started_s = time.perf_counter()
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
    return time.perf_counter() - started_s


def fresh_folder(parent: Path) -> Path:
    """Return a new folder in `parent`."""
    parent.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


def recstore(folder: Path, *arguments: str) -> None:
    """Run a recstore command in `folder`."""
    command = [sys.executable, "-m", "recstore", *arguments]
    subprocess.run(
        command, cwd=folder, check=True, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def python(code: str, *arguments: str) -> float | None:
    """Run a piece of Python in a process of its own; return the seconds that it says it took, if it does."""
    command = [sys.executable, "-c", code, *arguments]
    printed = subprocess.run(command, check=True, env=environment(), stdout=subprocess.PIPE, text=True).stdout
    return float(printed) if printed.strip().replace(".", "", 1).isdigit() else None


def environment() -> dict[str, str]:
    """Return the environment in which this very checkout is the recstore that is imported."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def sizes(folder: Path, source: Path) -> None:
    """Print what the store takes, and the memory of the largest process that was started."""
    recorded = sum(file.stat().st_size for file in source.rglob("*.json"))
    blobs = sum(
        file.stat().st_size for file in (next((folder / "stores").iterdir()) / ".recstore" / "blobs").rglob("*.json")
    )
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nblobs {blobs:,} bytes of {recorded:,} recorded: {blobs / recorded:.3f} (at most 0.29)")
    print(f"largest process: {peak_mb:.0f} MB (at most 200; the json.load of one file included)")


if __name__ == "__main__":
    main()
