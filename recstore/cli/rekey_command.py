"""`recstore rekey`."""

from __future__ import annotations

import click

from recstore.cli.output import json_option, show_json
from recstore.cli.repository import open_project
from recstore.importers.rewrite import rekey_store
from recstore.text import plural


@click.command("rekey")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be renamed, and rename nothing.")
@json_option
def command(*, dry_run: bool, as_json: bool) -> None:
    """Rename blobs after the upstream map has changed.

    A blob's name holds the request's key, and the key holds the upstream's label. Rewrites names and manifests,
    offline, and prints which requests have become the same. No recording is lost.
    """
    project = open_project()
    report = rekey_store(project.store, project.settings.upstreams, dry_run=dry_run)
    if as_json:
        renamed = [{"from": old, "to": new} for old, new in report.renamed]
        counts = {"dry_run": dry_run, "entries": len(report.entries), "renamed": renamed}
        show_json({**counts, "changed_manifests": report.changed_manifests, "merges": report.merged_requests})
        return
    for new_key, old_keys in report.merged_requests.items():
        click.echo(f"{new_key[:12]} is one request now; it was {', '.join(key[:12] for key in old_keys)}")
    click.echo(
        f"{'Would rename' if dry_run else 'Renamed'} {plural(len(report.renamed), 'blob')} "
        f"in {plural(len(report.changed_manifests), 'manifest')}; "
        f"{plural(len(report.entries), 'entry', 'entries')} read, "
        f"{plural(len(report.merged_requests), 'request')} merged."
    )
