"""What was seen of the sources when a watcher ended: what has not changed since need not be read again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import orjson

from recstore.errors import RecstoreError
from recstore.importers.scan import SourceFile
from recstore.model import Digest
from recstore.store.directory import Directory

_NAME: Final = "watch.json"
_VERSION: Final = 3


@dataclass(frozen=True, slots=True)
class Remembered:
    """Files by their locations, those of them that hold no recording, and the manifests that were there with them.

    `manifests` is what `Follower.state` gave: where it gives the same again, the store still has what these files gave it.
    """

    files: dict[str, SourceFile] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()
    manifests: str = ""


class Memory:
    """A note in the local folder of a store, for who watches these sources next, and in the same way; without it all is read."""

    def __init__(self, directory: Directory, sources: tuple[str, ...]) -> None:
        self._directory = directory
        self._sources = sources
        self._saved = ""

    def load(self, now: dict[str, SourceFile]) -> Remembered:
        """Return what the last watcher of these sources had seen; nothing where its note is absent, damaged or newer.

        Where that is what lies there `now`, which is the common case, the list of files need not be parsed.
        """
        listed, _, rest = (self._directory.read(_NAME) or b"").partition(b"\n")
        try:
            value = orjson.loads(rest)
            if value["recstore"] != _VERSION or value["sources"] != list(self._sources):
                return Remembered()
            is_same = listed == _listed(now)
            files = now if is_same else {file.location: file for file in map(_file, orjson.loads(listed))}
            return Remembered(files, frozenset(map(str, value["empty"])), str(value["manifests"]))
        except (ValueError, TypeError, KeyError, IndexError):
            return Remembered()

    def save(self, seen: Remembered) -> None:
        """Keep what was seen, where the store can be written."""
        note = {
            "recstore": _VERSION,
            "sources": self._sources,
            "manifests": seen.manifests,
            "empty": sorted(seen.empty),
        }
        data = _listed(seen.files) + b"\n" + orjson.dumps(note)
        digest = Digest.of(data)
        if digest != self._saved:
            with suppress(RecstoreError):  # the next one reads everything
                self._directory.write(_NAME, data)
                self._saved = digest


def _file(row: list[object]) -> SourceFile:
    """Return a row as it was saved. Raises: TypeError: it was not."""
    if [type(value) for value in row] != [str, int, int, int, int] or "\0" in str(row[0]):
        raise TypeError
    return SourceFile._make(row)


def _listed(files: dict[str, SourceFile]) -> bytes:
    return orjson.dumps([tuple(file) for file in files.values()])
