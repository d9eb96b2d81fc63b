"""`recstore redact`."""

from __future__ import annotations

import click

from recstore.cli.output import echo_err, json_option, show_json
from recstore.cli.repository import open_project
from recstore.cli.secrets_output import as_json as secrets_as_json
from recstore.cli.secrets_output import scan_of, show_secrets
from recstore.errors import SecretFound
from recstore.importers.rewrite import RedactReport, redact_store
from recstore.text import plural

_HISTORY = """\
What was committed before is still in Git's history, for everybody who has a copy of it. First make the key useless, where
it was issued; then, if the history has to be clean: `git filter-repo --replace-text`, and a push with --force."""


@click.command("redact")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be taken out, and change nothing.")
@json_option
def command(*, dry_run: bool, as_json: bool) -> None:
    """Take out secrets that are stored already: keys, tokens, passwords.

    Recordings get new names, manifests follow, and replay goes on: a request is looked up without its secrets.
    """
    project = open_project()
    store, settings = project.store, project.settings
    report = redact_store(store, scan_of(settings), settings.upstreams, dry_run=dry_run)
    if as_json:
        show_json(_as_json(report, dry_run=dry_run))
    else:
        _show(report, dry_run=dry_run)
    if report.left:
        raise click.exceptions.Exit(SecretFound.exit_code)


def _show(report: RedactReport, *, dry_run: bool) -> None:
    show_secrets(report.left or report.found)
    if not report.found:
        click.echo("No secret was found.")
        return
    click.echo(
        f"{'Would take' if dry_run else 'Took'} out {plural(len(report.found) - len(report.left), 'secret')}: "
        f"{plural(len(report.rewrite.renamed), 'blob')} with new names, "
        f"{plural(len(report.rewrite.changed_manifests), 'manifest')} changed."
    )
    if report.left:
        click.echo(f"{plural(len(report.left), 'secret')} cannot be taken out here: record those tests again.")
    echo_err(_HISTORY)


def _as_json(report: RedactReport, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "found": secrets_as_json(report.found),
        "renamed": [{"from": str(old), "to": str(new)} for old, new in report.rewrite.renamed],
        "changed_manifests": report.rewrite.changed_manifests,
        "left": secrets_as_json(report.left),
    }
