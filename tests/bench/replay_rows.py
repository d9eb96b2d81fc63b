"""How much replaying takes, beside vcrpy, pytest-recording and cassetter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from tests.bench.processes import python
from tests.bench.replaying import CLIENTS
from tests.bench.replaying import TOOLS as RECORDERS
from tests.bench.rivals import named
from tests.bench.rows import Bench, Row, in_turn
from tests.bench.suites import TOOLS, Suite
from tests.bench.upstream import answering, served_apart

__all__ = ["replay_rows"]

_OURS: Final = "recstore"
_SLOW: Final = "vcrpy"
"""It looks through the cassette from its start for each request: 10,000 in one test take it an hour."""

_WHY_LAYER: Final = (
    "cassetter answers at the topmost layer, `HTTPAdapter.send`. recstore answers one floor below, in http.client, because urllib3, botocore and "
    "urllib use that without requests: the recorded answer goes through urllib3's and http.client's own parsers, 0.15 ms a request."
)
_WHY_LEVEL: Final = "Where a test makes one request, both are level: most of it is the client's own work."
_WHY_MANY: Final = (
    "No other recorder is beside this row: vcrpy looks through its cassette from the start for each request, which makes hours of it, and cassetter "
    "0.16.1 records them but refuses to read its own cassette (more than 250,000 YAML nodes)."
)
_WHY_WORKERS: Final = "A worker starts Python, pytest and the client anew; a suite of a thousand small tests is too short to gain from two."


def replay_rows(bench: Bench) -> Iterator[Row]:
    """Measure tests of one client with the server stopped, then one test of many requests, then sessions of pytest."""
    for client in CLIENTS:
        sizes = dict.fromkeys(RECORDERS, bench.requests)
        yield from _tests(bench, bench.folder / "replay", client, sizes)
    yield from _many(bench, bench.folder / "many")
    yield from _sessions(bench)


def _tests(bench: Bench, folder: Path, client: str, sizes: dict[str, int]) -> Iterator[Row]:
    times = _measured(bench, folder, client, sizes)
    names = ("entering and leaving a test", "a test of 1 request", f"a test of {bench.requests:,} requests")
    for tool in list(sizes)[1:]:
        for place, name in enumerate(names):
            goal = 0.1 if tool == _SLOW and place == len(names) - 1 else 1.0
            why = "" if tool == _SLOW else _WHY_LAYER if client == "requests" else _WHY_LEVEL
            yield Row(f"{name}, {client}", times[_OURS][place], named(tool), times[tool][place], goal, why=why)


def _many(bench: Bench, folder: Path) -> Iterator[Row]:
    """Compare a test of very many requests with one of few, and one that cassetter can still read with cassetter's."""
    times = {
        count: _measured(bench, folder / str(count), "httpx2", {_OURS: count})[_OURS][2]
        for count in (bench.many_requests, bench.requests)
    }
    each = [tuple(one_s / count for one_s in taken) for count, taken in times.items()]
    what = f"each request of a test of {bench.many_requests:,}, httpx2"
    yield Row(what, each[0], f"each of one of {bench.requests:,}", each[1], 1.2, why=_WHY_MANY)
    fewer = bench.many_requests * 3 // 20
    beside = _measured(bench, folder / "fewer", "httpx2", {tool: fewer for tool in RECORDERS if tool != _SLOW})
    for tool in list(beside)[1:]:
        yield Row(f"a test of {fewer:,} requests, httpx2", beside[_OURS][2], named(tool), beside[tool][2], 1.0)


def _measured(
    bench: Bench, folder: Path, client: str, sizes: dict[str, int]
) -> dict[str, tuple[tuple[float, ...], ...]]:
    """Record with each tool, stop the server, and return what replaying says, run by run, for each of the three things."""
    programs = {}
    for tool, requests in sizes.items():
        place = folder / f"{tool}-{client}"
        place.mkdir(parents=True)
        program = ("-m", "tests.bench.replaying", tool, client, str(requests), str(place))
        with answering() as server:
            python(place, *program, server.base, "record")
        if server.calls != requests + 1:
            raise ValueError(f"{tool} made {server.calls} requests")
        programs[tool] = (place, *program, server.base, "replay")
    runs = [
        {tool: python(*program).printed.split() for tool, program in programs.items()}
        for _ in range(min(bench.repeats, 3))
    ]
    return {tool: tuple(zip(*(map(float, run[tool]) for run in runs), strict=True)) for tool in sizes}


def _sessions(bench: Bench) -> Iterator[Row]:
    suites = [Suite(tool, bench.folder / "sessions" / tool, bench.tests) for tool in TOOLS]
    with served_apart() as base_url:
        for suite in suites:
            suite.write(base_url)
            suite.run(is_recording=True)
            if suite.kept() != bench.tests:
                raise ValueError(f"{suite.tool} kept {suite.kept()} recordings of {bench.tests}")
    for options in ((), ("-n", "2")):
        ours, *theirs = in_turn(min(bench.repeats, 3), *(partial(_session_s, suite, options) for suite in suites))
        for tool, times in zip(TOOLS[1:], theirs, strict=True):
            what = f"pytest, {bench.tests:,} tests of one request" + (f", {' '.join(options)}" if options else "")
            yield Row(what, ours, named(tool), times, 1.0, why=_WHY_WORKERS if options else "")


def _session_s(suite: Suite, options: tuple[str, ...]) -> float:
    return suite.run(*options).elapsed_s
