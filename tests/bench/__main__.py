"""`python -m tests.bench [NAME...]`: measure recstore beside others, print the tables, and write them to RESULTS.md.

Each row runs its sides in turn, several times over, and compares medians: these are ratios between programs on one
machine within one minute, and say nothing of seconds on another. With names, only those sections are measured and written.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.bench.diff_rows import diff_rows
from tests.bench.git_rows import git_rows
from tests.bench.merge_rows import merge_rows
from tests.bench.record_rows import record_rows
from tests.bench.replay_rows import replay_rows
from tests.bench.results import RESULTS, replaced, section
from tests.bench.rows import CORPUS, REPEATS, Bench, Group, Row
from tests.bench.size_rows import size_rows
from tests.bench.store_rows import store_rows
from tests.bench.watch_rows import watch_rows

__all__ = ["GROUPS"]

GROUPS: Final[Mapping[str, tuple[str, Group]]] = {
    "size": ("Size: the same recordings in each layout", size_rows),
    "diff": ("Review: lines of `git diff`", diff_rows),
    "store": ("The store as a whole", store_rows),
    "replay": ("Replay, the server stopped", replay_rows),
    "record": ("Recording", record_rows),
    "git": ("Git, as a project grows", git_rows),
    "merge": ("Merges of generated histories", merge_rows),
    "watch": ("Watching", watch_rows),
}
"""Name -> the section's title, and what measures it."""


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"sections to measure: {', '.join(GROUPS)}")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="runs of each side (default: %(default)s)")
    parser.add_argument("--scratch", type=Path, help="a folder for scratch files; a memory file system has less noise")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - GROUPS.keys():
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    for name in chosen.names or GROUPS:
        title, measure = GROUPS[name]
        with tempfile.TemporaryDirectory(prefix="recstore-bench-", dir=chosen.scratch) as scratch:
            bench = Bench(Path(scratch), CORPUS if CORPUS.is_dir() else None, chosen.repeats)
            print(f"\n{title}", flush=True)
            text = section(title, _printed(measure(bench)), bench)
        RESULTS.write_text(replaced(RESULTS.read_text(), name, text))


def _printed(rows: Iterator[Row]) -> Iterator[Row]:
    started_s = time.perf_counter()
    for row in rows:
        what, ours, beside, theirs, ratio, goal = row.cells()
        print(
            f"  {what:<68} {ours:>16}  {beside:<40} {theirs:>16}  {ratio}{f'  (at most {goal})' if goal else ''}",
            flush=True,
        )
        yield row
    print(f"  {time.perf_counter() - started_s:.0f} s", flush=True)


if __name__ == "__main__":
    main()
