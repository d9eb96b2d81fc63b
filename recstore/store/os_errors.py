"""What is said where the system, or SQLite's lock, lets a store down: what happened, to what, and what mends it."""

from __future__ import annotations

import errno
from typing import Final

from recstore.errors import Locked, RecstoreError

_FULL: Final = "Free some disk space, then run the command again: nothing that was there is lost."
_NO_RIGHT: Final = "Check who may write in that folder."

_REMEDIES: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _NO_RIGHT,
    errno.EROFS: "The file system is read-only: recordings can be replayed, not written.",
    errno.EMFILE: "Raise the limit on open files (ulimit -n), then run the command again.",
    errno.ENOENT: "The folder is gone: bring it back (`git status` shows what is missing), then run the command again.",
}

_BY_NAME: Final = (
    ("SQLITE_FULL", "cannot be locked: the disk is full", _FULL),
    ("SQLITE_CANTOPEN", "cannot be locked: it cannot be opened", "Check what it is, and who may open it."),
    ("SQLITE_READONLY", "cannot be locked: it is read-only", _NO_RIGHT),
    ("SQLITE_NOTADB", "cannot be locked: it is no lock file", "Remove that file and try again: it holds nothing."),
    ("SQLITE_CORRUPT", "cannot be locked: it is damaged", "Remove that file and try again: it holds nothing."),
)
"""How SQLite's extended error names begin. Source: https://www.sqlite.org/rescode.html"""


def file_failure(path: str, what: str, error: OSError) -> RecstoreError:
    """Return what is said of a file or folder that the system refused."""
    return RecstoreError(path, f"{what}: {error.strerror or error}", _REMEDIES.get(error.errno or 0, ""))


def lock_failure(path: str, error: Exception, timeout_s: float) -> RecstoreError:
    """Return what is said where SQLite cannot lock the file `path`, which is in the folder `local/` of a store."""
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        store = path.removesuffix("/local/lock")
        return Locked(store, f"another process has been writing to it for {timeout_s:g} s")
    for beginning, reason, remedy in _BY_NAME:
        if name.startswith(beginning):
            return RecstoreError(path, reason, remedy)
    return RecstoreError(path, f"cannot be locked: {error}")
