"""What a bench measures: rows, each of them recstore beside something else, and how much of everything there is."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

__all__ = ["CORPUS", "REPEATS", "Bench", "Group", "Row", "Unit", "in_turn"]

REPEATS: Final = 5
"""So often each side is run, unless that takes too long."""

CORPUS: Final = Path(__file__).resolve().parents[3] / "shared" / "corpus"

Unit: TypeAlias = Literal["s", "bytes", "MB", "files", "lines", "lost", "conflicts", "renames", "calls"]

_MILLISECONDS_BELOW_S: Final = 10
_WHOLE_FROM: Final = 100


@dataclass(frozen=True, slots=True)
class Bench:
    """Where to measure, and how much: the numbers of a full run, unless a smaller one is wanted."""

    folder: Path
    corpus: Path | None = None
    repeats: int = REPEATS
    recordings: tuple[int, ...] = (1_000, 10_000, 100_000)
    index_entries: int = 1_000_000
    rerecordings: int = 20
    histories: int = 200
    requests: int = 200
    many_requests: int = 10_000
    tests: int = 1_000
    losses: tuple[int, ...] = (40, 1_000)
    watch_s: int = 30

    @property
    def first_state(self) -> Path | None:
        """The older of the two dated states of real recordings, None where they are not there."""
        return self.corpus / "llama-stack-2025-10-22" if self.corpus else None

    @property
    def second_state(self) -> Path | None:
        """The newer one."""
        return self.corpus / "llama-stack-2025-12-01" if self.corpus else None


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: what each side took, run by run, and the ratio that is wanted at most.

    `why` says what stands behind a goal that is missed or a rival that is ahead; it is printed below the table.
    """

    what: str
    ours: tuple[float, ...]
    beside: str
    theirs: tuple[float, ...]
    goal: float | None = None
    unit: Unit = "s"
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by theirs, medians; None where theirs is nothing, or less."""
        theirs = statistics.median(self.theirs)
        return statistics.median(self.ours) / theirs if theirs > 0 else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The smallest and the largest ratio of two runs that came one after the other, None where there is one run."""
        pairs = [our / their for our, their in zip(self.ours, self.theirs, strict=False) if their > 0]
        return (min(pairs), max(pairs)) if len(pairs) > 1 else None

    @property
    def is_missed(self) -> bool:
        """Whether there is a goal, and it is not reached."""
        ratio = self.ratio
        if self.goal is None:
            return False
        return ratio > self.goal if ratio is not None else statistics.median(self.ours) > 0

    def cells(self) -> tuple[str, ...]:
        """Return the row as the cells of a table."""
        ratio, spread = self.ratio, self.spread
        return (
            self.what,
            _amount(statistics.median(self.ours), self.unit),
            self.beside,
            _amount(statistics.median(self.theirs), self.unit),
            ("-" if ratio is None else _short(ratio))
            + (f" ({_short(spread[0])} to {_short(spread[1])})" if spread else ""),
            "" if self.goal is None else _short(self.goal) + (" **missed**" if self.is_missed else ""),
        )


Group: TypeAlias = Callable[[Bench], Iterator[Row]]
"""Measures the rows of one section of the results, and yields each as it is known."""


def in_turn(repeats: int, ours: Callable[[], float], *theirs: Callable[[], float]) -> tuple[tuple[float, ...], ...]:
    """Run every side in turn, so often, so that noise meets all; return what each said, ours first."""
    runs = [[run() for run in (ours, *theirs)] for _ in range(repeats)]
    return tuple(zip(*runs, strict=True))


def _amount(value: float, unit: Unit) -> str:
    if unit == "s":
        return f"{_short(1000 * value)} ms" if value < _MILLISECONDS_BELOW_S else f"{value:.1f} s"
    return f"{value:,.4g} MB" if unit == "MB" else f"{value:,.0f} {unit}"


def _short(value: float) -> str:
    """Return a number with the digits that mean anything."""
    if abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.3g}"
