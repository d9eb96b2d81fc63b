"""What is said at the end of a run: `--recstore-report`, and what must be said anyway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from recstore.pytest_plugin.results import Tally

_LONGEST_LIST: Final = 20


def summary_lines(tally: Tally, *, is_wanted: bool) -> list[str]:
    """Return the lines of the summary: without being asked, those that no test's report holds."""
    lines = [line for text in tally.untold for line in f"outside any test: {text}".splitlines()]
    lines += _drift(tally)
    return [*lines, *_sums(tally), *_misses(tally), *_unserved(tally)] if is_wanted else lines


def _sums(tally: Tally) -> Iterator[str]:
    sums = tally.sums
    yield f"new recordings     {sums['recorded']:,}"
    if sums["reused"]:
        yield f"reused             {sums['reused']:,} of other tests, with no live call"
    yield f"requests saved     {sums['requests_saved']:,}"
    if sums["tokens_saved"]:
        yield f"tokens not paid    {sums['tokens_saved']:,}"


def _misses(tally: Tally) -> Iterator[str]:
    number = sum(map(len, tally.misses.values()))
    yield f"missing or damaged {number:,}{_in(len(tally.misses))}"
    yield from _listed([name or "outside any test" for name in tally.misses])


def _unserved(tally: Tally) -> Iterator[str]:
    number = sum(tally.unserved.values())
    yield f"unserved entries   {number:,}{_in(len(tally.unserved))}"
    yield from _listed([f"{name}: {count:,}" for name, count in tally.unserved.items()])


def _drift(tally: Tally) -> Iterator[str]:
    for name, texts in sorted(tally.drift.items()):
        yield f"drift: {name or 'outside any test'}"
        yield from (f"  {line}" for text in texts for line in text.splitlines())


def _in(tests: int) -> str:
    return f" in {tests:,} {'test' if tests == 1 else 'tests'}" if tests else ""


def _listed(lines: list[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in sorted(lines)[:_LONGEST_LIST])
    if len(lines) > _LONGEST_LIST:
        yield f"  ... and {len(lines) - _LONGEST_LIST:,} more"
