"""`recstore ls`, `stats` and `status`: what the index knows of the store, without reading every blob."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import click

from recstore.cli.output import echo, echo_err, echo_error, head, json_option, progress, show_json, to_json
from recstore.cli.project import open_project
from recstore.errors import NotInStore, RecstoreError
from recstore.importers.formats import recorded_bytes
from recstore.store import Store
from recstore.store.blob import origin_path
from recstore.store.index import BlobRow, EntryFilter, EntryRow, Index
from recstore.text import human_size, plural

_OUTSIDE: Final = "(outside any test)"
_LARGEST: Final = 5


@click.command("ls")
@click.argument("test", default="")
@click.option("--upstream", default="", help="Only this upstream.")
@click.option("--endpoint", default="", help="Only paths with this in them.")
@click.option("--model", default="", help="Only this model.")
@click.option("--status", type=int, help="Only this HTTP status.")
@click.option("--missing", is_flag=True, help="Only entries whose blob is missing or damaged.")
@json_option
def ls_command(*, as_json: bool, missing: bool, **wanted: Any) -> int:
    """List recordings by test: all, or those of tests with TEST in their id.

    A `*` in TEST or an option stands for any characters.
    """
    with Index(open_project().store) as index:
        problems = index.problems
        rows = [row for row in index.listing(EntryFilter(**wanted)) if not missing or row.state != "present"]
    owner: str | None = ""
    for row in rows:
        blob, call = row.entry.blob, row.entry.n
        if as_json:
            facts = to_json(row, test=row.test_id, call=call, key=blob.key, digest=blob.digest)
            del facts["entry"], facts["test_id"]
            show_json({**facts, "origin": origin_path(row.entry.origin)})
            continue
        if row.test_id != owner:
            owner = row.test_id
            echo(owner or _OUTSIDE, is_bold=True)
        if row.state == "missing":
            echo(f"  {blob.key[:12]}  missing")
            continue
        kind = "damaged" if row.state == "damaged" else "error" if row.is_error else "stream" if row.is_stream else ""
        words = [blob.key[:12], f"{human_size(row.size_bytes):>8}", row.method, row.upstream + row.path, row.model]
        echo("  " + "  ".join(filter(None, (*words, kind, f"(call {call})" if call > 1 else ""))))
    if not as_json:
        echo_err(_sum(len(rows), len({row.test_id for row in rows} - {None}), len({row.entry.blob for row in rows})))
    return _exit_code(problems)


@click.command("stats")
@json_option
def stats_command(*, as_json: bool) -> int:
    """Count and measure: tests, recordings, blobs, bytes as recorded and on disk, and where they went."""
    store = open_project().store
    rows, blobs, counts, problems = _measure(store)
    manifests, manifest_bytes = [], 0
    for path in store.manifest_paths():
        try:
            manifests.append(store.read_manifest(path))
        except RecstoreError:
            continue  # the index has named it among its problems
        manifest_bytes += store.directory.path(path).stat().st_size
    with progress("Measuring") as step:
        recorded = recorded_bytes(store, manifests, step)
    blob_bytes = sum(blob.size_bytes for blob in blobs)
    unshared = sum(row.size_bytes for row in rows)  # if no two entries shared a blob, and unreferenced ones were gone
    by_layout, by_sharing = max(0, recorded - unshared), max(0, unshared - blob_bytes)
    services = Counter((row.upstream, row.model) for row in rows if row.state == "present").most_common()
    largest = sorted(blobs, key=lambda blob: -blob.size_bytes)[:_LARGEST]
    if as_json:
        sizes = {"recorded_bytes": recorded, "blob_bytes": blob_bytes, "manifest_bytes": manifest_bytes}
        saved = {"saved_by_layout_bytes": by_layout, "saved_by_sharing_bytes": by_sharing}
        by_service = [{"upstream": name, "model": model, "recordings": count} for (name, model), count in services]
        by_size = [{"blob": blob.name, "size_bytes": blob.size_bytes} for blob in largest]
        show_json({**counts, **sizes, **saved, "by_service": by_service, "largest": by_size})
        return _exit_code(problems)
    unreferenced = plural(counts.pop("unreferenced_blobs"), "of them is", "of them are")
    notes = {"blobs": "" if unreferenced.startswith("0 ") else f"{unreferenced} named by no manifest"}
    split = f"blobs {human_size(blob_bytes)}, manifests {human_size(manifest_bytes)}"
    for label, figure, note in (
        *((name, f"{count:,}", notes.get(name, "")) for name, count in counts.items()),
        ("as recorded", human_size(recorded), ""),
        ("on disk", human_size(blob_bytes + manifest_bytes), split),
        ("saved", human_size(by_layout), "by layout"),
        ("", human_size(by_sharing), "by sharing equal recordings"),
    ):
        echo(f"{label:<13}{figure:>10}   {note}".rstrip())
    echo("\nby upstream and model")
    for (upstream, model), count in services:
        echo(f"  {count:>8,}  {upstream}  {model}")
    echo("\nlargest blobs")
    for blob in largest:
        size, key = human_size(blob.size_bytes), blob.name.key[:12]
        echo(f"  {size:>8}  {key}  {blob.method} {blob.upstream}{blob.path}  {blob.model}")
    return _exit_code(problems)


@click.command("status")
@json_option
def status_command(*, as_json: bool) -> int:
    """Say in a few lines what state the store is in, from names and manifests alone: `verify` reads the bytes."""
    store = open_project().store
    rows, _, counts, problems = _measure(store)
    missing = sorted({row.test_id or _OUTSIDE for row in rows if row.state == "missing"})
    if as_json:
        show_json({"store": store.directory.root, **counts, "incomplete": missing, "problems": problems})
    else:
        echo(f"Store {store.directory.root}")
        echo(_sum(counts["recordings"], counts["tests"], counts["blobs"]))
        if counts["unreferenced_blobs"]:
            echo(f"{plural(counts['unreferenced_blobs'], 'blob')} named by no manifest.")
        for test_id in head(missing):
            echo(f"(missing) {test_id}")
        if missing:
            remedy = "`recstore restore` brings back what Git has anywhere."
            echo(f"{plural(len(missing), 'test')} without all its blobs: {remedy}")
    return _exit_code(problems) or (NotInStore.exit_code if missing else 0)


def _measure(store: Store) -> tuple[list[EntryRow], list[BlobRow], dict[str, int], tuple[RecstoreError, ...]]:
    """Return all entries, all blobs, the counts of both, and what is wrong with the files that could not be read."""
    with Index(store) as index:
        rows, blobs, problems = list(index.listing()), index.blob_rows(), index.problems
    tests = {row.test_id for row in rows if row.test_id is not None}
    counts = {"tests": len(tests), "recordings": len(rows), "blobs": len(blobs)}
    return rows, blobs, {**counts, "unreferenced_blobs": sum(blob.entry_count == 0 for blob in blobs)}, problems


def _sum(recordings: int, tests: int, blobs: int) -> str:
    return f"{plural(recordings, 'recording')} of {plural(tests, 'test')} in {plural(blobs, 'blob')}."


def _exit_code(problems: tuple[RecstoreError, ...]) -> int:
    """Name all problems, and return the exit code of the first."""
    for problem in problems:
        echo_error(problem)
    return problems[0].exit_code if problems else 0
