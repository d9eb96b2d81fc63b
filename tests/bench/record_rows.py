"""What recording adds to a live request, and what workers that record at once lose."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from tests.bench.processes import fresh_folder, git, python, recstore
from tests.bench.recording import NOTHING
from tests.bench.replaying import TOOLS as RECORDERS
from tests.bench.rivals import named
from tests.bench.rows import Bench, Row, in_turn
from tests.bench.suites import TOOLS, Suite
from tests.bench.upstream import served_apart

__all__ = ["record_rows"]

_OURS: Final = "recstore"
_WORKERS: Final = 4
_SLOW: Final = ("pytest-recording", 100)
"""It reads and writes the whole cassette for each test: with a thousand recordings in one, an hour."""

_GOALS: Final = {"vcrpy": 1.0, "cassetter": 1.0}
_WHY: Final = (
    "Beside keeping what went over the wire, recstore reads it (ids and times that change by themselves become constant, so that recording again "
    "changes nothing), looks for secrets under names and in pieces of a stream, proves that the blob gives every byte back, and syncs it to the disk before "
    "a manifest names it. That is work for each event: 3 ms for a stream of sixty, where a live model takes seconds to send it."
)


def record_rows(bench: Bench) -> Iterator[Row]:
    """Measure tests that are recorded, and one that is not, then the losses of one shared cassette."""
    with served_apart() as base_url:
        count = max(5, bench.requests // 4)
        for client in ("httpx2", "openai"):
            for kind in ("plain", "stream"):
                yield from _times(bench, base_url, client, kind, count)
        for tests in bench.losses:
            yield from _losses(bench.folder / f"shared-{tests}", base_url, tests)


def _times(bench: Bench, base_url: str, client: str, kind: str, count: int) -> Iterator[Row]:
    """Compare whole tests: what recording alone takes is a difference between two of them, and drowns in their noise."""
    folder = bench.folder / f"recording-{client}-{kind}"
    tools = (*RECORDERS, NOTHING)
    measures = [partial(_recording_s, folder, tool, (client, base_url, kind, count)) for tool in tools]
    ours, *others = in_turn(bench.repeats, *measures)
    what = f"a test of {count} requests, {client}, {'streams' if kind == 'stream' else 'plain'}: recorded"
    for tool, theirs in zip(tools[1:], others, strict=True):
        yield Row(what, ours, "not recorded" if tool == NOTHING else named(tool), theirs, _GOALS.get(tool), why=_WHY)


def _recording_s(folder: Path, tool: str, how: tuple[str, str, str, int]) -> float:
    client, base_url, kind, count = how
    place = fresh_folder(folder)
    if tool == _OURS:
        git(place, "init", "--quiet")
        recstore(place, "init")
    options = (str(place), base_url, "test_it", kind, "Question", str(count))
    return python(place, "-m", "tests.bench.recording", tool, client, *options).said


def _losses(folder: Path, base_url: str, tests: int) -> Iterator[Row]:
    lost: dict[str, int] = {}
    for tool in TOOLS:
        if tool == _SLOW[0] and tests > _SLOW[1]:
            continue
        suite = Suite(tool, folder / tool, tests, is_shared=True)
        suite.write(base_url)
        suite.run("-n", str(_WORKERS), is_recording=True)
        lost[tool] = tests - suite.kept()
    for tool, count in lost.items():
        if tool != _OURS:
            what = f"lost of {tests:,} recordings, {_WORKERS} workers, one cassette or store"
            yield Row(what, (lost[_OURS],), named(tool), (count,), 0.0, "lost")
