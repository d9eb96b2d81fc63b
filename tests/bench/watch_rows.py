"""How soon a watched recording is findable, and what watching costs."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Final

from recstore.store import Store
from tests.bench.processes import environment
from tests.bench.rows import Bench, Row
from tests.generator import write_recordings

__all__ = ["watch_rows"]

RATE: Final = 200
PORTION: Final = 1_000
IDLE_S: Final = 10
FILES_IN_TESTS: Final = 200
"""So many files are for the same few tests, as they are where one test after the other is recorded."""

FILES_OF_A_FEW_TESTS: Final = 30

_WHY: Final = (
    "A test's manifest is one file, written anew with each of its recordings: where one test has thousands of them, watching slows "
    "down. Each batch also takes one `stat` of every folder of manifests, to see what others wrote."
)


def watch_rows(bench: Bench) -> Iterator[Row]:
    """Write 200 files a second for so long beside a watcher; measure how late it tells of them, and what it takes."""
    files = RATE * bench.watch_s
    late_s, idle, memory_mb, untold = _watched(bench.folder / "watch", files)
    what = f"{files:,} files at {RATE} a second: from a file's closing to its being told of"
    yield Row(f"{what}, median", (statistics.median(late_s),), "a tenth of a second", (0.1,), 1.0, why=_WHY)
    yield Row(f"{what}, 99 in 100", (late_s[int(len(late_s) * 0.99)],), "three tenths", (0.3,), 1.0)
    yield Row("not told of at all", (untold,), "files written", (files,), 0.0, "files")
    yield Row("processor time of a second's waiting", (idle,), "a hundredth of a core", (0.01,), 1.0)
    yield Row("memory afterwards", (memory_mb,), "150 MB", (150,), 1.0, "MB")
    arriving = bench.recordings[-1] // 2
    what = f"memory of the watcher after {arriving:,} files, a thousand at a time"
    yield Row(what, (_peak_mb(bench.folder / "arriving", arriving),), "150 MB", (150,), 1.0, "MB", why=_WHY_MEMORY)
    ready_s, looked_s = _started(bench.folder / "started", bench.recordings[-1], bench.repeats)
    what = f"{bench.recordings[-1]:,} recordings that are there: from the command to `ready`"
    yield Row(what, ready_s, "os.scandir + stat of the files and manifests", looked_s, 2.0, why=_WHY_START)


_WHY_MEMORY: Final = (
    "The largest it had, of the process that watches; those that read files for it live for one batch. What is kept of a file and its "
    "manifest is about 1.3 kB. Where all 50,000 come in one moment the peak is 180 MB: their events, and batches of 5,000."
)

_WHY_START: Final = (
    "That look is what the start cannot do without; starting Python and its imports is a fifth of the rest, and the other part are "
    "the values that are made of what was seen. No file and no manifest is read where nothing has changed."
)


def _peak_mb(folder: Path, count: int) -> float:
    """Return the most memory that a watcher took while so many files came, in megabytes."""
    made, project = folder / "made", folder / "project"
    Store.create(project)
    write_recordings(made, count)
    _give_tests(made)
    (project / "tests").mkdir()
    command = [sys.executable, "-m", "recstore", "watch", "--json", "tests"]
    with subprocess.Popen(command, cwd=project, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = (json.loads(line)["event"] for line in process.stdout)
        while next(told) != "ready":
            pass
        files = sorted((made / "tests").rglob("*.json"))
        for start in range(0, count, PORTION):
            left = len(files[start : start + PORTION])
            for file in files[start : start + PORTION]:
                target = project / file.relative_to(made)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.rename(target)
            while left:
                left -= next(told) == "new"
        peak_mb = _memory_mb(process.pid)
        process.kill()
    return peak_mb


def _give_tests(folder: Path) -> None:
    for number, file in enumerate(sorted((folder / "tests").rglob("*.json"))):
        file.write_bytes(file.read_bytes().replace(b"::test_", b"::test_%d_" % (number // FILES_OF_A_FEW_TESTS)))


def _started(folder: Path, count: int, repeats: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return how long a watcher of so many recordings takes to be ready, and how long it takes to look at them all, in seconds."""
    Store.create(folder)
    write_recordings(folder, count)
    _give_tests(folder)
    recstore = [sys.executable, "-m", "recstore"]
    for words in (("import", "tests"), ("watch", "--once", "tests"), ("watch", "--once", "tests")):
        subprocess.run([*recstore, *words], cwd=folder, env=environment(), check=True, capture_output=True)
        time.sleep(3)  # what changed a moment ago is not trusted
    ready_s, looked_s = [], []
    for _ in range(repeats):
        start_s = time.perf_counter()
        for part in ("tests", ".recstore/tests", ".recstore/shared"):
            _look(str(folder / part))
        looked_s.append(time.perf_counter() - start_s)
        start_s = time.perf_counter()
        command = [*recstore, "watch", "--json", "tests"]
        with subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while json.loads(process.stdout.readline())["event"] != "ready":
                pass
            ready_s.append(time.perf_counter() - start_s)
            process.kill()
    return tuple(ready_s), tuple(looked_s)


def _look(folder: str) -> None:
    with os.scandir(folder) as children:
        for child in children:
            if child.is_dir(follow_symlinks=False):
                _look(child.path)
            else:
                child.stat()


def _watched(folder: Path, count: int) -> tuple[list[float], float, float, int]:
    """Return the seconds that each file was told of late, sorted; seconds of processor a second; memory; and files untold."""
    made, project = folder / "made", folder / "project"
    write_recordings(made, count)
    files = sorted(file for file in made.rglob("*.json"))
    Store.create(project)
    (project / "tests").mkdir()
    command = [sys.executable, "-m", "recstore", "watch", "--json", "tests"]
    told_s: dict[str, float] = {}
    with subprocess.Popen(command, cwd=project, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout
        while json.loads(lines.readline())["event"] != "ready":
            pass
        reader = Thread(target=_read, args=(lines, told_s))
        reader.start()
        closed_s = _written(files, made, project)
        deadline_s = time.monotonic() + 60
        while not closed_s.keys() <= told_s.keys() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        time.sleep(2)
        before_s = _cpu_s(process.pid)
        time.sleep(IDLE_S)
        idle = (_cpu_s(process.pid) - before_s) / IDLE_S
        memory_mb = _memory_mb(process.pid)
        process.send_signal(signal.SIGINT)
        reader.join()
    late_s = sorted(told_s[name] - at_s for name, at_s in closed_s.items() if name in told_s)
    return late_s, idle, memory_mb, len(closed_s) - len(late_s)


def _read(lines: Iterable[str], told_s: dict[str, float]) -> None:
    for line in lines:
        told_s.setdefault(json.loads(line).get("file", ""), time.monotonic())


def _written(files: list[Path], made: Path, project: Path) -> dict[str, float]:
    """Write the files at the rate; return when each was closed, by its name in the project."""
    closed_s: dict[str, float] = {}
    start_s = time.monotonic()
    for number, file in enumerate(files):
        name = file.relative_to(made)
        target = project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes().replace(b"::test_", b"::test_%d_" % (number // FILES_IN_TESTS)))
        closed_s[name.as_posix()] = time.monotonic()
        time.sleep(max(0.0, start_s + (number + 1) / RATE - time.monotonic()))
    return closed_s


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
