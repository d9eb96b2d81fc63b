"""`recstore stats`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import click

from recstore.cli.output import echo_error, json_option, progress, show_json
from recstore.cli.repository import open_project
from recstore.errors import RecstoreError
from recstore.importers.render import recorded_bytes
from recstore.store import Store
from recstore.store.index import BlobRow, EntryRow, Index
from recstore.text import escape_control, human_size, plural

_LARGEST = 5


@dataclass(frozen=True, slots=True)
class _Stats:
    """What is counted; sizes in bytes."""

    tests: int
    recordings: int
    recorded_bytes: int
    rows: list[EntryRow]
    blobs: list[BlobRow]
    manifest_bytes: int
    problems: tuple[RecstoreError, ...]

    @property
    def blob_bytes(self) -> int:
        return sum(blob.size_bytes for blob in self.blobs)

    @property
    def unshared_bytes(self) -> int:
        """What the blobs would take if no two entries shared one, and unnamed blobs were gone."""
        return sum(row.size_bytes for row in self.rows)

    @property
    def by_service(self) -> list[tuple[tuple[str, str], int]]:
        return Counter((row.upstream, row.model) for row in self.rows if row.state == "present").most_common()

    @property
    def largest(self) -> list[BlobRow]:
        return sorted(self.blobs, key=lambda blob: -blob.size_bytes)[:_LARGEST]


@click.command("stats")
@json_option
def command(*, as_json: bool) -> None:
    """Count and measure: tests, recordings, blobs, bytes as recorded and on disk, and where they went."""
    store = open_project().store
    stats = _gather(store)
    for problem in stats.problems:
        echo_error(problem)
    if as_json:
        show_json(_as_json(stats))
    else:
        _show(stats)
    if stats.problems:
        raise click.exceptions.Exit(stats.problems[0].exit_code)


def _gather(store: Store) -> _Stats:
    with Index(store).fresh() as index:
        rows, blobs, problems = list(index.listing()), list(index.blob_rows()), index.problems()
    manifests = []
    manifest_bytes = 0
    for path in store.manifest_paths():
        try:
            manifests.append(store.read_manifest(path))
        except RecstoreError:
            continue  # the index has named it among its problems
        manifest_bytes += store.directory.path(path).stat().st_size
    with progress("Measuring") as step:
        recorded = recorded_bytes(store, manifests, step)
    tests = sum(manifest.test_id is not None for manifest in manifests)
    return _Stats(tests, len(rows), recorded, rows, blobs, manifest_bytes, problems)


def _show(stats: _Stats) -> None:
    on_disk = stats.blob_bytes + stats.manifest_bytes
    click.echo(f"tests        {stats.tests:>10,}")
    click.echo(f"recordings   {stats.recordings:>10,}")
    click.echo(f"blobs        {len(stats.blobs):>10,}   {_unnamed(stats)}")
    click.echo(f"as recorded  {human_size(stats.recorded_bytes):>10}")
    click.echo(
        f"on disk      {human_size(on_disk):>10}   blobs {human_size(stats.blob_bytes)}, manifests {human_size(stats.manifest_bytes)}"
    )
    click.echo(f"saved        {_saved(stats.recorded_bytes, stats.unshared_bytes):>10}   by layout")
    click.echo(f"             {_saved(stats.unshared_bytes, stats.blob_bytes):>10}   by sharing equal recordings")
    click.echo("\nby upstream and model")
    for (upstream, model), number in stats.by_service:
        click.echo(escape_control(f"  {number:>8,}  {upstream}  {model}"))
    click.echo("\nlargest blobs")
    for blob in stats.largest:
        line = f"  {human_size(blob.size_bytes):>8}  {blob.name.key[:12]}  {blob.method} {blob.upstream}{blob.path}  {blob.model}"
        click.echo(escape_control(line))


def _unnamed(stats: _Stats) -> str:
    unnamed = sum(blob.entry_count == 0 for blob in stats.blobs)
    return f"{plural(unnamed, 'of them is', 'of them are')} named by no manifest" if unnamed else ""


def _saved(before_bytes: int, after_bytes: int) -> str:
    return human_size(max(0, before_bytes - after_bytes))


def _as_json(stats: _Stats) -> dict[str, object]:
    return {
        "tests": stats.tests,
        "recordings": stats.recordings,
        "blobs": len(stats.blobs),
        "unnamed_blobs": sum(blob.entry_count == 0 for blob in stats.blobs),
        "recorded_bytes": stats.recorded_bytes,
        "blob_bytes": stats.blob_bytes,
        "manifest_bytes": stats.manifest_bytes,
        "saved_by_layout_bytes": max(0, stats.recorded_bytes - stats.unshared_bytes),
        "saved_by_sharing_bytes": max(0, stats.unshared_bytes - stats.blob_bytes),
        "by_service": [
            {"upstream": upstream, "model": model, "recordings": number}
            for (upstream, model), number in stats.by_service
        ],
        "largest": [{"blob": str(blob.name), "size_bytes": blob.size_bytes} for blob in stats.largest],
    }
