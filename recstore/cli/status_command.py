"""`recstore status`."""

from __future__ import annotations

import click

from recstore.cli.output import echo_error, head, json_option, show_json
from recstore.cli.repository import open_project
from recstore.store.index import Index
from recstore.text import escape_control, plural

_MISSING = 10


@click.command("status")
@json_option
def command(*, as_json: bool) -> None:
    """Say in a few lines what state the store is in, from names and manifests alone: `verify` reads the bytes."""
    store = open_project().store
    with Index(store).fresh() as index:
        problems = index.problems()
        counts = _counts(index)
        missing = sorted({row.test_id or "(outside any test)" for row in index.missing()})
    for problem in problems:
        echo_error(problem)
    if as_json:
        show_json(
            {
                "store": str(store.directory.root),
                **counts,
                "incomplete": missing,
                "problems": [{"file": error.subject, "reason": error.reason} for error in problems],
            }
        )
    else:
        _show(str(store.directory.root), counts, missing)
    if problems or missing:
        raise click.exceptions.Exit(problems[0].exit_code if problems else _MISSING)


def _counts(index: Index) -> dict[str, int]:
    rows, blobs = list(index.listing()), list(index.blob_rows())
    return {
        "tests": len({row.test_id for row in rows if row.test_id is not None}),
        "recordings": len(rows),
        "blobs": len(blobs),
        "unnamed_blobs": sum(blob.entry_count == 0 for blob in blobs),
    }


def _show(root: str, counts: dict[str, int], missing: list[str]) -> None:
    click.echo(f"Store {escape_control(root)}")
    click.echo(
        f"{plural(counts['recordings'], 'recording')} of {plural(counts['tests'], 'test')} "
        f"in {plural(counts['blobs'], 'blob')}."
    )
    if counts["unnamed_blobs"]:
        click.echo(f"{plural(counts['unnamed_blobs'], 'blob')} named by no manifest.")
    for test_id in head(missing):
        click.echo(f"(missing) {escape_control(test_id)}")
    if missing:
        click.echo(
            f"{plural(len(missing), 'test')} without all its blobs: `git checkout -- .recstore` brings back committed ones."
        )
