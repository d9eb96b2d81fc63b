"""`recstore show`."""

from __future__ import annotations

import base64
import dataclasses
import json
import shutil
import sys
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

import click

from recstore.cli.output import echo_error, json_option
from recstore.cli.repository import open_project
from recstore.cli.selector import Selected, select
from recstore.errors import RecstoreError, UsageError
from recstore.model import Body, JsonBody, RawBody, Recording
from recstore.store import Store
from recstore.store.origins import origin_path
from recstore.text import escape_control, plural
from recstore.transcript import Line, page_lines, transcript_of

_Found = tuple[Selected, Recording]

_STYLES: Final = MappingProxyType(
    {
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
)
"""How a line looks on a terminal, by its style."""

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
    found = select(store, what)
    problems: list[RecstoreError] = []
    if raw:
        _print_raw(store, found, problems)
    elif as_json:
        for selected, recording in _recordings(store, found, problems):
            _print(_json_line(_as_json(selected, recording)))
    else:
        _show_pages(list(_recordings(store, found, problems)))
    for problem in problems:
        echo_error(problem)
    if problems:
        raise click.exceptions.Exit(problems[0].exit_code)


def _recordings(store: Store, found: tuple[Selected, ...], problems: list[RecstoreError]) -> Iterator[_Found]:
    """Yield the recordings; add an error to `problems` for each that is missing or damaged."""
    for selected in found:
        try:
            yield selected, store.get(selected.entry)
        except RecstoreError as error:
            problems.append(error)


# -- bytes


def _print_raw(store: Store, found: tuple[Selected, ...], problems: list[RecstoreError]) -> None:
    for selected in found:
        try:
            data = store.read_blob(selected.entry.blob)
        except RecstoreError as error:
            problems.append(error)
            continue
        if sys.stdout.isatty():
            _print(escape_control(data.decode(errors="replace")), end="")
        else:
            sys.stdout.buffer.write(data)


# -- JSON


def _as_json(selected: Selected, recording: Recording) -> dict[str, Any]:
    entry, request, response = selected.entry, recording.request, recording.response
    return {
        "test": selected.tests[0] if selected.tests else None,
        "tests": selected.tests,
        "n": entry.n,
        "key": entry.blob.key,
        "digest": entry.blob.digest,
        "origin": origin_path(entry.origin),
        "request": {**_fields(request), "body": _body(request.body)},
        "response": {**_fields(response), "body": _body(response.body)},
        "transcript": dataclasses.asdict(transcript_of(recording)),
    }


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


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


def _json_line(value: dict[str, Any]) -> str:
    """Return `value` as one line of JSON in ASCII, so that no terminal acts on it and every encoding has it."""
    return json.dumps(value).replace("\x7f", "\\u007f")


# -- pages


def _show_pages(found: list[_Found]) -> None:
    lines = list(_lines(found))
    if sys.stdout.isatty():
        text = _coloured(lines)
        if text.count("\n") >= shutil.get_terminal_size().lines:
            click.echo_via_pager(text, color=True)
        else:
            click.echo(text, nl=False, color=True)
    else:
        for line in lines:
            _print(escape_control(line.text))


def _lines(found: list[_Found]) -> Iterator[Line]:
    """Yield the lines of all pages, each below a line that names the recording; what belongs to one test below its id."""
    owners: tuple[str | None, ...] | None = None
    for number, (selected, recording) in enumerate(found, 1):
        if number > 1:
            yield from (Line("text", ""), Line("text", ""))
        if selected.tests != owners:
            owners = selected.tests
            yield from _owner_lines(owners)
        yield Line("detail", _title(selected, f"{number} of {len(found)}" if len(found) > 1 else ""))
        yield Line("text", "")
        yield from page_lines(transcript_of(recording))


def _owner_lines(tests: tuple[str | None, ...]) -> Iterator[Line]:
    shown = tests if len(tests) <= _SHOWN_TESTS + 1 else tests[:_SHOWN_TESTS]
    for test_id in shown:
        yield Line("heading", test_id or "(outside any test)")
    if not tests:
        yield Line("heading", "(named by no manifest)")
    if len(shown) < len(tests):
        yield Line("heading", f"... and {plural(len(tests) - len(shown), 'more test')}")


def _title(selected: Selected, place: str) -> str:
    entry = selected.entry
    again = f"time {entry.n}" if entry.n > 1 else ""
    facts = (place, f"{entry.blob.key[:12]}-{entry.blob.digest[:12]}", again, origin_path(entry.origin))
    return "  ".join(fact for fact in facts if fact)


def _coloured(lines: list[Line]) -> str:
    """Return the lines for a terminal: in colour, folded at its width, with their indent kept."""
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


def _print(text: str, end: str = "\n") -> None:
    """Print text of any characters: those that the output's encoding has not are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding) + end, nl=False)
