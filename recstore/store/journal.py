"""What lies beside a database of ours, before SQLite believes it."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")


def is_foreign_journal(path: str) -> bool:
    """Return whether the rollback journal names a super-journal, which SQLite deletes once it has played the journal back.

    Only transactions over several databases have one: recstore has none, so that somebody else has made it.

    Source: https://www.sqlite.org/fileformat.html#the_rollback_journal; `pager_delsuper` in SQLite's pager.c.
    """
    with suppress(OSError), open(path, "rb") as journal:
        journal.seek(-len(_MAGIC), 2)
        return journal.read() == _MAGIC
    return False
