"""Which files of a store were sound when they were last read, so that `verify --fast` need not read them again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

import orjson

from recstore.store.dir_cache import YOUNG_NS, Stamp
from recstore.store.directory import Directory

_NAME: Final = "local/verified.json"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Verified:
    """File names with the stamps under which they were found to be sound; `since` is the oldest of those looks (s since 1970).

    A file that is written again has another stamp. One whose bits rot on the disk has not: only reading finds that.
    """

    stamps: dict[str, Stamp] = field(default_factory=dict)
    since: int = 0

    def trusts(self, name: str, stamp: Stamp) -> bool:
        """Return whether the file is as it was when it was found to be sound."""
        return self.stamps.get(name) == stamp

    @classmethod
    def load(cls, directory: Directory) -> Verified:
        """Return what was noted; nothing where that is absent or damaged."""
        try:
            value = orjson.loads(directory.read(_NAME) or b"")
            if value["recstore"] != _VERSION:
                return cls()
            return cls({name: (row[0], row[1], row[2]) for name, row in value["files"].items()}, int(value["since"]))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return cls()

    def save(self, directory: Directory) -> None:
        """Note it, but for files that were changed so lately that they may change again unseen.

        Raises: RecstoreError: the local folder cannot be written.
        """
        old_ns = time.time_ns() - YOUNG_NS
        files = {name: stamp for name, stamp in self.stamps.items() if stamp[1] < old_ns}
        directory.write(_NAME, orjson.dumps({"recstore": _VERSION, "since": self.since, "files": files}))
