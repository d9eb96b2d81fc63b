"""`recstore show`."""

from __future__ import annotations

import base64
import dataclasses
import shutil
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from recstore.cli.output import echo_ascii_json, echo_encodable, echo_error, json_option
from recstore.cli.repository import open_project
from recstore.cli.selector import Selected, select
from recstore.errors import RecstoreError, UsageError
from recstore.model import Body, JsonBody, RawBody, Recording
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
def command(what: str, *, raw: bool, as_json: bool) -> None:
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
            if raw:
                _print_raw(store.read_blob(selected.entry.blob))
                continue
            recording = store.get(selected.entry)
        except RecstoreError as error:
            problems.append(error)
            continue
        if as_json:
            echo_ascii_json(_as_json(selected, recording))
        else:
            recordings.append((selected, recording))
    if recordings:
        _show_pages(recordings)
    for problem in problems:
        echo_error(problem)
    if problems:
        raise click.exceptions.Exit(problems[0].exit_code)


def _print_raw(data: bytes) -> None:
    if sys.stdout.isatty():
        echo_encodable(escape_control(data.decode(errors="replace")), ends_line=False)
    else:
        sys.stdout.buffer.write(data)


def _as_json(selected: Selected, recording: Recording) -> dict[str, Any]:
    def members(value: Any) -> dict[str, Any]:
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {**fields, "body": _body(value.body)}

    entry = selected.entry
    return {
        "test": selected.tests[0] if selected.tests else None,
        "tests": selected.tests,
        "n": entry.n,
        "key": entry.blob.key,
        "digest": entry.blob.digest,
        "origin": origin_path(entry.origin),
        "request": members(recording.request),
        "response": members(recording.response),
        "transcript": dataclasses.asdict(transcript_of(recording)),
    }


def _body(body: Body | None) -> dict[str, Any] | None:
    if body is None:
        return None
    if isinstance(body, JsonBody):
        return {"json": body.value}
    if not isinstance(body, RawBody):
        return {"stream": body.framing, "events": body.events}
    try:
        return {"text": body.data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body.data).decode()}


def _show_pages(recordings: list[tuple[Selected, Recording]]) -> None:
    lines = list(_lines(recordings))
    if not sys.stdout.isatty():
        for line in lines:
            echo_encodable(escape_control(line.text))
        return
    text = _coloured(lines)
    if text.count("\n") >= shutil.get_terminal_size().lines:
        click.echo_via_pager(text, color=True)
    else:
        click.echo(text, nl=False, color=True)


def _lines(recordings: list[tuple[Selected, Recording]]) -> Iterator[Line]:
    """Yield the lines of all pages, each below a line that names the recording; those of one test below its id."""
    owners: tuple[str | None, ...] | None = None
    for number, (selected, recording) in enumerate(recordings, 1):
        if number > 1:
            yield from (Line("text", ""), Line("text", ""))
        if selected.tests != owners:
            owners = selected.tests
            shown = owners if len(owners) <= _SHOWN_TESTS + 1 else owners[:_SHOWN_TESTS]
            yield from (Line("heading", test_id or "(outside any test)") for test_id in shown)
            if not owners:
                yield Line("heading", "(named by no manifest)")
            if len(shown) < len(owners):
                yield Line("heading", f"... and {plural(len(owners) - len(shown), 'more test')}")
        entry = selected.entry
        facts = (
            f"{number} of {len(recordings)}" if len(recordings) > 1 else "",
            f"{entry.blob.key[:12]}-{entry.blob.digest[:12]}",
            f"call {entry.n}" if entry.n > 1 else "",
            origin_path(entry.origin),
        )
        yield Line("detail", "  ".join(filter(None, facts)))
        yield Line("text", "")
        yield from page_lines(transcript_of(recording))


def _coloured(lines: list[Line]) -> str:
    """Return the lines for a terminal: in colour, folded at its width with their indent."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    with console.capture() as captured:
        for line in lines:
            text = escape_control(line.text)
            bare = text.lstrip(" ")
            styled = Text(bare, style=_STYLES.get(line.style, ""), overflow="fold")
            console.print(Padding(styled, (0, 0, 0, min(len(text) - len(bare), console.width // 2))))
    return captured.get()
