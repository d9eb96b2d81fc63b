"""How soon a watched recording is findable, and what watching costs."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Final

from recstore.store import Store
from tests.generator import write_recordings

__all__ = ["print_watch"]

ROOT: Final = Path(__file__).resolve().parents[2]
RATE: Final = 200
IDLE_S: Final = 10
FILES_IN_TESTS: Final = 200
"""So many files are for the same few tests, as they are where one test after the other is recorded."""


def print_watch(folder: Path, seconds: int) -> None:
    """Write 200 files a second for so long beside a watcher; print how late it told of them, and what it took."""
    made, project = folder / "made", folder / "project"
    write_recordings(made, RATE * seconds)
    files = sorted(file for file in made.rglob("*.json"))
    Store.create(project)
    (project / "tests").mkdir()
    command = [sys.executable, "-m", "recstore", "watch", "--json", "tests"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told_s: dict[str, float] = {}
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout
        while json.loads(lines.readline())["event"] != "ready":
            pass

        def read() -> None:
            for line in lines:
                told_s.setdefault(json.loads(line).get("file", ""), time.monotonic())

        reader = Thread(target=read)
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
    late_ms = sorted(1000 * (told_s[name] - at_s) for name, at_s in closed_s.items() if name in told_s)
    print(
        f"watch, {len(files):,} files at {RATE} a second: told after {statistics.median(late_ms):.0f} ms (at most 100), "
        f"99 in 100 after {late_ms[int(len(late_ms) * 0.99)]:.0f} ms (at most 300); "
        f"{len(closed_s) - len(late_ms)} not at all; idle {100 * idle:.1f} % of a core (below 1), "
        f"{memory_mb:.0f} MB (below 150)"
    )


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
