"""`recstore verify`."""

from __future__ import annotations

import os

import click

from recstore.cli.project import json_option, open_project
from recstore.cli.secrets_shown import as_json as secrets_as_json
from recstore.cli.secrets_shown import scan_of, show_secrets
from recstore.cli.terminal import counted, progress, say, say_error, show_json, size
from recstore.errors import Damage, RecstoreError, SecretFound
from recstore.secrets.store_scan import StoredSecret, scan_store
from recstore.store.verify import VerifyReport, quarantine, verify_store

__all__ = ["command"]


@click.command("verify")
@click.option("--repair", is_flag=True, help="Move damaged blobs to .recstore/local/quarantine.")
@click.option("--secrets", is_flag=True, help="Look for keys, tokens and passwords, too.")
@json_option
def command(*, repair: bool, secrets: bool, as_json: bool) -> None:
    """Check every byte: names against contents, requests against keys, manifests against blobs."""
    store, settings = open_project()
    with progress("Verifying") as step:
        report = verify_store(store, os.cpu_count() or 1, step)
    moved = quarantine(store, report.damaged_files) if repair else ()
    found: tuple[StoredSecret, ...] = ()
    if secrets:
        with progress("Looking for secrets") as step:
            found = scan_store(store, scan_of(settings), os.cpu_count() or 1, step)
    if as_json:
        show_json(_as_json(report, moved) | ({"secrets": secrets_as_json(found)} if secrets else {}))
    else:
        _show(report, moved)
        if secrets:
            _show_secrets(found)
    if report.problems:
        raise click.exceptions.Exit(_worst(report.problems))
    if found:
        raise click.exceptions.Exit(SecretFound.exit_code)


def _show_secrets(found: tuple[StoredSecret, ...]) -> None:
    show_secrets(found)
    click.echo(f"{counted(len(found), 'secret')} found." if found else "No secret was found.")
    if found:
        say(SecretFound.default_remedy)


def _worst(problems: tuple[RecstoreError, ...]) -> int:
    """Return the exit code of the first damage, and where there is none, of the first problem."""
    return next((error.exit_code for error in problems if isinstance(error, Damage)), problems[0].exit_code)


def _show(report: VerifyReport, moved: tuple[str, ...]) -> None:
    for problem in report.problems:
        say_error(problem)
    for name in moved:
        say(f"moved to .recstore/{name}")
    checked = f"{counted(report.blobs, 'blob')} ({size(report.bytes)}), {counted(report.manifests, 'manifest')}"
    verdict = f"{counted(len(report.problems), 'problem')} found." if report.problems else "all as it should be."
    click.echo(f"Checked {checked}, {counted(report.entries, 'entry', 'entries')}: {verdict}")
    if report.unnamed:
        click.echo(f"{counted(len(report.unnamed), 'blob')} sound, but named by no manifest here.")
    if report.leftovers:
        click.echo(f"{counted(len(report.leftovers), 'temporary file')} left by a process that was stopped; harmless.")


def _as_json(report: VerifyReport, moved: tuple[str, ...]) -> dict[str, object]:
    return {
        "blobs": report.blobs,
        "bytes": report.bytes,
        "manifests": report.manifests,
        "entries": report.entries,
        "problems": [
            {"file": error.subject, "reason": error.reason, "remedy": error.remedy, "exit_code": error.exit_code}
            for error in report.problems
        ],
        "quarantined": moved,
        "unnamed": [str(blob) for blob in report.unnamed],
        "leftovers": report.leftovers,
    }
