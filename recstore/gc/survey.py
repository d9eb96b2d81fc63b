"""What is there before anything is decided: the store's files in the work tree, and the entries of Git's index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recstore.git.manifests import ManifestFacts, ManifestReader
from recstore.git.objects import EMPTY_BLOBS
from recstore.git.repository import IndexEntry, Repository
from recstore.model import BlobName
from recstore.store import FOLDER, Store
from recstore.store.paths import MANIFEST_FOLDERS


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A manifest in the work tree: its text, the object id that Git gives it, and what it says."""

    data: bytes
    oid: str
    facts: ManifestFacts


@dataclass(frozen=True, slots=True)
class Survey:
    """Paths are below the store's folder; `blobs` are those of the work tree."""

    manifests: Mapping[str, ManifestFile]
    blobs: frozenset[BlobName]
    index: tuple[IndexEntry, ...]

    def staged(self) -> dict[str, str]:
        """Return path -> object id of what the next commit would have; nothing that is in conflict."""
        return {entry.path: entry.oid for entry in self.index if entry.stage == 0 and entry.oid not in EMPTY_BLOBS}


def survey(store: Store, repository: Repository, reader: ManifestReader) -> Survey:
    """Return what is there. Blobs are listed before manifests are read: a manifest that comes meanwhile counts, its blob not.

    Raises: ManifestConflict, NewerVersion, DamagedManifest: a manifest of the work tree cannot be relied on. GitError: the index cannot be read.
    """
    blobs = frozenset(store.blobs())
    return Survey(_manifests(store, reader), blobs, repository.index())


def _manifests(store: Store, reader: ManifestReader) -> dict[str, ManifestFile]:
    found = {}
    for folder in MANIFEST_FOLDERS:
        for file in store.directory.walk(folder):
            path = store.directory.name_of(file)
            data = store.directory.read(path)
            if data is not None:  # removed since the folder was listed
                found[path] = ManifestFile(data, *reader.of_file(data, f"{FOLDER}/{path}"))
    return found
