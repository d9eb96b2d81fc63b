"""`recstore init`, `import`, `export`, `mv`, `rekey` and `redact`: make a store, fill it, and rewrite it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from recstore.cli.output import echo, echo_err, echo_error, head, json_option, progress, show_json, show_secrets
from recstore.cli.project import open_project, scan_of
from recstore.errors import SecretFound, UsageError
from recstore.importers.formats import ExportOptions, export_recordings
from recstore.importers.rewrite import RewriteReport, redact_store, rekey_store
from recstore.importers.run import ImportOptions, import_paths
from recstore.store import FOLDER, Store
from recstore.store.rename import execute_moves, plan_moves
from recstore.store.store import scaffold_files
from recstore.text import human_size, plural

_HISTORY = """\
What was committed before is still in Git's history, for everybody who has a copy of it. First make the key useless, where
it was issued; then, if the history has to be clean: `git filter-repo --replace-text`, and a push with --force."""


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@json_option
def init_command(folder: Path, *, as_json: bool) -> None:
    """Make FOLDER (here, unless named) a store: write .recstore and what explains it. Harmless to repeat."""
    store = folder / FOLDER
    missing = [name for name in scaffold_files() if not (store / name).is_file()]
    Store.create(folder)
    is_in_git = any((parent / ".git").exists() for parent in (folder.resolve(), *folder.resolve().parents))
    if as_json:
        show_json({"store": store, "written": missing, "in_git": is_in_git})
        return
    echo_err(f"Initialised {store}." if missing else f"{store} is a store already; nothing changed.")
    if not is_in_git:
        echo_err("warning: this folder is in no Git repository. The store works, but nothing keeps its history.")
    if missing:
        echo_err(
            "Next: `recstore import FOLDER` brings in recordings, `recstore hooks install` has Git look after them;"
        )
        echo_err("then commit .recstore.")


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
        secrets = [{"file": file, **asdict(secret)} for file, secret in report.secrets]
        show_json(report, dry_run=dry_run, secrets=secrets)
        return report.problems[0].exit_code if report.problems else 0
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
        echo_err(f"{'They would be stored' if dry_run else 'Stored'} as they are. {SecretFound.default_remedy}")
    if report.problems:
        echo(f"{plural(len(report.problems), 'file')} could not be read; nothing of them was stored.")
    return report.problems[0].exit_code if report.problems else 0


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
        show_json(report, dry_run=dry_run, unchanged=len(report.unchanged))
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


@click.command("mv")
@click.argument("old")
@click.argument("new")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be renamed, and rename nothing.")
@json_option
def mv_command(old: str, new: str, *, dry_run: bool, as_json: bool) -> None:
    """Give the recordings of the test OLD to the test NEW, without recording again.

    OLD is a test (with its parameters or for all of them), a class, a file or a folder; a `*` in it stands for any
    characters, and NEW has as many. Only manifests are rewritten; no blob changes.
    """
    if not new.strip("./"):
        raise UsageError(repr(new), "is not a name for a test", "Say what it is called now: recstore mv OLD NEW")
    store = open_project().store
    moves = plan_moves(store, old, new)
    if not dry_run:
        execute_moves(store, moves)
    if as_json:
        show_json({"dry_run": dry_run, "moved": [{"old": move.old_id, "new": move.new_id} for move in moves]})
        return
    for move in moves:
        echo(f"{move.old_id} -> {move.new_id}")
    echo(f"{'Would rename' if dry_run else 'Renamed'} {plural(len(moves), 'manifest')}; no blob changes.")


@click.command("rekey")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be renamed, and rename nothing.")
@json_option
def rekey_command(*, dry_run: bool, as_json: bool) -> None:
    """Rename blobs after the upstream map has changed.

    A blob's name holds the request's key, and the key holds the upstream's label. Rewrites names and manifests,
    offline, and prints which requests have become the same. No recording is lost.
    """
    project = open_project()
    report = rekey_store(project.store, project.settings.upstreams, dry_run=dry_run)
    entries, merges = report.entries, report.merged_requests
    if as_json:
        show_json({"entries": entries, "merges": merges, **_rewrite_json(report, dry_run=dry_run)})
        return
    for new_key, old_keys in merges.items():
        echo(f"{new_key[:12]} is one request now; it was {', '.join(key[:12] for key in old_keys)}")
    blobs, manifests = plural(len(report.renamed), "blob"), plural(len(report.changed_manifests), "manifest")
    read = f"{plural(entries, 'entry', 'entries')} read, {plural(len(merges), 'request')} merged"
    echo(f"{'Would rename' if dry_run else 'Renamed'} {blobs} in {manifests}; {read}.")


@click.command("redact")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be taken out, and change nothing.")
@json_option
def redact_command(*, dry_run: bool, as_json: bool) -> int:
    """Take out secrets that are stored already: keys, tokens, passwords.

    Recordings get new names, manifests follow, and replay goes on: a request is looked up without its secrets.
    """
    project = open_project()
    report = redact_store(project.store, scan_of(project), project.settings.upstreams, dry_run=dry_run)
    found, left = report.found, report.left
    if as_json:
        show_json({"found": found, "left": left, **_rewrite_json(report, dry_run=dry_run)})
    elif not found:
        echo("No secret was found.")
    else:
        show_secrets(left or found)
        blobs, manifests = (len(names) for names in (report.renamed, report.changed_manifests))
        renamed = f"{plural(blobs, 'blob')} with new names, {plural(manifests, 'manifest')} changed"
        echo(f"{'Would take' if dry_run else 'Took'} out {plural(len(found) - len(left), 'secret')}: {renamed}.")
        if left:
            echo(f"{plural(len(left), 'secret')} cannot be taken out here: record those tests again.")
        echo_err(_HISTORY)
    return SecretFound.exit_code if left else 0


def _rewrite_json(report: RewriteReport, *, dry_run: bool) -> dict[str, object]:
    renamed = [{"from": old, "to": new} for old, new in report.renamed]
    return {"dry_run": dry_run, "renamed": renamed, "changed_manifests": report.changed_manifests}
