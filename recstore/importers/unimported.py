"""Files of another recorder whose recordings the store has not: never imported, or changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from glob import iglob

from recstore.errors import RecstoreError
from recstore.files import read_file
from recstore.importers.parse import read_source
from recstore.importers.render import Place, entries_by_file, file_bytes
from recstore.importers.scan import SourceFile, source_files
from recstore.model import Manifest
from recstore.settings import Settings
from recstore.store import Store
from recstore.upstreams import UpstreamMap


def loose_files(store: Store, settings: Settings, manifests: Iterable[Manifest]) -> Iterator[tuple[str, bool]]:
    """Yield the name of each file in the configured sources that has what `manifests` have not, and whether they know the file.

    A file without recordings is none; one that cannot be read is, for `recstore import` says why.
    """
    project = store.directory.root.parent
    matches = (iglob(source, root_dir=project, recursive=True, include_hidden=True) for source in settings.sources)
    folders = tuple(project / match for found in matches for match in sorted(found))
    known = entries_by_file(manifests)
    for file in source_files(folders, project):
        places = known.get(file.name, [])
        if not _has_all(store, file, places, settings.upstreams):
            yield file.name, bool(places)


def _has_all(store: Store, file: SourceFile, places: list[Place], upstreams: UpstreamMap) -> bool:
    """Return whether the entries from a file are what it holds. Mostly its bytes tell; a renamed test has others."""
    try:
        data = read_file(file.location)
    except OSError:
        return False
    with suppress(RecstoreError):  # a blob that is missing or damaged: a finding of its own
        if places and file_bytes(store, file.name, places) == data:
            return True
    try:
        return {recording.blob for recording in read_source(data, file.name, upstreams)} == {
            entry.blob for _, entry in places
        }
    except RecstoreError:
        return False
