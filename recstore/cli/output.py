"""What a person sees: text without control characters, sizes, progress, errors."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
import orjson

from recstore.errors import RecstoreError
from recstore.text import printable

_BLOB_PATH: Final = re.compile(r"([0-9a-f]{12})[0-9a-f]{52}-([0-9a-f]{12})[0-9a-f]{52}\.json$")


def say(text: str = "") -> None:
    """Print a line of talk on standard error."""
    click.echo(printable(text), err=True)


def show_json(value: Any) -> None:
    """Print `value` as one line of JSON on standard output; what no UTF-8 has, or a terminal might obey, as escapes."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        import json

        text = json.dumps(value)
    click.echo(text if text.isprintable() else _harmless(text))


def _harmless(text: str) -> str:
    """Return JSON that says the same as `text`, with every control character but line feeds as an escape."""
    return "".join(
        character if character.isprintable() or character == "\n" else _json_escape(character) for character in text
    )


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def say_error(error: RecstoreError) -> None:
    """Print an error and its remedy on standard error."""
    click.echo(click.style("error: ", fg="red", bold=True) + printable(str(error)), err=True)


def say_defect(error: Exception) -> None:
    """Print an error that recstore has no name for: a defect of its own. `RECSTORE_DEBUG=1` shows where."""
    if os.environ.get("RECSTORE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    click.echo(
        f"error: {printable(repr(error))}\n"
        "  This is a defect of recstore. Run again with RECSTORE_DEBUG=1 and report what it prints.",
        err=True,
    )


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 recording`, `1,649 recordings`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def short_path(path: str) -> str:
    """Return the path of a file of the store, a blob's two long digests cut to the digits that people type."""
    return _BLOB_PATH.sub(r"\1-\2", path)


def size(size_bytes: float) -> str:
    """Return a size as people write it: `812 B`, `1.6 kB`, `9.1 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000 or unit == "GB":  # noqa: PLR2004 - SI prefixes
            break
        size_bytes /= 1000
    return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while the body runs, where it runs longer than a second on a terminal.

    Yields a function to call with the number of steps done and of all steps.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(label)
    started_s = time.monotonic()

    def step(done: int, total: int) -> None:
        if time.monotonic() - started_s > 1 and not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield step
    finally:
        bar.stop()


def listed(names: Iterable[str], limit: int = 10) -> Iterator[str]:
    """Yield the first names, and a last line that counts the rest."""
    every = list(names)
    yield from every[:limit]
    if len(every) > limit:
        yield f"... and {len(every) - limit:,} more (--json lists all)"
