"""What a command prints: results on standard output, as text or as JSON; talk, progress and errors on standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import PurePath
from typing import Any

import click

from recstore.errors import RecstoreError
from recstore.model import BlobName
from recstore.secrets.scan import StoredSecret
from recstore.text import escape_control

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def echo(text: str = "", *, is_bold: bool = False) -> None:
    """Print a line of the result on standard output; a terminal acts on nothing in it."""
    click.echo(click.style(escape_control(text), bold=True) if is_bold else escape_control(text))


def echo_encodable(text: str, *, ends_line: bool = True) -> None:
    """Print text that is harmless already, colours included; characters that the output's encoding lacks are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=ends_line)


def echo_err(text: str = "") -> None:
    """Print a line of talk on standard error."""
    click.echo(escape_control(text), err=True)


def echo_error(error: RecstoreError) -> None:
    """Print an error and its remedy on standard error."""
    click.echo(click.style("error: ", fg="red", bold=True) + escape_control(str(error)), err=True)


def to_json(report: Any, **more: object) -> Any:
    """Return a report as JSON values; `more` goes before the members of an object, and counts above them.

    Shape: a dataclass is an object of its fields by their names, without those that begin with an underscore (one at the
    end of a name is dropped: `from_`); a stored secret has the members of its secret itself, masked; an error is `{"file", "reason", "remedy", "exit_code"}`; the name of a blob or a
    file is its text; bytes are their number, as `size_bytes`; a set is a sorted array; an enum is its value.
    """
    if isinstance(report, RecstoreError):
        return {"file": report.subject, "reason": report.reason, "remedy": report.remedy, "exit_code": report.exit_code}
    if isinstance(report, StoredSecret):
        return {"tests": list(report.tests), "file": report.file, **to_json(report.secret)}
    if isinstance(report, Enum):
        return report.value
    if isinstance(report, BlobName | PurePath):
        return str(report)
    if isinstance(report, bytes):
        return len(report)
    if isinstance(report, list | tuple | set | frozenset):
        items = [to_json(item) for item in report]
        return items if isinstance(report, list | tuple) else sorted(items)
    if dataclasses.is_dataclass(report):
        names = (field.name for field in dataclasses.fields(report) if not field.name.startswith("_"))
        report = {name.rstrip("_"): getattr(report, name) for name in names}
    if isinstance(report, Mapping):
        return {
            "size_bytes" if isinstance(value, bytes) else str(name): to_json(value)
            for name, value in {**more, **report, **more}.items()
        }
    return report


def show_json(report: Any, **more: object) -> None:
    """Print `report` as `to_json` has it, on one line in ASCII, which every encoding has and no terminal acts on."""
    click.echo(json.dumps(to_json(report, **more)).replace("\x7f", "\\u007f"))


def show_secrets(secrets: Iterable[StoredSecret]) -> None:
    """Print two lines for each, masked: `(secret) tests/a.py::test_x  a token of GitHub's, ghp_...3f  in response ...`."""
    for stored in secrets:
        tests, secret = ", ".join(stored.tests) or "(outside any test)", stored.secret
        echo(f"(secret) {tests}  {secret.kind}, {secret.excerpt}  in {secret.place}  {stored.file}")
        echo(f"         digest {secret.digest}")


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while the body runs, where it runs longer than a second on a terminal.

    Yields a function to call with the number of steps done and of all steps.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
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


def head(names: Iterable[str], limit: int = 10) -> Iterator[str]:
    """Yield the first names, and a last line that counts the rest."""
    every = list(names)
    yield from every[:limit]
    if len(every) > limit:
        yield f"... and {len(every) - limit:,} more (--json lists all)"
