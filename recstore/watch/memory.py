"""What was seen of the sources when a watcher ended: what has not changed since need not be read again."""

from __future__ import annotations

from typing import Final

import orjson

from recstore.adapters.discovery import SourceFile
from recstore.store.directory import Directory
from recstore.watch.places import Signature

__all__ = ["Memory"]

_NAME: Final = "local/watch.json"
_VERSION: Final = 1


class Memory:
    """A note in the local folder of a store; without it everything is read anew."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._saved = b""

    def load(self) -> dict[str, tuple[SourceFile, Signature]]:
        """Return what the last watcher had seen; nothing where its note is absent, damaged or of another version."""
        data = self._directory.read(_NAME)
        try:
            value = orjson.loads(data or b"")
            if value["recstore"] != _VERSION:
                return {}
            return {
                location: (SourceFile(name, location, signature[2]), (signature[0], signature[1], signature[2]))
                for location, name, signature in value["files"]
            }
        except (ValueError, TypeError, KeyError, IndexError):
            return {}

    def save(self, seen: dict[str, tuple[SourceFile, Signature]]) -> None:
        """Keep what was seen."""
        files = [(location, file.name, signature) for location, (file, signature) in sorted(seen.items())]
        data = orjson.dumps({"recstore": _VERSION, "files": files})
        if data != self._saved:
            self._directory.write(_NAME, data)
            self._saved = data
