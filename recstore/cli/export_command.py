"""`recstore export`."""

from __future__ import annotations

from pathlib import Path

import click

from recstore.cli.output import echo_error, json_option, progress, show_json, to_json
from recstore.cli.repository import open_project
from recstore.importers.render import ExportOptions, ExportReport, export_recordings
from recstore.text import plural


@click.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--test", default="", help="Only these tests: an id, the start of one (file, class, function), or a glob."
)
@click.option("--force", is_flag=True, help="Overwrite files that are there with other bytes.")
@click.option("-n", "--dry-run", is_flag=True, help="List the files that would be written, and write none.")
@json_option
def command(folder: Path, *, test: str, force: bool, dry_run: bool, as_json: bool) -> None:
    """Write imported recordings back into FOLDER: each file at its path, byte for byte."""
    store = open_project().store
    with progress("Exporting") as step:
        report = export_recordings(store, folder, ExportOptions(test, force, dry_run), step)
    if as_json:
        show_json({**to_json(report, dry_run=dry_run), "unchanged": len(report.unchanged)})
    else:
        _show(report, folder, dry_run=dry_run)
    if report.problems:
        raise click.exceptions.Exit(report.problems[0].exit_code)


def _show(report: ExportReport, folder: Path, *, dry_run: bool) -> None:
    for problem in report.problems:
        echo_error(problem)
    if dry_run:
        for name in report.written:
            click.echo(name)
    click.echo(
        f"{'Would write' if dry_run else 'Wrote'} {plural(len(report.written), 'file')} into {folder}; "
        f"{len(report.unchanged):,} there already."
    )
    if report.native:
        click.echo(
            f"{plural(report.native, 'recording')} made with recstore {'has' if report.native == 1 else 'have'} no file to go back to."
        )
    if report.problems:
        click.echo(f"{plural(len(report.problems), 'file')} could not be written.")
