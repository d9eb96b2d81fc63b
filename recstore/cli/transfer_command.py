"""`recstore import` and `recstore export`: files of other recorders into the store, and back."""

from __future__ import annotations

import os
from pathlib import Path

import click

from recstore.cli.output import echo, echo_err, echo_error, head, json_option, progress, show_json, to_json
from recstore.cli.project import open_project, scan_of
from recstore.errors import SecretFound
from recstore.importers.formats import ExportOptions, export_recordings
from recstore.importers.run import ImportOptions, ImportReport, import_paths
from recstore.text import human_size, plural


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Drop what earlier imports left and these files do not bring again.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@json_option
def import_command(paths: tuple[Path, ...], *, replace: bool, dry_run: bool, as_json: bool) -> int:
    """Bring the recordings in PATHS (files or folders) into the store.

    Recognises llama-stack's recordings and vcrpy's cassettes by what is in the files. Each recording is proved
    to come out byte for byte before it is stored. Importing again changes nothing.

    A file outside the project is known by its path from the folder in PATHS: another one that is imported later under
    the same path takes its place.
    """
    project = open_project()
    options = ImportOptions(project.settings.upstreams, replace, dry_run, os.cpu_count() or 1, scan_of(project))
    with progress("Importing") as step:
        report = import_paths(project.store, paths, options, step)
    if as_json:
        secrets = [{"file": file, **to_json(secret)} for file, secret in report.secrets]
        show_json({**to_json(report, dry_run=dry_run), "secrets": secrets})
    else:
        _show_import(report, dry_run=dry_run)
    return report.problems[0].exit_code if report.problems else 0


def _show_import(report: ImportReport, *, dry_run: bool) -> None:
    for problem in report.problems:
        echo_error(problem)
    for name in head(report.not_recordings):
        echo_err(f"not a recording: {name}")
    recordings, tests = plural(report.recordings, "recording"), plural(report.tests, "test")
    source = f"{plural(report.files, 'file')} ({human_size(report.source_bytes)})"
    new = f"{plural(report.new_blobs, 'new blob')} ({human_size(report.new_bytes)})"
    manifests = plural(len(report.changed_manifests), "manifest")
    verb = "Would import" if dry_run else "Imported"
    echo(f"{verb} {recordings} of {tests} from {source}: {new}, {manifests} changed.")
    if report.removed_entries or report.removed_blobs:
        entries, blobs = plural(report.removed_entries, "entry", "entries"), plural(report.removed_blobs, "blob")
        echo(f"Removed {entries} and {blobs} that the files do not bring again.")
    if report.not_recordings:
        echo(f"{plural(len(report.not_recordings), 'file')} held no recording and stayed out.")
    for name in head(f"{file}: {secret.kind}, {secret.excerpt}, in {secret.place}" for file, secret in report.secrets):
        echo_err(f"warning: a secret in {name}")
    if report.secrets:
        echo_err(f"{'This would store' if dry_run else 'Stored'} as they are. {SecretFound.default_remedy}")
    if report.problems:
        echo(f"{plural(len(report.problems), 'file')} could not be read; nothing of it was stored.")


@click.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--test", default="", help="Only these tests: an id, the start of one (file, class, function), or a glob."
)
@click.option("--force", is_flag=True, help="Overwrite files that are there with other bytes.")
@click.option("-n", "--dry-run", is_flag=True, help="List the files that would be written, and write none.")
@json_option
def export_command(folder: Path, *, test: str, force: bool, dry_run: bool, as_json: bool) -> int:
    """Write imported recordings back into FOLDER: each file at its path, byte for byte."""
    store = open_project().store
    with progress("Exporting") as step:
        report = export_recordings(store, folder, ExportOptions(test, force, dry_run), step)
    if as_json:
        show_json({**to_json(report, dry_run=dry_run), "unchanged": len(report.unchanged)})
    else:
        for problem in report.problems:
            echo_error(problem)
        for name in report.written if dry_run else ():
            echo(name)
        verb, files = "Would write" if dry_run else "Wrote", plural(len(report.written), "file")
        echo(f"{verb} {files} into {folder}; {len(report.unchanged):,} there already.")
        if report.native:
            lack = "has" if report.native == 1 else "have"
            echo(f"{plural(report.native, 'recording')} made with recstore {lack} no file to go back to.")
        if report.problems:
            echo(f"{plural(len(report.problems), 'file')} could not be written.")
    return report.problems[0].exit_code if report.problems else 0
