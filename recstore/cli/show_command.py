"""`recstore show`."""

from __future__ import annotations

import base64
import dataclasses
import shutil
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from recstore.cli.output import echo_encodable, echo_error, json_option, show_json
from recstore.cli.project import open_project
from recstore.cli.selector import Selected, select
from recstore.errors import RecstoreError, UsageError
from recstore.model import Body, JsonBody, Recording, StreamBody
from recstore.store.blob import origin_path
from recstore.text import escape_control, plural
from recstore.transcript import Line, page_lines, transcript_of

_STYLES: Final = {
    "heading": "bold",
    "request": "bold",
    "detail": "dim",
    "role": "bold cyan",
    "thinking": "dim italic",
    "call": "green",
    "result": "magenta",
    "file": "yellow",
    "error": "red",
}
"""Style of a line -> its look on a terminal."""

_SHOWN_TESTS: Final = 5


@click.command("show")
@click.argument("what")
@click.option("--raw", is_flag=True, help="Print the blobs, byte for byte.")
@json_option
def show_command(what: str, *, raw: bool, as_json: bool) -> None:
    """Show what a test asked and was answered: a chat as a chat, a stream as its joined text.

    WHAT is the id of a test, with or without its parameters, or a part of one; the first four digits or more of a
    request key or a content digest; the path of a manifest or a blob; or the name of a file that was imported.
    """
    if raw and as_json:
        raise UsageError("show", "--raw and --json are two answers to one question", "Choose one of them.")
    store = open_project().store
    recordings: list[tuple[Selected, Recording]] = []
    problems: list[RecstoreError] = []
    for selected in select(store, what):
        try:
            if not raw:
                recordings.append((selected, store.get(selected.entry)))
            elif sys.stdout.isatty():
                text = store.read_blob(selected.entry.blob).decode(errors="replace")
                echo_encodable(escape_control(text), ends_line=False)
            else:
                sys.stdout.buffer.write(store.read_blob(selected.entry.blob))
        except RecstoreError as error:
            problems.append(error)
    if as_json:
        for selected, recording in recordings:
            show_json(_as_json(selected, recording))
    elif recordings:
        _show_pages(recordings)
    for problem in problems:
        echo_error(problem)
    if problems:
        raise click.exceptions.Exit(problems[0].exit_code)


def _as_json(selected: Selected, recording: Recording) -> dict[str, Any]:
    entry = selected.entry
    request, response = (
        {**{field.name: getattr(side, field.name) for field in dataclasses.fields(side)}, "body": _body(side.body)}
        for side in (recording.request, recording.response)
    )
    return {
        "test": selected.tests[0] if selected.tests else None,
        "tests": selected.tests,
        "n": entry.n,
        "key": entry.blob.key,
        "digest": entry.blob.digest,
        "origin": origin_path(entry.origin),
        "request": request,
        "response": response,
        "transcript": dataclasses.asdict(transcript_of(recording)),
    }


def _body(body: Body | None) -> dict[str, Any] | None:
    if body is None:
        return None
    if isinstance(body, JsonBody):
        return {"json": body.value}
    if isinstance(body, StreamBody):
        return {"stream": body.framing, "events": body.events}
    try:
        return {"text": body.data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body.data).decode()}


def _show_pages(recordings: list[tuple[Selected, Recording]]) -> None:
    """Print the pages; on a terminal in colour, folded at its width with their indent, and through a pager if they are long."""
    if not sys.stdout.isatty():
        for line in _lines(recordings):
            echo_encodable(escape_control(line.text))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    with console.capture() as captured:
        for line in _lines(recordings):
            text = escape_control(line.text)
            bare = text.lstrip(" ")
            styled = Text(bare, style=_STYLES.get(line.style, ""), overflow="fold")
            console.print(Padding(styled, (0, 0, 0, min(len(text) - len(bare), console.width // 2))))
    if captured.get().count("\n") >= shutil.get_terminal_size().lines:
        click.echo_via_pager(captured.get(), color=True)
    else:
        click.echo(captured.get(), nl=False, color=True)


def _lines(recordings: list[tuple[Selected, Recording]]) -> Iterator[Line]:
    """Yield the lines of all pages, each below a line that names the recording; those of one test below its id."""
    owners: tuple[str | None, ...] | None = None
    for number, (selected, recording) in enumerate(recordings, 1):
        if number > 1:
            yield from (Line("text", ""), Line("text", ""))
        if selected.tests != owners:
            owners = selected.tests
            hidden = len(owners) - _SHOWN_TESTS if len(owners) > _SHOWN_TESTS + 1 else 0
            names = [test_id or "(outside any test)" for test_id in owners[: len(owners) - hidden]]
            names += [f"... and {plural(hidden, 'more test')}"] if hidden else []
            yield from (Line("heading", name) for name in names or ["(named by no manifest)"])
        entry, count = selected.entry, f"{number} of {len(recordings)}" if len(recordings) > 1 else ""
        blob, call = f"{entry.blob.key[:12]}-{entry.blob.digest[:12]}", f"call {entry.n}" if entry.n > 1 else ""
        yield Line("detail", "  ".join(filter(None, (count, blob, call, origin_path(entry.origin)))))
        yield Line("text", "")
        yield from page_lines(transcript_of(recording))
