"""`recstore verify`."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

import click

from recstore.cli.output import echo, echo_err, echo_error, json_option, progress, secrets_json, show_json, show_secrets
from recstore.cli.repository import open_project, open_repository, scan_of
from recstore.errors import Damage, GitError, SecretFound
from recstore.secrets.scan import StoreScan, scan_store
from recstore.store import FOLDER, Store
from recstore.store.verify import VerifyReport, verify_store
from recstore.text import human_size, plural


@click.command("verify")
@click.option("--fast", is_flag=True, help="Trust blobs that were sound before and have not been written since.")
@click.option("--repair", is_flag=True, help="Put back what Git has; other damaged blobs go to a folder of Git's own.")
@click.option("--secrets", is_flag=True, help="Look for keys, tokens and passwords, too.")
@json_option
def command(*, fast: bool, repair: bool, secrets: bool, as_json: bool) -> None:
    """Check every byte: names against contents, requests against keys, manifests against blobs."""
    project = open_project()
    store = project.store
    report = _verified(store, is_fast=fast)
    quarantined: list[str] = []
    repaired: list[dict[str, str]] = []
    if repair and (report.damaged_files or report.missing_files):
        quarantined, repaired = _repair(store, report)
        report = _verified(store, is_fast=True)  # what was sound a moment ago is not read again
    seen = StoreScan((), ())
    if secrets:
        with progress("Looking for secrets") as step:
            seen = scan_store(store, scan_of(project), os.cpu_count() or 1, step)
    if as_json:
        found = {"secrets": secrets_json(seen.found)} if secrets else {}
        show_json(report, quarantined=quarantined, repaired=repaired, **found)
    else:
        for file in repaired:
            lack = "" if file["file"].startswith(f"{FOLDER}/blobs/") else ", which may lack what was recorded since"
            echo_err(f"put back from {file['from']}{lack}: {file['file']}")
        for path in quarantined:
            echo_err(f"what was damaged is in {os.path.relpath(path)}")
        _show(report)
        if secrets:
            show_secrets(seen.found)
            unread = f" {plural(len(seen.unread), 'file')} could not be read for it." if seen.unread else ""
            echo((f"{plural(len(seen.found), 'secret')} found." if seen.found else "No secret was found.") + unread)
        if seen.found:
            echo_err(SecretFound.default_remedy)
    if report.problems:  # damage counts most
        first = min(report.problems, key=lambda problem: not isinstance(problem, Damage))
        raise click.exceptions.Exit(first.exit_code)
    if seen.found:
        raise click.exceptions.Exit(SecretFound.exit_code)


def _verified(store: Store, *, is_fast: bool) -> VerifyReport:
    with progress("Verifying") as step:
        return verify_store(store, os.cpu_count() or 1, step, is_fast=is_fast)


def _repair(store: Store, report: VerifyReport) -> tuple[list[str], list[dict[str, str]]]:
    """Return where damaged files are now, and the files that took their places, with where those come from."""
    from recstore.check.restore import repair

    with ExitStack() as stack:
        try:
            repository = stack.enter_context(open_repository(store))
        except GitError as error:
            echo_err(f"warning: nothing can be put back: {error.subject}: {error.reason}")
            repository = None
        done = repair(store, repository, report.damaged_files, report.missing_files)
    repaired = [{"file": f"{FOLDER}/{file.path}", "from": file.location} for file in done.files]
    return [str(path) for path in done.quarantined], repaired


def _show(report: VerifyReport) -> None:
    for problem in report.problems:
        echo_error(problem)
    checked = f"{plural(report.blobs, 'blob')} ({human_size(report.bytes)}), {plural(report.manifests, 'manifest')}"
    verdict = f"{plural(len(report.problems), 'problem')} found." if report.problems else "all as it should be."
    echo(f"Checked {checked}, {plural(report.entries, 'entry', 'entries')}: {verdict}")
    if report.not_read:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(report.since))
        unread = plural(report.not_read, "blob was", "blobs were")
        note = "A disk that loses bits is found without --fast."
        echo(f"{unread} not read: sound on {when} or later, and not written since. {note}")
    for name in report.modified_scaffold:
        echo(f"{FOLDER}/{name} is not as this recstore writes it: remove it, and `recstore init` writes it again.")
    if report.unreferenced:
        echo(f"{plural(len(report.unreferenced), 'blob')} sound, but named by no manifest here.")
    if report.temporary_files:
        temporary = plural(len(report.temporary_files), "temporary file")
        echo(f"{temporary} left by a process that was stopped; harmless.")
