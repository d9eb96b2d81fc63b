"""RESULTS.md: the part of each section that is measured is written by the bench, everything else by hand."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.bench.processes import git
from tests.bench.rows import Bench, Row

__all__ = ["RESULTS", "replaced", "section"]

RESULTS: Final = Path(__file__).with_name("RESULTS.md")

_HEAD: Final = ("what", "recstore", "beside", "takes", "ratio", "at most")


def section(title: str, rows: Iterable[Row], bench: Bench) -> str:
    """Return the text of a section: where and when it was measured, its table, and what stands behind the ratios."""
    kept = list(rows)
    table = [_line(_HEAD), _line(("---",) * len(_HEAD)), *(_line(row.cells()) for row in kept)]
    whys: dict[str, list[str]] = {}
    for row in kept:
        if row.why and row.what not in whys.setdefault(row.why, []):
            whys[row.why].append(row.what)
    behind = [f"* *{'; '.join(names)}*: {why}" for why, names in whys.items()]
    return "\n".join([f"## {title}", "", _where(bench), "", *table, *(["", *behind] if behind else [])]) + "\n"


def replaced(text: str, name: str, part: str) -> str:
    """Return the page with the part of that name in place of what was between its marks; at the end, if it has none."""
    begin, end = f"<!-- measured: {name} -->\n", f"<!-- end: {name} -->\n"
    block = re.compile(re.escape(begin) + "[\\s\\S]*?" + re.escape(end))
    new = begin + part + end
    return block.sub(lambda _: new, text) if block.search(text) else f"{text}\n{new}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _where(bench: Bench) -> str:
    release = ".".join(platform.release().split(".")[:2])
    versions = f"Python {platform.python_version()}, {git(bench.folder, '--version').strip()}"
    source = "real recordings" if bench.corpus else "generated recordings"
    day = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return f"{day}; {platform.system()} {release}, {os.cpu_count()} cores that others use too ({os.getloadavg()[1]:.1f} processes wanted one), {versions}; {source}; {bench.repeats} runs at most."
