"""`recstore verify`."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from recstore.cli.output import echo_err, echo_error, json_option, progress, show_json
from recstore.cli.repository import open_project, open_repository
from recstore.cli.secrets_output import as_json as secrets_as_json
from recstore.cli.secrets_output import scan_of, show_secrets
from recstore.errors import Damage, GitError, RecstoreError, SecretFound
from recstore.secrets.scan import StoreScan, scan_store
from recstore.store import FOLDER, Store
from recstore.store.verify import VerifyReport, verify_store
from recstore.text import human_size, plural

if TYPE_CHECKING:
    from recstore.check.restore import Repaired


@click.command("verify")
@click.option("--fast", is_flag=True, help="Trust blobs that were sound before and have not been written since.")
@click.option(
    "--repair", is_flag=True, help="Put back what Git has; other damaged blobs go to .recstore/local/quarantine."
)
@click.option("--secrets", is_flag=True, help="Look for keys, tokens and passwords, too.")
@json_option
def command(*, fast: bool, repair: bool, secrets: bool, as_json: bool) -> None:
    """Check every byte: names against contents, requests against keys, manifests against blobs."""
    project = open_project()
    store, settings = project.store, project.settings
    report = _verified(store, is_fast=fast)
    repaired = None
    if repair and (report.damaged_files or report.missing_files):
        repaired = _repaired(store, report)
        report = _verified(store, is_fast=True)  # what was sound a moment ago is not read again
    seen = StoreScan((), ())
    if secrets:
        with progress("Looking for secrets") as step:
            seen = scan_store(store, scan_of(settings), os.cpu_count() or 1, step)
    if as_json:
        show_json(_as_json(report, repaired) | ({"secrets": secrets_as_json(seen.found)} if secrets else {}))
    else:
        _show(report, repaired)
        if secrets:
            _show_secrets(seen)
    if report.problems:
        raise click.exceptions.Exit(_worst(report.problems))
    if seen.found:
        raise click.exceptions.Exit(SecretFound.exit_code)


def _verified(store: Store, *, is_fast: bool) -> VerifyReport:
    with progress("Verifying") as step:
        return verify_store(store, os.cpu_count() or 1, step, is_fast=is_fast)


def _repaired(store: Store, report: VerifyReport) -> Repaired:
    from recstore.check.restore import repair

    with ExitStack() as stack:
        try:
            repository = stack.enter_context(open_repository(store))
        except GitError as error:
            echo_err(f"warning: nothing can be put back: {error.subject}: {error.reason}")
            repository = None
        return repair(store, repository, report.damaged_files, report.missing_files)


def _show_secrets(seen: StoreScan) -> None:
    show_secrets(seen.found)
    unread = f" {plural(len(seen.unread), 'file')} could not be read for it." if seen.unread else ""
    click.echo((f"{plural(len(seen.found), 'secret')} found." if seen.found else "No secret was found.") + unread)
    if seen.found:
        echo_err(SecretFound.default_remedy)


def _worst(problems: tuple[RecstoreError, ...]) -> int:
    """Return the exit code of the first damage, and where there is none, of the first problem."""
    return next((error.exit_code for error in problems if isinstance(error, Damage)), problems[0].exit_code)


def _show(report: VerifyReport, repaired: Repaired | None) -> None:
    for file in repaired.files if repaired else ():
        lack = "" if file.path.startswith("blobs/") else ", which may lack what was recorded since"
        echo_err(f"put back from {file.location}{lack}: {FOLDER}/{file.path}")
    for path in repaired.quarantined if repaired else ():
        echo_err(f"what was damaged is in {os.path.relpath(path)}")
    for problem in report.problems:
        echo_error(problem)
    checked = f"{plural(report.blobs, 'blob')} ({human_size(report.bytes)}), {plural(report.manifests, 'manifest')}"
    verdict = f"{plural(len(report.problems), 'problem')} found." if report.problems else "all as it should be."
    click.echo(f"Checked {checked}, {plural(report.entries, 'entry', 'entries')}: {verdict}")
    if report.trusted:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(report.since))
        click.echo(
            f"{plural(report.trusted, 'blob was', 'blobs were')} not read: sound on {when} or later, and not written since. "
            "A disk that loses bits is found without --fast."
        )
    for name in report.modified_scaffold:
        click.echo(f"{FOLDER}/{name} is not as this recstore writes it: removed, `recstore init` makes it anew.")
    if report.unreferenced:
        click.echo(f"{plural(len(report.unreferenced), 'blob')} sound, but named by no manifest here.")
    if report.temporary_files:
        click.echo(
            f"{plural(len(report.temporary_files), 'temporary file')} left by a process that was stopped; harmless."
        )


def _as_json(report: VerifyReport, repaired: Repaired | None) -> dict[str, object]:
    return {
        "blobs": report.blobs,
        "bytes": report.bytes,
        "manifests": report.manifests,
        "entries": report.entries,
        "problems": [
            {"file": error.subject, "reason": error.reason, "remedy": error.remedy, "exit_code": error.exit_code}
            for error in report.problems
        ],
        "quarantined": [str(path) for path in repaired.quarantined] if repaired else [],
        "repaired": [
            {"file": f"{FOLDER}/{file.path}", "from": file.location} for file in (repaired.files if repaired else ())
        ],
        "not_read": report.trusted,
        "edited": report.modified_scaffold,
        "unnamed": [str(blob) for blob in report.unreferenced],
        "leftovers": report.temporary_files,
    }
