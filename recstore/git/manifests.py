"""Whose a manifest is and which blobs it names: of files and of Git objects, each text read once however many roots have it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import orjson

from recstore.errors import DamagedManifest, GitError
from recstore.git.objects import EMPTY_BLOBS, Objects, blob_id
from recstore.model import BlobName, Digest, RequestKey
from recstore.store.manifest import parse_manifest

_SIMPLE: Final = re.compile(
    rb"recstore 1\n(?:shared|test (\"[^\n]*\"))\n(?:\d+\+? [0-9a-f]{64} [0-9a-f]{64}(?: \{[^\n]*\})?\n)*"
)
_NAMES: Final = re.compile(rb"^\d+\+? ([0-9a-f]{64}) ([0-9a-f]{64})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """Whose manifest it is (None: of a recording made outside any test), and which blobs it names."""

    test_id: str | None
    blobs: frozenset[BlobName]


def facts_of(data: bytes, subject: str) -> ManifestFacts:
    """Return what the manifest `data` says.

    Raises: ManifestConflict, NewerVersion, DamagedManifest: it cannot be relied on; `subject` says which it is.
    """
    simple = _SIMPLE.fullmatch(data)  # a fifth of the time of a full parse, for what is nearly always the case
    if simple is None:
        manifest = parse_manifest(data, subject)
        return ManifestFacts(manifest.test_id, frozenset(entry.blob for entry in manifest.entries))
    try:
        test_id = orjson.loads(simple[1]) if simple[1] else None
    except orjson.JSONDecodeError as error:
        raise DamagedManifest(subject, "line 2 names neither a test nor `shared`") from error
    blobs = (BlobName(RequestKey(key.decode()), Digest(digest.decode())) for key, digest in _NAMES.findall(data))
    return ManifestFacts(test_id, frozenset(blobs))


@dataclass(slots=True)
class ManifestReader:
    """Reads the manifests of many roots; most of them are the same texts."""

    objects: Objects
    _known: dict[str, ManifestFacts] = field(default_factory=dict)

    def of_file(self, data: bytes, subject: str) -> tuple[str, ManifestFacts]:
        """Return the object id that a manifest in the work tree has or would have, and what it says.

        Raises: as `facts_of`.
        """
        oid = blob_id(data, self.objects.id_length)
        if oid not in self._known:
            self._known[oid] = facts_of(data, subject)
        return oid, self._known[oid]

    def of_object(self, oid: str, subject: str) -> ManifestFacts:
        """Return what a manifest in Git says.

        Raises: as `facts_of`. GitError: the object is not here or cannot be read.
        """
        if oid in EMPTY_BLOBS:
            return ManifestFacts(None, frozenset())  # `git add --intent-to-add`: a name without content
        if oid not in self._known:
            try:
                data = self.objects.read(oid)
            except GitError as error:
                raise GitError(subject, f"cannot be read: {error.subject} {error.reason}", error.remedy) from error
            self._known[oid] = facts_of(data, subject)
        return self._known[oid]

    def is_known(self, oid: str) -> bool:
        """Return whether the manifest was read already, and need not be here."""
        return oid in self._known or oid in EMPTY_BLOBS
