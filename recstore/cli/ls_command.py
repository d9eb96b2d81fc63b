"""`recstore ls`."""

from __future__ import annotations

import click

from recstore.cli.output import echo_error, json_option, show_json
from recstore.cli.repository import open_project
from recstore.store.index import EntryFilter, EntryRow, Index
from recstore.store.origins import origin_path
from recstore.text import escape_control, human_size, plural


@click.command("ls")
@click.argument("test", default="")
@click.option("--upstream", default="", help="Only this upstream.")
@click.option("--endpoint", default="", help="Only paths with this in them.")
@click.option("--model", default="", help="Only this model.")
@click.option("--status", type=int, help="Only this HTTP status.")
@click.option("--missing", is_flag=True, help="Only entries whose blob is missing or damaged.")
@json_option
def command(*, as_json: bool, missing: bool, **wanted: str | int | None) -> None:
    """List recordings by test: all, or those of tests with TEST in their id.

    A `*` in TEST or an option stands for any characters.
    """
    store = open_project().store
    with Index(store).fresh() as index:
        problems = index.problems()
        rows = [row for row in index.listing(EntryFilter(**wanted)) if not missing or row.state != "present"]  # type: ignore[arg-type]
    for problem in problems:
        echo_error(problem)
    if as_json:
        for row in rows:
            show_json(_as_json(row))
    else:
        _show(rows)
    if problems:
        raise click.exceptions.Exit(problems[0].exit_code)


def _show(rows: list[EntryRow]) -> None:
    owner: str | None = ""
    for row in rows:
        if row.test_id != owner:
            owner = row.test_id
            click.echo(click.style(escape_control(owner or "(outside any test)"), bold=True))
        click.echo(escape_control(_line(row)))
    tests = {row.test_id for row in rows if row.test_id is not None}
    blobs = {row.entry.blob for row in rows}
    click.echo(
        f"{plural(len(rows), 'recording')} of {plural(len(tests), 'test')} in {plural(len(blobs), 'blob')}.",
        err=True,
    )


def _line(row: EntryRow) -> str:
    if row.state == "missing":
        return f"  {row.entry.blob.key[:12]}  missing"
    again = f" (time {row.entry.n})" if row.entry.n > 1 else ""
    kind = "damaged" if row.state == "damaged" else "error" if row.is_error else "stream" if row.is_stream else ""
    parts = (
        row.entry.blob.key[:12],
        f"{human_size(row.size_bytes):>8}",
        row.method,
        row.upstream + row.path,
        row.model,
        kind,
    )
    return "  " + "  ".join(part for part in parts if part) + again


def _as_json(row: EntryRow) -> dict[str, object]:
    return {
        "test": row.test_id,
        "n": row.entry.n,
        "key": row.entry.blob.key,
        "digest": row.entry.blob.digest,
        "state": row.state,
        "method": row.method,
        "upstream": row.upstream,
        "path": row.path,
        "model": row.model,
        "status": row.status,
        "is_stream": row.is_stream,
        "is_error": row.is_error,
        "size_bytes": row.size_bytes,
        "origin": origin_path(row.entry.origin),
    }
