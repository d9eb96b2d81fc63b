"""How much replaying takes, beside vcrpy and cassetter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.bench.replaying import CLIENTS, TOOLS
from tests.loopback import serving

__all__ = ["ReplayRow", "plugin_import_ms", "replay_rows"]

ROOT: Final = Path(__file__).resolve().parents[2]
REQUESTS: Final = 400

ReplayRow = tuple[str, float, str, float, float]
"""What, its median in seconds, beside what, that median, and the ratio that is wanted at most."""


def replay_rows(folder: Path, repeats: int) -> list[ReplayRow]:
    """Return the rows about replaying, and one about what the plugin adds to the start of pytest."""
    rows = []
    for client in CLIENTS:
        times_s = {tool: _medians(folder / f"{tool}-{client}", tool, client, repeats) for tool in TOOLS}
        ours = times_s.pop("recstore")
        for tool, theirs in times_s.items():
            beside = f"{tool} {version(tool)}"
            names = ("enter and leave", "a test of 1 request", f"a test of {REQUESTS} requests")
            goals = (1.0, 1.0, 0.1 if tool == "vcrpy" else 1.0)
            for name, own_s, their_s, goal in zip(names, ours, theirs, goals, strict=True):
                rows.append((f"{client}: {name}", own_s, beside, their_s, goal))
    return rows


def plugin_import_ms() -> float:
    """Return the milliseconds that Python says importing the plugin takes, pytest being there; the least of several."""
    code = "import pytest, time; t = time.perf_counter(); import recstore.pytest_plugin; print(time.perf_counter() - t)"
    return 1000 * min(float(_run("-c", code)) for _ in range(7))


def _medians(folder: Path, tool: str, client: str, repeats: int) -> list[float]:
    """Record with a tool, stop the server, and return the medians of what replaying says."""
    folder.mkdir(parents=True)
    program = ("-m", "tests.bench.replaying", tool, client, str(REQUESTS), str(folder))
    with serving() as upstream:
        _run(*program, upstream.base, "record")
    if len(upstream.requests) != REQUESTS + 1:
        raise ValueError(f"{tool} made {len(upstream.requests)} requests")
    runs = [[float(word) for word in _run(*program, upstream.base, "replay").split()] for _ in range(repeats)]
    return [statistics.median(times) for times in zip(*runs, strict=True)]


def _run(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()
